import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { parsePublicKey, reject } from '@brickproof/bootloader-sim';
import type { KeyRejectCode, VerificationKey, Verdict } from '@brickproof/bootloader-sim';

/** A private key in PEM takes less than 3 KiB. */
export const PEM_LENGTH_MAX = 16_384;

/**
 * A public key from PEM; from a private key its public half. ECDSA P-256, Ed25519, RSA with 2048
 * or 3072 bits. Refuses `key-malformed`, and `key-unsupported` for any other kind of key.
 */
export function loadVerificationKey(pem: string): Verdict<VerificationKey, KeyRejectCode> {
  const key = readPublicKey(pem);
  return key === undefined
    ? reject('key-malformed', 'this is not a key in PEM without a passphrase')
    : verificationKeyOf(key);
}

/** What verifies with a public key of Node's. Refuses `key-unsupported`. */
export function verificationKeyOf(key: KeyObject): Verdict<VerificationKey, KeyRejectCode> {
  return parsePublicKey(new Uint8Array(key.export({ format: 'der', type: 'spki' })));
}

function readPublicKey(pem: string): KeyObject | undefined {
  if (pem.length > PEM_LENGTH_MAX) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
