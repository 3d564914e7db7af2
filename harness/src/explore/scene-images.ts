import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  accept,
  buildImage,
  readImageSummary,
  imageSourceFromBytes,
  reject,
  seededRandom,
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
  readonly encryption?: ImageBuildEncryption;
  /** Built, and then spoiled: one bit of the signature is turned over. */
  readonly isForged?: boolean;
}

const KEY_FILE = 'test-key-ed25519.pem';
const HEADER_SIZE_BYTES = 32;
/** An image of one byte tells what header and TLVs take. */
const SHORTEST_PAYLOAD_BYTES = 1;

/** The test key that the images of scenes are signed with. Refuses `scene-sample-missing`. */
export function readSceneKey(): Verdict<SigningKey, SceneRejectCode> {
  const path = join(SAMPLES_FOLDER, 'keys', KEY_FILE);
  try {
    const key = loadSigningKey(readFileSync(path, 'utf8'));
    return key.ok ? key : reject('scene-sample-missing', `${KEY_FILE}: ${key.detail}`);
  } catch {
    const detail = `the test key ${KEY_FILE} of the samples is not here; run this in a checkout`;
    return reject('scene-sample-missing', detail);
  }
}

/** Builds an image of exactly the size asked for. Refuses `scene-image-size`. */
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
  const bytes = options.isForged === true ? forged(built.value) : built.value;
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
  const { minor, securityCounter, dependencies, encryption, imageIndex = 0 } = options;
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

/** The signature is the last thing in an image. */
function forged(image: Uint8Array): Uint8Array {
  const last = image.byteLength - 1;
  return image.with(last, (image[last] ?? 0) ^ 1);
}
