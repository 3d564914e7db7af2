import * as nodeCrypto from 'node:crypto';
import {
  hashedSizeBytes,
  imageSourceFromBytes,
  parseImageHeader,
  verifyImage,
} from '@brickproof/bootloader-sim';
import { BENCH_CRYPTO, benchImage, benchSigningKey, must } from './bench-image.js';
import { figure, goal, median, type Goal } from './goal.js';

const PAYLOAD_BYTES = 1024 * 1024;
const IMAGE_SIZE_BYTES_MAX = 2 * PAYLOAD_BYTES;
const ROUNDS_WARM = 20;
const ROUNDS = 201;
const GOAL_RATIO = 1.3;
const RSA_BITS = 2048;
const PSS_SALT_SIZE_BYTES = 32;

/** One signature, checked without anything around it. */
type BareCheck = () => boolean;

interface VerifyCase {
  readonly name: string;
  readonly privateKey: nodeCrypto.KeyObject;
  /** The bare signature check that stands for this algorithm, over bytes of one's choosing. */
  readonly bareCheck: (key: nodeCrypto.KeyObject, message: Uint8Array) => BareCheck;
}

/** Verifies images of 1 MiB beside the bare hash and one bare signature check, taking turns. */
export function benchVerify(): readonly Goal[] {
  return [
    ...benchAlgorithm({
      name: 'Ed25519',
      privateKey: nodeCrypto.generateKeyPairSync('ed25519').privateKey,
      bareCheck: bareEd25519,
    }),
    ...benchAlgorithm({
      name: 'RSA-2048',
      privateKey: nodeCrypto.generateKeyPairSync('rsa', { modulusLength: RSA_BITS }).privateKey,
      bareCheck: bareRsaPss,
    }),
    ...benchEcdsa(),
  ];
}

function benchAlgorithm(verifyCase: VerifyCase): readonly Goal[] {
  const subject = prepare(verifyCase.privateKey);
  const check = verifyCase.bareCheck(verifyCase.privateKey, subject.digest);
  const { bareMs, verifyMs } = compare(subject, check);
  return [
    goal({
      name: `verify 1 MiB, ${verifyCase.name}`,
      measured: verifyMs / bareMs,
      unit: 'x bare',
      bound: 'at-most',
      limit: GOAL_RATIO,
      note: describe(verifyMs, bareMs, 'hash + signature check'),
    }),
  ];
}

/**
 * ECDSA is judged beside a signature check over the image, which hashes it again: `node:crypto`
 * checks no ECDSA signature over a digest. How it stands beside a check over 32 bytes is told too.
 */
function benchEcdsa(): readonly Goal[] {
  const { privateKey } = nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = prepare(privateKey);
  const overImage = compare(subject, bareEcdsa(privateKey, subject.hashed));
  const overDigest = compare(subject, bareEcdsa(privateKey, subject.digest));
  return [
    goal({
      name: 'verify 1 MiB, ECDSA P-256',
      measured: overImage.verifyMs / overImage.bareMs,
      unit: 'x bare',
      bound: 'at-most',
      limit: GOAL_RATIO,
      note: describe(overImage.verifyMs, overImage.bareMs, 'hash + check that hashes again'),
    }),
    figure({
      name: 'verify 1 MiB, ECDSA P-256, strict',
      measured: overDigest.verifyMs / overDigest.bareMs,
      unit: 'x bare',
      note: describe(overDigest.verifyMs, overDigest.bareMs, 'hash + check over 32 bytes'),
    }),
  ];
}

function describe(verifyMs: number, bareMs: number, what: string): string {
  return `${verifyMs.toFixed(3)} ms, ${what} ${bareMs.toFixed(3)} ms`;
}

interface Subject {
  /** The bytes that the image's hash is over. */
  readonly hashed: Uint8Array;
  readonly digest: Uint8Array;
  readonly verify: () => boolean;
}

function prepare(privateKey: nodeCrypto.KeyObject): Subject {
  const signingKey = benchSigningKey(privateKey);
  const image = benchImage({ payloadBytes: PAYLOAD_BYTES, minor: 0, signingKey });
  const source = imageSourceFromBytes(image);
  const hashed = image.subarray(0, hashedSizeBytes(must(parseImageHeader(source))));
  const policy = {
    keys: [signingKey.verificationKey],
    maxImageSizeBytes: IMAGE_SIZE_BYTES_MAX,
    minimumSecurityCounter: undefined,
  };
  return {
    hashed,
    digest: bareHash(hashed),
    verify: () => verifyImage(source, policy, BENCH_CRYPTO).ok,
  };
}

function bareHash(bytes: Uint8Array): Uint8Array {
  return nodeCrypto.createHash('sha256').update(bytes).digest();
}

/** Both in turns, so that what else the machine does meets both. */
function compare(
  subject: Subject,
  check: BareCheck,
): { readonly bareMs: number; readonly verifyMs: number } {
  const bare = (): boolean => bareHash(subject.hashed).byteLength > 0 && check();
  const bareMs: number[] = [];
  const verifyMs: number[] = [];
  for (let round = 0; round < ROUNDS_WARM + ROUNDS; round += 1) {
    const oneBareMs = timeMs(bare);
    const oneVerifyMs = timeMs(subject.verify);
    if (round < ROUNDS_WARM) continue;
    bareMs.push(oneBareMs);
    verifyMs.push(oneVerifyMs);
  }
  return { bareMs: median(bareMs), verifyMs: median(verifyMs) };
}

function timeMs(action: () => boolean): number {
  const startMs = performance.now();
  const isRight = action();
  const durationMs = performance.now() - startMs;
  if (!isRight) throw new Error('benchmark: a good signature was refused');
  return durationMs;
}

function bareEd25519(privateKey: nodeCrypto.KeyObject, message: Uint8Array): BareCheck {
  const publicKey = nodeCrypto.createPublicKey(privateKey);
  const signature = nodeCrypto.sign(null, message, privateKey);
  return () => nodeCrypto.verify(null, message, publicKey, signature);
}

function bareEcdsa(privateKey: nodeCrypto.KeyObject, message: Uint8Array): BareCheck {
  const publicKey = nodeCrypto.createPublicKey(privateKey);
  const signature = nodeCrypto.sign('sha256', message, privateKey);
  return () => nodeCrypto.verify('sha256', message, publicKey, signature);
}

function bareRsaPss(privateKey: nodeCrypto.KeyObject, message: Uint8Array): BareCheck {
  const pss = {
    padding: nodeCrypto.constants.RSA_PKCS1_PSS_PADDING,
    saltLength: PSS_SALT_SIZE_BYTES,
  };
  const key = nodeCrypto.createPublicKey(privateKey);
  const signature = nodeCrypto.sign('sha256', message, { key: privateKey, ...pss });
  return () => nodeCrypto.verify('sha256', message, { key, ...pss }, signature);
}
