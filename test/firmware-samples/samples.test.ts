import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  compareImageVersions,
  contentKeySizeBytes,
  createContentCipher,
  createFlashMap,
  decryptedSource,
  formatImageVersion,
  imageSourceFromBytes,
  maxImageSizeBytes,
  NorFlash,
  nobleCrypto,
  parseDecryptionKey,
  parseImageHeader,
  parseImageVersion,
  publicKeyHash,
  readBehaviourCard,
  readImageEncryption,
  readImageSummary,
  verifyImage,
  type AgreementKey,
  type CryptoProvider,
  type FlashArea,
  type ImageEncryptionPolicy,
  type ImageHeader,
  type ImageSource,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { createHostCrypto, DEVICE_MODELS, loadVerificationKey } from '@brickproof/harness';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../firmware-samples', import.meta.url));
const SAMPLE_SIZE_BYTES_MIN = 256 * 1024;
const MODEL_NAMES = ['nrf-equal', 'stm-unequal'] as const;

interface KeyEntry {
  readonly file: string;
  readonly algorithm: string;
  readonly keyHash: string;
  readonly trusted: boolean;
}

interface DecryptionKeyEntry {
  readonly file: string;
  readonly curve: string;
  readonly ofDevice: boolean;
}

interface SlotAnswers {
  readonly slot0: string;
  readonly slot1: string;
}

interface SampleEntry {
  readonly model: (typeof MODEL_NAMES)[number];
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly imageHash: string | null;
  readonly version: string;
  readonly securityCounter: number | null;
  readonly key: string | null;
  readonly decryptionKey?: string;
  readonly madeBy: 'imgtool' | 'ours' | 'change';
  readonly behaviour?: object;
  readonly command: string;
  readonly verification: SlotAnswers;
  readonly verificationWithKey?: SlotAnswers;
  readonly outcome: 'runs' | 'rolled-back' | 'refused';
  readonly outcomeCode?: string;
}

interface SampleIndex {
  readonly device: { readonly securityCounter: number; readonly runs: string };
  readonly keys: readonly KeyEntry[];
  readonly decryptionKeys: readonly DecryptionKeyEntry[];
  readonly samples: readonly SampleEntry[];
}

const index = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as SampleIndex;
const node = createHostCrypto();
const keys = new Map(index.keys.map((entry) => [entry.file, { entry, key: readKey(entry.file) }]));
const trusted = [...keys.values()].filter(({ entry }) => entry.trusted).map(({ key }) => key);

function readKey(file: string): VerificationKey {
  const key = loadVerificationKey(readFileSync(join(FOLDER, file), 'utf8'));
  if (!key.ok) throw new Error(`${file}: ${key.detail}`);
  return key.value;
}

function readDecryptionKey(file: string): AgreementKey {
  const key = parseDecryptionKey(new Uint8Array(readFileSync(join(FOLDER, file))));
  if (!key.ok) throw new Error(`${file}: ${key.detail}`);
  return key.value;
}

function slotWith(entry: SampleEntry, slot: string, image: Uint8Array): FlashArea | undefined {
  const model = DEVICE_MODELS[entry.model];
  const map = createFlashMap(new NorFlash(model.geometry), model.areas);
  if (!map.ok) throw new Error(map.detail);
  const area = map.value.area(slot);
  const align = area.writeAlignBytes;
  const padded = new Uint8Array(Math.ceil(image.byteLength / align) * align).fill(0xff);
  padded.set(image);
  if (padded.byteLength > area.sizeBytes) return undefined;
  expect(area.write(0, padded).ok).toBe(true);
  return area;
}

function verify(
  entry: SampleEntry,
  slot: 'slot0' | 'slot1',
  image: Uint8Array,
  crypto: CryptoProvider,
  encryption?: ImageEncryptionPolicy,
): string {
  const area = slotWith(entry, slot, image);
  const empty = area ?? slotWith(entry, slot, new Uint8Array(0));
  if (empty === undefined) throw new Error('an empty image does not fit');
  const source: ImageSource = area ?? imageSourceFromBytes(image);
  const policy = {
    keys: trusted,
    maxImageSizeBytes: maxImageSizeBytes(empty),
    minimumSecurityCounter: index.device.securityCounter,
    slotAddress: empty.flashOffset,
    encryption,
  };
  const verdict = verifyImage(source, policy, crypto);
  return verdict.ok ? 'accept' : verdict.code;
}

describe('the sample images', () => {
  it('are all in the index, and nothing else is', () => {
    const files = MODEL_NAMES.flatMap((model) =>
      readdirSync(join(FOLDER, model)).map((file) => `${model}/${file}`),
    );
    expect(index.samples.map((sample) => sample.file).toSorted()).toEqual(files.toSorted());
    const keyFiles = readdirSync(join(FOLDER, 'keys')).map((file) => `keys/${file}`);
    expect(index.keys.map((key) => key.file).toSorted()).toEqual(keyFiles.toSorted());
    const decryptionKeyFiles = readdirSync(join(FOLDER, 'decryption-keys')).map(
      (file) => `decryption-keys/${file}`,
    );
    expect(index.decryptionKeys.map(({ file }) => file).toSorted()).toEqual(
      decryptionKeyFiles.toSorted(),
    );
  });

  it('come from imgtool and from us, with every algorithm, for both models', () => {
    for (const model of MODEL_NAMES) {
      const good = index.samples.filter((s) => s.model === model && s.file.includes('/good-'));
      expect(new Set(good.map((sample) => sample.madeBy))).toEqual(new Set(['imgtool', 'ours']));
      expect(new Set(good.map((sample) => sample.key)).size).toBe(4);
    }
  });

  it('are encrypted on both curves and with both AES, by imgtool and by us', () => {
    const good = index.samples.filter(({ verificationWithKey }) => {
      return verificationWithKey?.slot1 === 'accept';
    });
    const kinds = good.map(({ file, madeBy, decryptionKey = '' }) => {
      const { curve } = readDecryptionKey(decryptionKey);
      const size = contentKeySizeBytes(headerOf(new Uint8Array(readFileSync(join(FOLDER, file)))));
      return `${madeBy} ${curve} ${size ?? 0}`;
    });
    expect(new Set(kinds)).toEqual(
      new Set([
        ...['imgtool p256 16', 'imgtool x25519 32'],
        ...['ours p256 16', 'ours p256 32', 'ours x25519 16'],
      ]),
    );
  });

  it('are the same bytes from imgtool and from us', () => {
    for (const model of MODEL_NAMES) {
      const [a, b] = ['imgtool', 'ours'].map((by) =>
        readFileSync(join(FOLDER, model, `good-1.1.0-${by}.bin`)),
      );
      expect(a).toEqual(b);
    }
  });

  it('are signed with keys that say what they are', () => {
    for (const { entry, key } of keys.values()) {
      expect(readFileSync(join(FOLDER, entry.file), 'utf8')).toMatch(/^TEST KEY/);
      expect(key.algorithm).toBe(entry.algorithm);
      expect(Buffer.from(publicKeyHash(key, node)).toString('hex')).toBe(entry.keyHash);
      expect(entry.trusted).toBe(!entry.file.includes('unknown'));
    }
  });

  it('are encrypted for keys that say what they are', () => {
    for (const { file, curve, ofDevice } of index.decryptionKeys) {
      expect(readFileSync(join(FOLDER, file), 'utf8')).toMatch(/^TEST KEY/);
      expect(readDecryptionKey(file).curve).toBe(curve);
      expect(ofDevice).toBe(!file.includes('other'));
    }
  });
});

function headerOf(image: Uint8Array): ImageHeader {
  const header = parseImageHeader(imageSourceFromBytes(image), { takesEncrypted: true });
  if (!header.ok) throw new Error(header.detail);
  return header.value;
}

/** The image as its device runs it: decrypted, unless its body is plain already. */
function runningSource(entry: SampleEntry, image: Uint8Array): ImageSource {
  const source = imageSourceFromBytes(image);
  if (entry.decryptionKey === undefined || entry.verificationWithKey?.slot0 === 'accept') {
    return source;
  }
  const key = readDecryptionKey(entry.decryptionKey);
  const encryption = readImageEncryption(source, headerOf(image), key, node);
  if (!encryption.ok) throw new Error(encryption.detail);
  const cipher = createContentCipher(encryption.value.contentKey, node);
  return decryptedSource(source, headerOf(image), cipher);
}

describe.each(index.samples)('$file', (entry) => {
  const image = new Uint8Array(readFileSync(join(FOLDER, entry.file)));

  it('is what the index says', () => {
    expect(statSync(join(FOLDER, entry.file)).size).toBe(entry.sizeBytes);
    expect(entry.sizeBytes).toBeGreaterThanOrEqual(SAMPLE_SIZE_BYTES_MIN);
    expect(createHash('sha256').update(image).digest('hex')).toBe(entry.sha256);
    const summary = readImageSummary(imageSourceFromBytes(image));
    const hash = summary.ok ? Buffer.from(summary.value.hash).toString('hex') : null;
    expect(hash).toBe(entry.imageHash);
    if (summary.ok) {
      expect(formatImageVersion(summary.value.header.version)).toBe(`${entry.version}+0`);
    }
    expect(entry.command).toContain(entry.file);
  });

  it.each(['slot0', 'slot1'] as const)('gets the promised answer in %s', (slot) => {
    const expected = entry.verification[slot];
    expect(verify(entry, slot, image, node)).toBe(expected);
    const reachesRsa = entry.key?.includes('rsa') === true && expected === 'accept';
    expect(verify(entry, slot, image, nobleCrypto)).toBe(
      reachesRsa ? 'image-signature-unsupported' : expected,
    );
  });

  it.each(['slot0', 'slot1'] as const)(
    'gets the promised answer in %s of a device with its key',
    (slot) => {
      if (entry.decryptionKey === undefined) {
        expect(entry.verificationWithKey).toBeUndefined();
        return;
      }
      const key = readDecryptionKey(entry.decryptionKey);
      const policy =
        slot === 'slot0' ? { body: 'plain' as const } : { body: 'encrypted' as const, key };
      for (const crypto of [node, nobleCrypto]) {
        expect(verify(entry, slot, image, crypto, policy)).toBe(entry.verificationWithKey?.[slot]);
      }
    },
  );

  it('has a name, an outcome and a behaviour that fit each other', () => {
    const isGood = entry.file.includes('/good-');
    const answers = [entry.verification, entry.verificationWithKey ?? {}];
    expect(answers.flatMap((slots) => Object.values(slots)).includes('accept')).toBe(isGood);
    expect(entry.outcome === 'refused').toBe(entry.outcomeCode !== undefined);
    if (entry.decryptionKey === undefined) {
      expect(entry.outcome === 'rolled-back').toBe(entry.behaviour !== undefined);
    }
    if (entry.verification.slot1 !== 'accept') {
      expect(entry.outcomeCode).toBe(entry.verification.slot1);
    } else if (entry.outcome === 'refused') {
      const running = parseImageVersion('1.0.0');
      const candidate = parseImageVersion(entry.version);
      if (!running.ok || !candidate.ok) throw new Error('a version is malformed');
      expect(compareImageVersions(candidate.value, running.value)).toBeLessThan(0);
      expect(entry.outcomeCode).toBe('boot-version-not-higher');
    }
    if (!isGood) return;
    const card = readBehaviourCard(runningSource(entry, image), headerOf(image));
    expect(card === undefined).toBe(entry.behaviour === undefined);
    if (entry.behaviour !== undefined) expect(card).toMatchObject(entry.behaviour);
  });
});
