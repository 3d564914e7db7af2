import { equalBytes } from './bytes.js';
import type { CryptoProvider } from './crypto-provider.js';

const HASH_SIZE_BYTES = 32;
/** The salt MCUboot and imgtool use: as long as the hash. */
const SALT_SIZE_BYTES = 32;
const TRAILER = 0xbc;
const PADDING_BEFORE_SALT = new Uint8Array(8);

/**
 * EMSA-PSS verification with SHA-256, MGF1-SHA-256 and a 32-byte salt (RFC 8017 §9.1.2), from the
 * digest of the message. `encoded` is what the RSA public operation answers, as long as the
 * modulus, whose size in bits must be a multiple of 8.
 */
export function verifyEmsaPss(
  encoded: Uint8Array,
  messageHash: Uint8Array,
  crypto: CryptoProvider,
): boolean {
  const maskedLength = encoded.byteLength - HASH_SIZE_BYTES - 1;
  const zerosLength = maskedLength - SALT_SIZE_BYTES - 1;
  // Step 3: there is room for hash, salt and two bytes.
  if (zerosLength < 0 || messageHash.byteLength !== HASH_SIZE_BYTES) return false;
  // Step 4: the trailer field.
  if (encoded[encoded.byteLength - 1] !== TRAILER) return false;
  // Steps 5 and 6: emBits is one less than the modulus has, so the leftmost bit is zero.
  if (((encoded[0] ?? 0) & 0x80) !== 0) return false;
  const hash = encoded.subarray(maskedLength, maskedLength + HASH_SIZE_BYTES);
  // Steps 7 to 9: unmask.
  const block = unmask(encoded.subarray(0, maskedLength), hash, crypto);
  // Step 10: zeros, then a one.
  if (block.subarray(0, zerosLength).some((byte) => byte !== 0)) return false;
  if (block[zerosLength] !== 0x01) return false;
  // Steps 11 to 14: the hash of the padded message hash and the salt.
  const salt = block.subarray(zerosLength + 1);
  return equalBytes(sha256(crypto, PADDING_BEFORE_SALT, messageHash, salt), hash);
}

function unmask(masked: Uint8Array, seed: Uint8Array, crypto: CryptoProvider): Uint8Array {
  const block = maskGeneration(seed, masked.byteLength, crypto).map(
    (byte, index) => byte ^ (masked[index] ?? 0),
  );
  block[0] = (block[0] ?? 0) & 0x7f;
  return block;
}

/** MGF1 (RFC 8017 §B.2.1). */
function maskGeneration(seed: Uint8Array, lengthBytes: number, crypto: CryptoProvider): Uint8Array {
  const mask = new Uint8Array(Math.ceil(lengthBytes / HASH_SIZE_BYTES) * HASH_SIZE_BYTES);
  const counter = new Uint8Array(4);
  for (let at = 0, index = 0; at < lengthBytes; at += HASH_SIZE_BYTES, index += 1) {
    counter[3] = index;
    mask.set(sha256(crypto, seed, counter), at);
  }
  return mask.subarray(0, lengthBytes);
}

function sha256(crypto: CryptoProvider, ...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = crypto.sha256();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}
