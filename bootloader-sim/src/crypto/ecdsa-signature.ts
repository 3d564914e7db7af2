import { unsignedFromBytes } from './bytes.js';
import { DER_TAG, derUnsigned, takeDer, takeOnlyDer } from './der.js';

/** The order of P-256's base point (FIPS 186-5, SP 800-186 §3.2.1.3). */
const P256_ORDER = 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n;
const SCALAR_SIZE_BYTES = 32;

/**
 * Turns a P-256 signature in DER (RFC 3279 §2.2.3) into r and s of 32 bytes each, so that every
 * provider judges the same numbers. Undefined when it is not the one encoding DER allows, has
 * bytes behind it, or a number is 0 or not below the order. A high s is as good as a low one.
 */
export function parseEcdsaSignature(der: Uint8Array): Uint8Array | undefined {
  const outer = takeOnlyDer(der, DER_TAG.sequence);
  const first = outer && takeDer(outer, DER_TAG.integer);
  const second = first && takeOnlyDer(first.rest, DER_TAG.integer);
  const r = first && scalar(first.contents);
  const s = second && scalar(second);
  if (r === undefined || s === undefined) return undefined;
  const signature = new Uint8Array(2 * SCALAR_SIZE_BYTES);
  signature.set(r, SCALAR_SIZE_BYTES - r.byteLength);
  signature.set(s, 2 * SCALAR_SIZE_BYTES - s.byteLength);
  return signature;
}

function scalar(contents: Uint8Array): Uint8Array | undefined {
  const magnitude = derUnsigned(contents);
  if (magnitude === undefined || magnitude.byteLength > SCALAR_SIZE_BYTES) return undefined;
  const value = unsignedFromBytes(magnitude);
  return value > 0n && value < P256_ORDER ? magnitude : undefined;
}
