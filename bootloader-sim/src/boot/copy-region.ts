import type { FlashArea } from '../flash/flash-area.js';
import type { ContentCipher } from '../crypto/content-cipher.js';
import { tlvOffset, type ImageHeader } from '../image/header.js';
import { DONE, accept, type Verdict } from '../verdict.js';
import { eraseRange } from './swap-algorithm.js';
import type { UpgradeImage } from './upgrade-image.js';

/** Bytes that are read and written at a time (loader.c, BUF_SZ). */
const COPY_CHUNK_BYTES = 1024;

/** Bytes to be copied from one area to another. */
interface CopyRange {
  readonly from: FlashArea;
  readonly fromOffset: number;
  readonly to: FlashArea;
  readonly toOffset: number;
  readonly sizeBytes: number;
  /** How far the destination lies behind the place in the image that these bytes have. */
  readonly shiftBytes?: number;
}

/**
 * Copies a range chunk by chunk to where it is erased (loader.c, boot_copy_region). What leaves the primary slot is
 * encrypted, and what enters it decrypted, where the image says that it is encrypted; between the
 * other areas, and within one, bytes are only copied.
 */
export function copyRegion(image: UpgradeImage, range: CopyRange): Verdict<void> {
  const transform = bodyTransform(image, range);
  if (!transform.ok) return transform;
  const { from, to, fromOffset, toOffset, sizeBytes } = range;
  if (transform.value === undefined) {
    const sectors = { fromOffset, toOffset, lengthBytes: sizeBytes, chunkBytes: COPY_CHUNK_BYTES };
    if (to.copySectorsFrom?.(from, sectors) === true) return DONE;
  }
  for (let done = 0; done < sizeBytes; done += COPY_CHUNK_BYTES) {
    const length = Math.min(COPY_CHUNK_BYTES, sizeBytes - done);
    const bytes = from.read(fromOffset + done, length);
    const written = to.write(toOffset + done, transform.value?.(done, bytes) ?? bytes);
    if (!written.ok) return written;
  }
  return DONE;
}

/** Erases the sectors of the destination, and copies. */
export function copyOver(image: UpgradeImage, range: CopyRange): Verdict<void> {
  const erased = eraseRange(range.to, range.toOffset, range.sizeBytes);
  return erased.ok ? copyRegion(image, range) : erased;
}

/** Changes the bytes that lie at a distance into a range. */
type BodyTransform = (done: number, bytes: Uint8Array) => Uint8Array;

/** What changes bytes on their way; undefined when nothing does. */
function bodyTransform(image: UpgradeImage, range: CopyRange): Verdict<BodyTransform | undefined> {
  const entersPrimary = range.to === image.primary;
  if ((range.from === image.primary) === entersPrimary) return accept(undefined);
  const slot = entersPrimary ? 1 : 0;
  const { header } = image.headers[slot];
  const cipher = image.bodyCipher(slot);
  if (!cipher.ok) return cipher;
  if (header === undefined || cipher.value === undefined) return accept(undefined);
  return accept(transformBody(header, cipher.value, range.toOffset - (range.shiftBytes ?? 0)));
}

/** Header and TLVs go through as they are. */
function transformBody(
  header: ImageHeader,
  cipher: ContentCipher,
  imageOffset: number,
): BodyTransform {
  const bodyStart = header.headerSizeBytes;
  const bodyEnd = tlvOffset(header);
  return (done, bytes) => {
    const start = Math.max(bodyStart, imageOffset + done);
    const end = Math.min(bodyEnd, imageOffset + done + bytes.byteLength);
    if (start >= end) return bytes;
    const changed = bytes.slice();
    const at = start - imageOffset - done;
    changed.set(cipher.apply(start - bodyStart, bytes.subarray(at, at + end - start)), at);
    return changed;
  };
}
