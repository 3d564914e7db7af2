import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { accept, reject, type KeyRejectCode, type Verdict } from '../verdict.js';
import { joinChunks } from './bytes.js';
import type { SignedMessage, SigningKey } from './crypto-provider.js';
import { publicKeyFromPoint } from './public-key.js';

const PRIVATE_KEY_SIZE_BYTES = 32;

/** A private key as bare bytes: a P-256 scalar (big-endian), or an Ed25519 seed. */
export interface RawPrivateKey {
  readonly algorithm: 'ecdsa-p256-sha256' | 'ed25519';
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

/**
 * A signing key that needs no Node and no random numbers: ECDSA takes its nonce from key and
 * message (RFC 6979), so the same message always gets the same signature. Refuses `key-malformed`
 * for a wrong length or a scalar that is 0 or not below the order.
 */
export function createNobleSigningKey(
  privateKey: RawPrivateKey,
): Verdict<SigningKey, KeyRejectCode> {
  const { algorithm } = privateKey;
  const bytes = privateKey.bytes.slice();
  if (bytes.byteLength !== PRIVATE_KEY_SIZE_BYTES) {
    return reject('key-malformed', `a private key has 32 bytes, found ${bytes.byteLength}`);
  }
  if (algorithm === 'ecdsa-p256-sha256' && !p256.utils.isValidSecretKey(bytes)) {
    return reject('key-malformed', 'the private key is not a P-256 scalar');
  }
  const point =
    algorithm === 'ed25519' ? ed25519.getPublicKey(bytes) : p256.getPublicKey(bytes, false);
  const verificationKey = publicKeyFromPoint(algorithm, point);
  if (!verificationKey.ok) return verificationKey;
  const sign = algorithm === 'ed25519' ? signEd25519 : signP256;
  return accept({
    verificationKey: verificationKey.value,
    sign: (message) => sign(message, bytes),
  });
}

function signEd25519(message: SignedMessage, seed: Uint8Array): Uint8Array {
  return ed25519.sign(joinChunks(message.chunks()), seed);
}

function signP256(message: SignedMessage, scalar: Uint8Array): Uint8Array {
  return p256.sign(message.sha256, scalar, {
    prehash: false,
    lowS: false,
    extraEntropy: false,
    format: 'der',
  });
}
