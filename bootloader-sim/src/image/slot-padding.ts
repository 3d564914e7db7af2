import { TRAILER_MAGIC_SIZE_BYTES, trailerMagic } from '../boot/trailer.js';
import { accept, reject, type Verdict } from '../verdict.js';
import type { ImageBuildOptions, ImageBuildRejectCode } from './build.js';
import type { ContentKeySizeBytes } from './wrapped-key.js';

/** The slot an image is built for, as `imgtool sign` is told about it. */
export interface BuildSlot {
  readonly sizeBytes: number;
  /** The flash's write alignment; imgtool's default is 1. */
  readonly alignBytes: 1 | 2 | 4 | 8 | 16 | 32;
  /**
   * `none`: the image only has to fit. The others fill the slot up to its end, `pad` and `test`
   * with the trailer's magic, `confirm` with image-ok beside it.
   */
  readonly padding: 'none' | 'pad' | 'test' | 'confirm';
  /** The swap status has room for this many sectors; absent means 128. */
  readonly maxSectors?: number;
  /** The trailer has no swap status, and image-ok is not written. */
  readonly overwriteOnly?: boolean;
}

const MAX_SECTORS_DEFAULT = 128;
const MAX_ALIGN_BYTES_DEFAULT = 8;
/** Three status entries for a sector. */
const STATUS_ENTRIES_PER_SECTOR = 3;
const FLAG_SET = 0x01;

/**
 * Holds an image to its slot and pads it, byte for byte as `imgtool sign` does with `--slot-size`,
 * `--align`, `--pad`, `--test` and `--confirm`. Refuses `build-slot-size`.
 */
export function padToSlot(
  image: Uint8Array,
  slot: BuildSlot,
  { erasedValue = 0xff, encryption }: Pick<ImageBuildOptions, 'erasedValue' | 'encryption'>,
): Verdict<Uint8Array, ImageBuildRejectCode> {
  const trailerSize = trailerSizeBytes(slot, encryption?.contentKeySizeBytes);
  if (image.byteLength + trailerSize > slot.sizeBytes) {
    return reject(
      'build-slot-size',
      `image (${image.byteLength} bytes) and trailer (${trailerSize}) exceed the slot (${slot.sizeBytes})`,
    );
  }
  if (slot.padding === 'none') return accept(image);
  const padded = new Uint8Array(slot.sizeBytes).fill(erasedValue);
  padded.set(image);
  const maxAlign = maxAlignBytes(slot);
  padded.set(trailerMagic(maxAlign), slot.sizeBytes - TRAILER_MAGIC_SIZE_BYTES);
  if (slot.padding === 'confirm' && slot.overwriteOnly !== true) {
    padded[slot.sizeBytes - magicSizeBytes(maxAlign) - maxAlign] = FLAG_SET;
  }
  return accept(padded);
}

/**
 * MCUboot's trailer for swaps: status, content keys of both slots, four fields, magic;
 * overwrite-only has two fields. imgtool reckons with keys of AES-128 for AES-256 too, which is less
 * than MCUboot needs (bootutil_area.c, boot_trailer_sz).
 */
function trailerSizeBytes(
  slot: BuildSlot,
  contentKeySizeBytes: ContentKeySizeBytes | undefined,
): number {
  const maxAlign = maxAlignBytes(slot);
  const magicSize = magicSizeBytes(maxAlign);
  if (slot.overwriteOnly === true) return 2 * maxAlign + magicSize;
  const sectors = slot.maxSectors ?? MAX_SECTORS_DEFAULT;
  const statusSize = sectors * STATUS_ENTRIES_PER_SECTOR * slot.alignBytes;
  const keySize = Math.ceil((contentKeySizeBytes ?? 0) / maxAlign) * maxAlign;
  return statusSize + 2 * keySize + 4 * maxAlign + magicSize;
}

function maxAlignBytes(slot: BuildSlot): number {
  return Math.max(MAX_ALIGN_BYTES_DEFAULT, slot.alignBytes);
}

function magicSizeBytes(maxAlign: number): number {
  return Math.max(TRAILER_MAGIC_SIZE_BYTES, maxAlign);
}
