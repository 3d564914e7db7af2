// Makes the sample images, their keys and index.json again: `npm run samples`.
//   --only MODEL/FILE  just this one
//   --force            sign again even where a random signature would only be another one
// IMGTOOL names imgtool when it is not on the PATH. Without it, what it signed is kept as it is.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  createContentCipher,
  decryptedSource,
  hashedSizeBytes,
  imageSourceFromBytes,
  parseDecryptionKey,
  parseImageHeader,
  publicKeyHash,
  readImageEncryption,
  readImageSummary,
} from '@brickproof/bootloader-sim';
import { createHostCrypto, loadVerificationKey } from '@brickproof/harness';
import {
  DECRYPTION_KEYS,
  decryptionKeyFile,
  keyFile,
  KEYS,
  readDecryptionKey,
  readKey,
} from './keys.mjs';
import { MODEL_SIZES, PAIR_MODEL, recipesOf } from './recipes.mjs';
import { buildOurs, imgtoolArguments, imgtoolVersion, signWithImgtool } from './sign.mjs';
import { DEVICE_SECURITY_COUNTER, verificationOf } from './verdicts.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url)).replace(/[/\\]$/, '');
const flags = readFlags();
const crypto = createHostCrypto();
const imgtool = imgtoolVersion();
const keys = Object.fromEntries(Object.keys(KEYS).map((name) => [name, verificationKey(name)]));
const trustedKeys = Object.keys(KEYS)
  .filter((name) => KEYS[name].trusted)
  .map((name) => keys[name]);

const decryptionKeys = Object.fromEntries(
  Object.keys(DECRYPTION_KEYS).map((name) => [name, decryptionKey(name)]),
);

const tally = { written: 0, same: 0, kept: 0, missing: [] };
const entries = Object.keys(MODEL_SIZES).flatMap((modelName) => makeModel(modelName));
if (flags.only === undefined) {
  removeUnlisted();
  writeIndex();
}
report();

function readFlags() {
  try {
    const options = { only: { type: 'string' }, force: { type: 'boolean', default: false } };
    const { only, force } = parseArgs({ options }).values;
    const isKnown = (name) => recipesOf(name).some(({ file }) => only === `${name}/${file}`);
    if (only !== undefined && !Object.keys(MODEL_SIZES).some(isKnown)) {
      throw new Error(`--only ${only}: no such sample; index.json lists them as MODEL/FILE`);
    }
    return { only, force };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

function makeModel(modelName) {
  mkdirSync(join(folder, modelName), { recursive: true });
  return recipesOf(modelName).flatMap((recipe) => {
    if (flags.only === undefined || flags.only === `${modelName}/${recipe.file}`) {
      make(modelName, recipe);
    }
    const image = readSample(modelName, recipe.file);
    return image === undefined ? [] : [describe(modelName, recipe, image)];
  });
}

function make(modelName, recipe) {
  const path = join(folder, modelName, recipe.file);
  const before = readSample(modelName, recipe.file);
  const image = bytesOf(modelName, recipe, before);
  if (image === undefined) tally.missing.push(`${modelName}/${recipe.file}`);
  else if (image === before) tally.kept += 1;
  else if (before?.equals(image)) tally.same += 1;
  else {
    writeFileSync(path, image);
    tally.written += 1;
  }
}

function bytesOf(modelName, recipe, before) {
  switch (recipe.by) {
    case 'ours':
      return buildOurs(folder, modelName, recipe);
    case 'change': {
      const origin = readSample(modelName, recipe.origin);
      return origin && recipe.change(origin, (file) => readSample(modelName, file));
    }
    default:
      if (imgtool === undefined) return before;
      return !flags.force && isStillGood(modelName, recipe, before)
        ? before
        : signWithImgtool(folder, modelName, recipe);
  }
}

/** Whether what would come out differently is over just what would be signed and encrypted now. */
function isStillGood(modelName, recipe, before) {
  if (before === undefined || recipe.key === undefined || isDeterministic(recipe)) return false;
  const plain = buildOurs(folder, modelName, recipe, { plain: true });
  const hashed = hashedSizeBytes(headerOf(plain));
  if (!plainBytes(before, recipe).subarray(0, hashed).equals(plain.subarray(0, hashed))) {
    return false;
  }
  return isAsPromised(answersOf(modelName, recipe, before), recipe);
}

function isDeterministic(recipe) {
  return KEYS[recipe.key].algorithm === 'ed25519' && recipe.encryption === undefined;
}

/** The image decrypted, if it can be; otherwise as it is, which then is over other bytes. */
function plainBytes(image, { encryption }) {
  if (encryption === undefined) return image;
  const source = imageSourceFromBytes(image);
  const key = decryptionKeys[encryption.keyName];
  const read = readImageEncryption(source, headerOf(image), key, crypto);
  if (!read.ok) return image;
  const cipher = createContentCipher(read.value.contentKey, crypto);
  return Buffer.from(decryptedSource(source, headerOf(image), cipher).read(0, image.length));
}

function headerOf(image) {
  const header = parseImageHeader(imageSourceFromBytes(image), { takesEncrypted: true });
  if (!header.ok) throw new Error(header.detail);
  return header.value;
}

/** What devices answer: one without a decryption key, and for encrypted samples one with a key. */
function answersOf(modelName, recipe, image) {
  const asked = { modelName, image, keys: trustedKeys, crypto, imageIndex: recipe.image };
  const verification = verificationOf(asked);
  if (recipe.encryption === undefined) return { verification };
  const decryptionKey = decryptionKeys[deviceKeyName(recipe)];
  return {
    verification,
    verificationWithKey: verificationOf({ ...asked, decryptionKey }),
  };
}

/** A device has a key of the kind the sample is for, though not always that very key. */
function deviceKeyName({ encryption: { keyName } }) {
  const { curve, ofDevice } = DECRYPTION_KEYS[keyName];
  if (ofDevice) return keyName;
  return Object.keys(DECRYPTION_KEYS).find(
    (name) => DECRYPTION_KEYS[name].ofDevice && DECRYPTION_KEYS[name].curve === curve,
  );
}

function isAsPromised({ verification, verificationWithKey }, { answer }) {
  const promised = [answer.verification, answer.verificationWithKey];
  return JSON.stringify([verification, verificationWithKey]) === JSON.stringify(promised);
}

/** The index entry of a sample. Throws when a device would not answer what the recipe promises. */
function describe(modelName, recipe, image) {
  const answers = answersOf(modelName, recipe, image);
  if (!isAsPromised(answers, recipe)) {
    const found = JSON.stringify(answers);
    throw new Error(`${modelName}/${recipe.file} answers ${found}, not what its recipe promises`);
  }
  const summary = readImageSummary(imageSourceFromBytes(image));
  return {
    model: modelName,
    file: `${modelName}/${recipe.file}`,
    ...(modelName === PAIR_MODEL && { image: recipe.image ?? 0, needs: recipe.needs ?? [] }),
    sizeBytes: image.length,
    sha256: createHash('sha256').update(image).digest('hex'),
    imageHash: summary.ok ? Buffer.from(summary.value.hash).toString('hex') : null,
    version: recipe.version,
    securityCounter: recipe.securityCounter ?? null,
    key: recipe.key === undefined ? null : keyFile(recipe.key),
    ...(recipe.encryption && { decryptionKey: decryptionKeyFile(deviceKeyName(recipe)) }),
    madeBy: recipe.by,
    ...(recipe.by === 'change' && { origin: `${modelName}/${recipe.origin}`, change: recipe.what }),
    ...(recipe.card && { behaviour: recipe.card }),
    command: commandOf(modelName, recipe),
    ...recipe.answer,
  };
}

function commandOf(modelName, recipe) {
  return recipe.by === 'imgtool'
    ? `imgtool ${imgtoolArguments(modelName, recipe).map(quoted).join(' ')}`
    : `npm run samples -- --only ${modelName}/${recipe.file}`;
}

/** As a shell takes it. */
function quoted(argument) {
  return /[() ]/.test(argument) ? `'${argument}'` : argument;
}

function verificationKey(name) {
  const key = loadVerificationKey(readKey(folder, name));
  if (!key.ok) throw new Error(`${keyFile(name)}: ${key.detail}`);
  return key.value;
}

function decryptionKey(name) {
  const key = parseDecryptionKey(readDecryptionKey(folder, name));
  if (!key.ok) throw new Error(`${decryptionKeyFile(name)}: ${key.detail}`);
  return key.value;
}

function readSample(modelName, file) {
  const path = join(folder, modelName, file);
  return existsSync(path) ? readFileSync(path) : undefined;
}

/** A sample whose recipe is gone would otherwise stay for ever. */
function removeUnlisted() {
  for (const modelName of Object.keys(MODEL_SIZES)) {
    const listed = new Set(recipesOf(modelName).map((recipe) => recipe.file));
    for (const file of readdirSync(join(folder, modelName))) {
      if (!listed.has(file)) rmSync(join(folder, modelName, file));
    }
  }
}

function writeIndex() {
  const index = {
    device: { securityCounter: DEVICE_SECURITY_COUNTER, runs: 'good-1.0.0-imgtool.bin' },
    keys: Object.entries(KEYS).map(([name, { algorithm, trusted }]) => ({
      file: keyFile(name),
      algorithm,
      keyHash: Buffer.from(publicKeyHash(keys[name], crypto)).toString('hex'),
      trusted,
    })),
    decryptionKeys: Object.entries(DECRYPTION_KEYS).map(([name, { curve, ofDevice }]) => ({
      file: decryptionKeyFile(name),
      curve,
      ofDevice,
    })),
    samples: entries.filter(({ model }) => model !== PAIR_MODEL),
    pairs: {
      model: PAIR_MODEL,
      runs: { image0: 'good-1.0.0-imgtool.bin', image1: 'good-1.0.0-image1-imgtool.bin' },
      samples: entries.filter(({ model }) => model === PAIR_MODEL),
    },
  };
  writeFileSync(join(folder, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
}

function report() {
  const { written, same, kept, missing } = tally;
  console.log(`${written} written, ${same} the same as before, ${kept} kept as they were`);
  if (imgtool === undefined) {
    console.log('imgtool was not found: what it signs was kept, not made again.');
    console.log('Install it (pip install imgtool), or name it in the variable IMGTOOL.');
  } else {
    console.log(`Signed with imgtool ${imgtool}; random signatures are kept while they hold.`);
  }
  for (const file of missing) console.log(`missing: ${file}`);
  if (missing.length > 0) process.exitCode = 1;
}
