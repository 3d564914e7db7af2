import type { ImageSource } from '@brickproof/bootloader-sim';

/** An image source that throws for a read outside of it, and hands out small pieces. */
export function strictSource(bytes: Uint8Array, pieceBytes = 1000): ImageSource {
  const read = (offset: number, lengthBytes: number): Uint8Array => {
    if (offset < 0 || lengthBytes < 0 || offset + lengthBytes > bytes.byteLength) {
      throw new RangeError(`read of ${lengthBytes} bytes at ${offset} of ${bytes.byteLength}`);
    }
    return bytes.subarray(offset, offset + lengthBytes);
  };
  return {
    sizeBytes: bytes.byteLength,
    read,
    *chunks(offset, lengthBytes) {
      for (let at = 0; at < lengthBytes; at += pieceBytes) {
        yield read(offset + at, Math.min(pieceBytes, lengthBytes - at));
      }
    },
  };
}
