import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { equalBytes, unsignedFromBytes } from './bytes.js';

const SIGNATURE_SIZE_BYTES = 64;
const ENCODED_SIZE_BYTES = 32;

/**
 * Ed25519 by the equation without the cofactor (RFC 8032 §5.1.7), and R compared as bytes: what
 * OpenSSL and MCUboot do. The library's own check multiplies by the cofactor, and would take
 * signatures that those refuse. The key must have been checked.
 */
export function verifyEd25519(
  publicPoint: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.byteLength !== SIGNATURE_SIZE_BYTES) return false;
  const { Point } = ed25519;
  const encodedR = signature.subarray(0, ENCODED_SIZE_BYTES);
  const s = littleEndian(signature.subarray(ENCODED_SIZE_BYTES));
  if (s >= Point.Fn.ORDER) return false;
  const hashed = sha512.create().update(encodedR).update(publicPoint).update(message).digest();
  const k = littleEndian(hashed) % Point.Fn.ORDER;
  const publicKey = Point.fromBytes(publicPoint, false);
  const r = Point.BASE.multiplyUnsafe(s).subtract(publicKey.multiplyUnsafe(k));
  return equalBytes(r.toBytes(), encodedR);
}

function littleEndian(bytes: Uint8Array): bigint {
  return unsignedFromBytes(bytes.toReversed());
}
