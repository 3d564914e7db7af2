import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createHostCrypto } from '@brickproof/agent/node';
import {
  buildImage,
  imageSourceFromBytes,
  verifyImage,
  type SigningKey,
} from '@brickproof/bootloader-sim';
import { loadSigningKey } from '@brickproof/harness';
import { must, sampleImage } from '../../agent/node/daemon/device-folder.js';
import type { Leg } from './killed-device.js';

export const CRYPTO = createHostCrypto();
/** The key that the devices' folders trust. */
export const SIGNING_KEY: SigningKey = readTestKey();

/**
 * What is to become of an update: `good` is marked for a trial, `permanent` for good; the self-test
 * (or, where that is asked, nobody) confirms an `unwell` one; a `forged` one must not be marked.
 */
export type UpdateKind = 'good' | 'permanent' | 'unwell' | 'forged';

/** One update of a leg. */
export interface Update {
  /** From 1; its version is 1.index. */
  readonly index: number;
  readonly kind: UpdateKind;
  readonly image: Uint8Array;
  readonly hash: Uint8Array;
}

const HEADER_SIZE_BYTES = 32;
const PAYLOAD_BYTES_MIN = 14_000;
const PAYLOAD_BYTES_MORE = 22_000;
/** The security counter rises with every so many updates. */
const UPDATES_PER_COUNTER = 3;
/** An image whose revision is this does not pass the self-test of the loop's devices. */
export const UNWELL_REVISION = 1;

/** Draws the update with an index. */
export function drawUpdate(index: number, leg: Leg, random: () => number): Update {
  return makeUpdate({ index, kind: drawKind(leg, random), size: random() });
}

/** An update as it is wanted; `size` is from 0 to 1. */
export function makeUpdate(wanted: {
  readonly index: number;
  readonly kind: UpdateKind;
  readonly size: number;
}): Update {
  const { index, kind, size } = wanted;
  const outputLength = PAYLOAD_BYTES_MIN + Math.floor(size * PAYLOAD_BYTES_MORE);
  const noise = createHash('shake256', { outputLength }).update(`firmware ${index}`).digest();
  const image = must(
    buildImage(
      {
        payload: new Uint8Array(noise),
        version: {
          major: 1,
          minor: index,
          revision: kind === 'unwell' ? UNWELL_REVISION : 0,
          buildNumber: 0,
        },
        headerSizeBytes: HEADER_SIZE_BYTES,
        securityCounter: Math.floor(index / UPDATES_PER_COUNTER),
        signingKey: SIGNING_KEY,
      },
      CRYPTO,
    ),
  );
  const policy = {
    keys: [SIGNING_KEY.verificationKey],
    maxImageSizeBytes: image.byteLength,
    minimumSecurityCounter: 0,
  };
  const { hash } = must(verifyImage(imageSourceFromBytes(image), policy, CRYPTO));
  if (kind === 'forged') image[image.byteLength - 1] = (image.at(-1) ?? 0) ^ 0x40;
  return { index, kind, image, hash };
}

function drawKind(leg: Leg, random: () => number): UpdateKind {
  const drawn = random();
  if (drawn < 0.08) return 'forged';
  if (drawn < 0.2) return 'permanent';
  return drawn < 0.35 && leg.strategy === 'direct-xip' ? 'unwell' : 'good';
}

function readTestKey(): SigningKey {
  const pem = readFileSync(sampleImage('../keys/test-key-ed25519.pem'), 'utf8');
  return must(loadSigningKey(pem));
}
