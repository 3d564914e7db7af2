// Makes the bytes of a sample from its recipe: with imgtool, with this project, or by a change.
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  appendBehaviourCard,
  buildImage,
  createNobleSigningKey,
  parseEncryptionKey,
  parseImageVersion,
} from '@brickproof/bootloader-sim';
import { createHostCrypto } from '@brickproof/harness';
import { decryptionKeyFile, keyFile, KEYS, readDecryptionKey, readKey } from './keys.mjs';
import { makePayload } from './payload.mjs';
import { MODEL_SIZES } from './recipes.mjs';
import { areaOf } from './verdicts.mjs';

const IMGTOOL = process.env.IMGTOOL ?? 'imgtool';
const FOLDER_NAME = 'firmware-samples';
/** Where payloads are left, so that the recorded commands can be repeated. */
const PAYLOADS = '.brickproof/payloads';
const crypto = createHostCrypto();

/** imgtool's version, or undefined when it cannot be run. */
export function imgtoolVersion() {
  const { status, stdout } = spawnSync(IMGTOOL, ['version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** The payload of a recipe. */
export function payloadOf(modelName, recipe) {
  const { payloadSizeBytes, headerSizeBytes } = MODEL_SIZES[modelName];
  const slot = areaOf(modelName, `slot${recipe.romFixedSlot ?? primarySlotOf(recipe)}`);
  const payload = makePayload({
    sizeBytes: recipe.fillsSlot ? slot.sizeBytes : (recipe.payloadSizeBytes ?? payloadSizeBytes),
    address: slot.flashOffset + headerSizeBytes,
    version: recipe.version,
  });
  return recipe.card === undefined ? payload : appendBehaviourCard(payload, recipe.card);
}

/** Builds a recipe with this project; `plain` leaves its signature out, and its body plain. */
export function buildOurs(folder, modelName, recipe, { plain = false } = {}) {
  const version = parseImageVersion(recipe.version);
  const options = {
    payload: payloadOf(modelName, recipe),
    version: version.value,
    headerSizeBytes: MODEL_SIZES[modelName].headerSizeBytes,
    customTlvs: recipe.customTlvs ?? [],
    nonBootable: recipe.nonBootable ?? false,
    dependencies: (recipe.needs ?? []).map(({ image, version: needed }) => {
      return { imageIndex: image, minimumVersion: parseImageVersion(needed).value };
    }),
    ...(recipe.securityCounter === undefined ? {} : { securityCounter: recipe.securityCounter }),
    ...(recipe.romFixedSlot === undefined
      ? {}
      : { address: { kind: 'rom-fixed', value: romAddress(modelName, recipe) } }),
    ...(plain || recipe.key === undefined ? {} : { signingKey: rawKey(folder, recipe.key) }),
    ...(recipe.encryption === undefined ? {} : { encryption: encryptionOf(folder, recipe, plain) }),
  };
  const built = buildImage(options, crypto);
  if (!built.ok) throw new Error(`${recipe.file}: ${built.detail}`);
  return Buffer.from(built.value);
}

/** The image's own keys are made of its version and are no secret: it comes out the same each time. */
function encryptionOf(folder, { encryption, version }, plain) {
  const { keyName, bits, clear = false } = encryption;
  const key = parseEncryptionKey(readDecryptionKey(folder, keyName));
  if (!key.ok) throw new Error(`${decryptionKeyFile(keyName)}: ${key.detail}`);
  let draw = 0;
  const entropy = (outputLength) => {
    draw += 1;
    const hash = createHash('shake256', { outputLength });
    return hash.update(`brickproof sample ${version} ${bits} ${draw}`).digest();
  };
  return { key: key.value, contentKeySizeBytes: bits / 8, entropy, clear: clear || plain };
}

/** The command that signs a recipe with imgtool, from the project's root. */
export function imgtoolArguments(modelName, recipe) {
  const area = areaOf(modelName, `slot${primarySlotOf(recipe)}`);
  const hex = (value) => `0x${value.toString(16)}`;
  return [
    'sign',
    ...(recipe.key === undefined ? [] : ['--key', `${FOLDER_NAME}/${keyFile(recipe.key)}`]),
    ...['--header-size', hex(MODEL_SIZES[modelName].headerSizeBytes), '--pad-header'],
    ...['--slot-size', hex(area.sizeBytes), '--align', `${area.writeAlignBytes}`],
    ...['--version', recipe.version],
    ...(recipe.securityCounter === undefined
      ? []
      : ['--security-counter', `${recipe.securityCounter}`]),
    ...(recipe.customTlvs ?? []).flatMap(({ type, value }) => [
      '--custom-tlv',
      hex(type),
      `0x${value.toString('hex')}`,
    ]),
    ...(recipe.romFixedSlot === undefined
      ? []
      : ['--rom-fixed', hex(romAddress(modelName, recipe))]),
    ...(recipe.nonBootable ? ['--non-bootable'] : []),
    ...(recipe.needs ?? []).flatMap(({ image, version }) => [
      '--dependencies',
      `(${image}, ${version})`,
    ]),
    ...(recipe.encryption === undefined ? [] : encryptionArguments(recipe.encryption)),
    ...(recipe.padding === undefined ? [] : [`--${recipe.padding}`]),
    `${FOLDER_NAME}/${payloadFile(modelName, recipe)}`,
    `${FOLDER_NAME}/${modelName}/${recipe.file}`,
  ];
}

function encryptionArguments({ keyName, bits }) {
  const file = `${FOLDER_NAME}/${decryptionKeyFile(keyName)}`;
  return ['--encrypt', file, '--encrypt-keylen', `${bits}`];
}

/** Runs that command and takes the bytes; the sample itself is left as it was. */
export function signWithImgtool(folder, modelName, recipe) {
  const args = imgtoolArguments(modelName, recipe).slice(0, -1);
  const payload = join(folder, payloadFile(modelName, recipe));
  const outfile = join(folder, '.brickproof', 'signed.bin');
  mkdirSync(dirname(payload), { recursive: true });
  writeFileSync(payload, payloadOf(modelName, recipe));
  const { status, stderr } = spawnSync(IMGTOOL, [...args, outfile], {
    cwd: dirname(folder),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`imgtool ${args.join(' ')} failed: ${stderr}`);
  const image = readFileSync(outfile);
  rmSync(outfile);
  return image;
}

function payloadFile(modelName, recipe) {
  const slot = recipe.romFixedSlot === 1 ? '-slot1' : '';
  const image = recipe.image === undefined ? '' : `-image${recipe.image}`;
  return `${PAYLOADS}/${modelName}-${recipe.version}${image}${slot}.bin`;
}

/** Slots of all images are counted through. */
function primarySlotOf({ image = 0 }) {
  return 2 * image;
}

function romAddress(modelName, recipe) {
  return areaOf(modelName, `slot${recipe.romFixedSlot}`).flashOffset;
}

/** A key whose signatures are the same each time. */
function rawKey(folder, name) {
  const { d } = createPrivateKey(readKey(folder, name)).export({ format: 'jwk' });
  const { algorithm } = KEYS[name];
  const key = createNobleSigningKey({ algorithm, bytes: Buffer.from(d, 'base64url') });
  if (!key.ok) throw new Error(`${name}: ${key.detail}`);
  return key.value;
}
