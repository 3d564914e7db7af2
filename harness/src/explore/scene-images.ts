import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  accept,
  buildImage,
  readImageSummary,
  imageSourceFromBytes,
  reject,
  seededRandom,
  parseDecryptionKey,
  type AgreementKey,
  type AgreementPoint,
  type CryptoProvider,
  type ImageBuildEncryption,
  type ImageDependency,
  type SigningKey,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { loadSigningKey } from '../release/signing-key.js';
import { SAMPLES_FOLDER } from '../samples/sample-set.js';
import type { KnownImage } from './scene.js';
import type { SceneRejectCode } from './scene-geometry.js';

/** One image of a scene, to be built. */
export interface SceneImageOptions {
  readonly name: string;
  readonly role: KnownImage['role'];
  readonly imageIndex?: number;
  readonly minor: number;
  readonly securityCounter: number;
  /** Header, body and TLVs together. */
  readonly sizeBytes: number;
  readonly dependencies?: readonly ImageDependency[];
  /** Encrypted for whoever has this key; `clear` leaves the body as it runs. */
  readonly encryption?: { readonly key: AgreementPoint; readonly clear: boolean };
  /** One bit is turned over once it is built: of its signature, or of its body. */
  readonly spoiled?: 'signature' | 'body';
}

const KEY_FILE = 'test-key-ed25519.pem';
const DECRYPTION_KEY_FILE = 'test-decryption-key-x25519.pem';
const HEADER_SIZE_BYTES = 32;
const ENCRYPTION_SEED = 100_000;
/** The keys that bodies of encrypted images are encrypted with. */
export const SCENE_CONTENT_KEY_SIZE_BYTES = 16;
/** An image of one byte tells what header and TLVs take. */
const SHORTEST_PAYLOAD_BYTES = 1;

/** The test key that the images of scenes are signed with. Refuses `scene-sample-missing`. */
export function readSceneKey(): Verdict<SigningKey, SceneRejectCode> {
  return readKey(join('keys', KEY_FILE), (file) => loadSigningKey(file.toString('utf8')));
}

/** The test key that devices of scenes decrypt with. Refuses `scene-sample-missing`. */
export function readSceneDecryptionKey(): Verdict<AgreementKey, SceneRejectCode> {
  return readKey(join('decryption-keys', DECRYPTION_KEY_FILE), parseDecryptionKey);
}

function readKey<Key>(
  name: string,
  parse: (file: Buffer) => Verdict<Key>,
): Verdict<Key, SceneRejectCode> {
  try {
    const key = parse(readFileSync(join(SAMPLES_FOLDER, name)));
    return key.ok ? key : reject('scene-sample-missing', `${name}: ${key.detail}`);
  } catch {
    const detail = `the test key ${name} of the samples is not here; run this in a checkout`;
    return reject('scene-sample-missing', detail);
  }
}

/**
 * Builds an image of exactly the size asked for; an encrypted one is up to 15 bytes shorter, for it
 * comes in whole blocks. Refuses `scene-image-size`.
 */
export function buildSceneImage(
  options: SceneImageOptions,
  signingKey: SigningKey,
  crypto: CryptoProvider,
): Verdict<KnownImage, SceneRejectCode> {
  const shortest = build(options, SHORTEST_PAYLOAD_BYTES, signingKey, crypto);
  if (!shortest.ok) return shortest;
  const payloadBytes = options.sizeBytes - shortest.value.byteLength + SHORTEST_PAYLOAD_BYTES;
  if (payloadBytes < SHORTEST_PAYLOAD_BYTES) {
    const detail = `an image of ${options.sizeBytes} bytes; header and signature alone need ${shortest.value.byteLength}`;
    return reject('scene-image-size', detail);
  }
  const built = build(options, payloadBytes, signingKey, crypto);
  if (!built.ok) return built;
  const bytes = spoil(built.value, options.spoiled);
  const summary = readImageSummary(imageSourceFromBytes(bytes));
  if (!summary.ok) return reject('scene-image-size', summary.detail);
  const { name, role, imageIndex = 0 } = options;
  return accept({ name, role, imageIndex, hash: summary.value.hash, bytes });
}

function build(
  options: SceneImageOptions,
  payloadBytes: number,
  signingKey: SigningKey,
  crypto: CryptoProvider,
): Verdict<Uint8Array, SceneRejectCode> {
  const { minor, securityCounter, dependencies, imageIndex = 0 } = options;
  const encryption = encryptionOf(options);
  const built = buildImage(
    {
      payload: payloadOf(minor + 1000 * imageIndex, payloadBytes),
      version: { major: 1, minor, revision: 0, buildNumber: 0 },
      headerSizeBytes: HEADER_SIZE_BYTES,
      securityCounter,
      signingKey,
      ...(dependencies && { dependencies }),
      ...(encryption && { encryption }),
    },
    crypto,
  );
  return built.ok ? built : reject('scene-image-size', built.detail);
}

/** Bytes without a pattern: no two sectors of any two images are alike. */
function payloadOf(seed: number, lengthBytes: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: lengthBytes }, () => Math.floor(random() * 256));
}

/** The same image is always encrypted with the same key, so its two forms belong together. */
function encryptionOf({
  encryption,
  minor,
  imageIndex = 0,
}: SceneImageOptions): ImageBuildEncryption | undefined {
  if (encryption === undefined) return undefined;
  const random = seededRandom(ENCRYPTION_SEED + minor + 1000 * imageIndex);
  const entropy = (lengthBytes: number): Uint8Array =>
    Uint8Array.from({ length: lengthBytes }, () => Math.floor(random() * 256));
  return { ...encryption, contentKeySizeBytes: SCENE_CONTENT_KEY_SIZE_BYTES, entropy };
}

function spoil(image: Uint8Array, spoiled: SceneImageOptions['spoiled']): Uint8Array {
  if (spoiled === undefined) return image;
  // The signature is the last thing in an image, and the body the first behind the header.
  const at = spoiled === 'signature' ? image.byteLength - 1 : HEADER_SIZE_BYTES;
  return image.with(at, (image[at] ?? 0) ^ 1);
}
