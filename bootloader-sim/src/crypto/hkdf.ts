import { joinChunks } from './bytes.js';
import type { CryptoProvider } from './crypto-provider.js';

const HASH_SIZE_BYTES = 32;
/** RFC 5869 §2.3: the counter of the blocks has one byte. */
const BLOCKS_MAX = 255;

/** What HKDF makes key material of. */
export interface HkdfInput {
  readonly secret: Uint8Array;
  /** Empty: as good as a hash of zeros (RFC 5869 §2.2). */
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
  readonly lengthBytes: number;
}

/** HKDF with SHA-256 (RFC 5869 §2). Throws when more is asked for than it can give. */
export function hkdfSha256(input: HkdfInput, crypto: CryptoProvider): Uint8Array {
  const { secret, salt, info, lengthBytes } = input;
  const blocks = Math.ceil(lengthBytes / HASH_SIZE_BYTES);
  if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || blocks > BLOCKS_MAX) {
    throw new RangeError(`HKDF cannot give ${lengthBytes} bytes`);
  }
  const pseudorandomKey = crypto.hmacSha256(salt, secret);
  const material = new Uint8Array(blocks * HASH_SIZE_BYTES);
  let block: Uint8Array = new Uint8Array(0);
  for (let index = 1; index <= blocks; index += 1) {
    const message = joinChunks([block, info, Uint8Array.of(index)]);
    block = crypto.hmacSha256(pseudorandomKey, message);
    material.set(block, (index - 1) * HASH_SIZE_BYTES);
  }
  return material.subarray(0, lengthBytes);
}
