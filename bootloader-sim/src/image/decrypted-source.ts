import { copyBytes } from '../crypto/bytes.js';
import type { ContentCipher } from '../crypto/content-cipher.js';
import { tlvOffset, type ImageHeader } from './header.js';
import type { ImageSource } from './image-source.js';

/**
 * An encrypted image as it would be without its encryption: the body is decrypted as it is read,
 * header and TLVs are as they lie there (MCUboot bootutil_img_hash.c; loader.c, boot_copy_region).
 * Over a plain image it is the encrypted one. The header must have come from `parseImageHeader` of
 * the same source.
 */
export function decryptedSource(
  source: ImageSource,
  header: ImageHeader,
  cipher: ContentCipher,
): ImageSource {
  const bodyOffset = header.headerSizeBytes;
  const bodyEnd = tlvOffset(header);

  function decrypt(offset: number, bytes: Uint8Array): Uint8Array {
    const start = Math.max(offset, bodyOffset);
    const end = Math.min(offset + bytes.byteLength, bodyEnd);
    if (start >= end) return bytes;
    const body = cipher.apply(start - bodyOffset, bytes.subarray(start - offset, end - offset));
    if (body.byteLength === bytes.byteLength) return body;
    const whole = copyBytes(bytes);
    whole.set(body, start - offset);
    return whole;
  }

  return {
    sizeBytes: source.sizeBytes,
    read: (offset, lengthBytes) => decrypt(offset, source.read(offset, lengthBytes)),
    *chunks(offset, lengthBytes) {
      let at = offset;
      for (const chunk of source.chunks(offset, lengthBytes)) {
        yield decrypt(at, chunk);
        at += chunk.byteLength;
      }
    },
  };
}
