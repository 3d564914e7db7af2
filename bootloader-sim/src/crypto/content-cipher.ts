import { copyBytes } from './bytes.js';
import type { CryptoProvider } from './crypto-provider.js';

const BLOCK_SIZE_BYTES = 16;
/** The block number has four bytes of the counter, the others stay zero. */
const OFFSET_MAX = 2 ** 32 * BLOCK_SIZE_BYTES;

/**
 * AES in counter mode over the body of one image. The counter counts blocks of 16 bytes from the
 * start of the body (MCUboot encrypted.c, boot_enc_encrypt).
 */
export interface ContentCipher {
  /**
   * Encrypts or decrypts, which is the same, bytes that start `offsetBytes` into the body; any
   * start inside a block will do. Answers an array of its own. Throws for offsets that no image has.
   */
  apply(offsetBytes: number, bytes: Uint8Array): Uint8Array;
}

/**
 * The cipher of a content key: 16 bytes for AES-128, 32 for AES-256; throws for any other length.
 * The nonce is zero, as MCUboot's is, so a key is for one image only.
 */
export function createContentCipher(contentKey: Uint8Array, crypto: CryptoProvider): ContentCipher {
  aesKeyBits(contentKey);
  const key = copyBytes(contentKey);
  return {
    apply: (offsetBytes, bytes) => {
      checkRange(offsetBytes, bytes.byteLength);
      const counterBlock = counterBlockAt(offsetBytes);
      const skipBytes = offsetBytes % BLOCK_SIZE_BYTES;
      if (skipBytes === 0) return crypto.aesCtr(key, counterBlock, bytes);
      const fromBlockStart = new Uint8Array(skipBytes + bytes.byteLength);
      fromBlockStart.set(bytes, skipBytes);
      return crypto.aesCtr(key, counterBlock, fromBlockStart).subarray(skipBytes);
    },
  };
}

/** Which AES a key is for. Throws for a length that is of none. */
export function aesKeyBits(key: Uint8Array): 128 | 256 {
  if (key.byteLength === 16) return 128;
  if (key.byteLength === 32) return 256;
  throw new RangeError(`an AES key has 16 or 32 bytes, not ${key.byteLength}`);
}

function checkRange(offsetBytes: number, lengthBytes: number): void {
  const isOffset = Number.isInteger(offsetBytes) && offsetBytes >= 0;
  if (!isOffset || offsetBytes + lengthBytes > OFFSET_MAX) {
    throw new RangeError(`${lengthBytes} bytes at ${offsetBytes} are not in any image`);
  }
}

function counterBlockAt(offsetBytes: number): Uint8Array {
  const counterBlock = new Uint8Array(BLOCK_SIZE_BYTES);
  const blockNumber = Math.floor(offsetBytes / BLOCK_SIZE_BYTES);
  new DataView(counterBlock.buffer).setUint32(BLOCK_SIZE_BYTES - 4, blockNumber);
  return counterBlock;
}
