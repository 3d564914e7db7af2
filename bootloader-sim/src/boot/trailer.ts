import type { FlashArea } from '../flash/flash-area.js';
import { DONE, reject, type FlashRejectCode, type Rejected, type Verdict } from '../verdict.js';

/** Bytes of the magic at the very end of a slot (MCUboot bootutil_public.h, BOOT_MAGIC_SZ). */
export const TRAILER_MAGIC_SIZE_BYTES = 16;

/** MCUboot's default BOOT_MAX_ALIGN: trailer fields are at least this far apart. */
const TRAILER_ALIGN_BYTES_MIN = 8;

const MAGIC_ALIGN_8: Uint8Array = Uint8Array.of(
  0x77,
  0xc2,
  0x95,
  0xf3,
  0x60,
  0xd2,
  0xef,
  0x7f,
  0x35,
  0x52,
  0x50,
  0x0f,
  0x2c,
  0xb6,
  0x79,
  0x80,
);
/** Behind the two bytes that tell the alignment, when it is more than 8. */
const MAGIC_LARGE_ALIGN_TAIL: Uint8Array = Uint8Array.of(
  0x2d,
  0xe1,
  0x5d,
  0x29,
  0x41,
  0x0b,
  0x8d,
  0x77,
  0x67,
  0x9c,
  0x11,
  0x0f,
  0x1f,
  0x8a,
);
const FLAG_SET = 0x01;
const FLAG_SET_BYTES: Uint8Array = Uint8Array.of(FLAG_SET);

/** A magic is there, is not there, or is something else. */
export type TrailerMagic = 'good' | 'unset' | 'bad';

/** A flag is written, erased, or something else. */
export type TrailerFlag = 'set' | 'unset' | 'bad';

/** Swap types as stored in swap-info (bootutil_public.h, BOOT_SWAP_TYPE_*). */
export type SwapType = 'none' | 'test' | 'permanent' | 'revert';

/** What a slot's trailer says (bootutil_public.c, boot_read_swap_state). */
export interface Trailer {
  readonly magic: TrailerMagic;
  readonly swapType: SwapType;
  readonly imageNumber: number;
  readonly copyDone: TrailerFlag;
  readonly imageOk: TrailerFlag;
}

/** Where the fields of a trailer are, counted from the start of the slot. */
export interface TrailerLayout {
  readonly alignBytes: number;
  readonly magicOffset: number;
  readonly imageOkOffset: number;
  readonly copyDoneOffset: number;
  readonly swapInfoOffset: number;
}

/** In the order of their numbers, which start at 1. */
const SWAP_TYPES: readonly SwapType[] = ['none', 'test', 'permanent', 'revert'];

/** Computes the places of the trailer's fields (MCUboot bootutil_misc.h; BOOT_MAX_ALIGN). */
export function trailerLayout(area: FlashArea): TrailerLayout {
  const alignBytes = Math.max(TRAILER_ALIGN_BYTES_MIN, area.writeAlignBytes);
  const magicOffset = area.sizeBytes - TRAILER_MAGIC_SIZE_BYTES;
  const imageOkOffset = alignDown(magicOffset - alignBytes, alignBytes);
  const copyDoneOffset = imageOkOffset - alignBytes;
  return {
    alignBytes,
    magicOffset,
    imageOkOffset,
    copyDoneOffset,
    swapInfoOffset: copyDoneOffset - alignBytes,
  };
}

/**
 * The largest image a slot takes where images are not swapped: up to swap-info
 * (bootutil_misc.c, bootutil_max_image_size for direct-xip and overwrite-only).
 */
export function maxImageSizeBytes(area: FlashArea): number {
  return trailerLayout(area).swapInfoOffset;
}

/** Where the sectors start that hold the trailer's fields; they reach to the end of the slot. */
export function trailerSectorOffset(area: FlashArea): number {
  const { swapInfoOffset } = trailerLayout(area);
  return area.sectors.findLast((sector) => sector.offset <= swapInfoOffset)?.offset ?? 0;
}

/** The magic that MCUboot writes at this alignment (bootutil_public.c, boot_img_magic). */
export function trailerMagic(alignBytes: number): Uint8Array {
  if (alignBytes <= TRAILER_ALIGN_BYTES_MIN) return MAGIC_ALIGN_8;
  const magic = new Uint8Array(TRAILER_MAGIC_SIZE_BYTES);
  magic[0] = alignBytes & 0xff;
  magic[1] = alignBytes >> 8;
  magic.set(MAGIC_LARGE_ALIGN_TAIL, 2);
  return magic;
}

/** What an area says that has no room for a trailer. */
const NO_TRAILER: Trailer = {
  magic: 'unset',
  swapType: 'none',
  imageNumber: 0,
  copyDone: 'unset',
  imageOk: 'unset',
};

/** Reads the trailer of an area. Never refuses: what is not understood is `bad` or `none`. */
export function readTrailer(area: FlashArea): Trailer {
  const layout = trailerLayout(area);
  if (layout.swapInfoOffset < 0) return NO_TRAILER;
  const swapInfo = area.read(layout.swapInfoOffset, 1)[0] ?? 0;
  // Erased (0xff or 0x00) is outside of the known types, and so reads as none.
  const swapType = SWAP_TYPES[(swapInfo & 0x0f) - 1];
  return {
    magic: readMagic(area, layout),
    swapType: swapType ?? 'none',
    imageNumber: swapType === undefined ? 0 : swapInfo >> 4,
    copyDone: readFlag(area, layout.copyDoneOffset),
    imageOk: readFlag(area, layout.imageOkOffset),
  };
}

/**
 * Marks the slot to boot next under direct-xip, or confirms it when it runs
 * (bootutil_public.c, boot_set_next for direct-xip). Writes only what is missing. Refuses
 * `trailer-magic-bad` when the magic is neither erased nor right.
 */
export function markForDirectXip(
  area: FlashArea,
  options: { readonly confirm: boolean },
): Verdict<void> {
  const trailer = readTrailer(area);
  if (trailer.magic === 'bad') return badMagic(area);
  if (trailer.magic === 'unset') {
    const written = writeTrailerMagic(area);
    if (!written.ok) return written;
  }
  if (!options.confirm) return DONE;
  if (trailer.copyDone === 'unset') {
    const written = writeCopyDone(area);
    if (!written.ok) return written;
  }
  return trailer.imageOk === 'unset' ? writeImageOk(area) : DONE;
}

/**
 * Marks the secondary slot to be moved to the primary at the next boot
 * (bootutil_public.c, boot_set_next for swap and overwrite). A slot that is marked already is left
 * as it is. Refuses `trailer-magic-bad`.
 */
export function markForUpgrade(
  area: FlashArea,
  options: { readonly permanent: boolean; readonly imageIndex?: number },
): Verdict<void> {
  const trailer = readTrailer(area);
  if (trailer.magic === 'bad') return badMagic(area);
  if (trailer.magic === 'good') return DONE;
  const magic = writeTrailerMagic(area);
  if (!magic.ok) return magic;
  if (options.permanent) {
    const imageOk = writeImageOk(area);
    if (!imageOk.ok) return imageOk;
  }
  return writeSwapInfo(area, options.permanent ? 'permanent' : 'test', options.imageIndex);
}

/**
 * Confirms the image that runs from the primary slot (bootutil_public.c, boot_set_next for the
 * active slot). A slot without a magic was programmed without a trailer: there is nothing to
 * confirm and nothing to go back to. Refuses `trailer-magic-bad`.
 */
export function confirmRunning(area: FlashArea): Verdict<void> {
  const trailer = readTrailer(area);
  if (trailer.magic === 'bad') return badMagic(area);
  return trailer.magic === 'good' && trailer.imageOk === 'unset' ? writeImageOk(area) : DONE;
}

/** Writes the magic, padded in front to the alignment with the erased value. */
export function writeTrailerMagic(area: FlashArea): Verdict<void, FlashRejectCode> {
  const { alignBytes, magicOffset } = trailerLayout(area);
  const start = alignDown(magicOffset, alignBytes);
  const padded = new Uint8Array(area.sizeBytes - start).fill(area.erasedValue);
  padded.set(trailerMagic(alignBytes), magicOffset - start);
  return area.write(start, padded);
}

/** Sets image-ok: the image is confirmed. */
export function writeImageOk(area: FlashArea): Verdict<void, FlashRejectCode> {
  return writeTrailerField(area, trailerLayout(area).imageOkOffset, FLAG_SET_BYTES);
}

/** Sets copy-done: the image was chosen to boot once (direct-xip), or the swap is finished. */
export function writeCopyDone(area: FlashArea): Verdict<void, FlashRejectCode> {
  return writeTrailerField(area, trailerLayout(area).copyDoneOffset, FLAG_SET_BYTES);
}

/** Sets the swap type and the image it is for (bootutil_public.c, boot_write_swap_info). */
export function writeSwapInfo(
  area: FlashArea,
  swapType: SwapType,
  imageIndex = 0,
): Verdict<void, FlashRejectCode> {
  const swapInfo = (imageIndex << 4) | swapTypeNumber(swapType);
  return writeTrailerField(area, trailerLayout(area).swapInfoOffset, Uint8Array.of(swapInfo));
}

/** The number of a swap type in flash and in MCUboot's log (BOOT_SWAP_TYPE_*). */
export function swapTypeNumber(swapType: SwapType): number {
  return SWAP_TYPES.indexOf(swapType) + 1;
}

/** Writes a field in as few words as hold it, the rest of them erased (boot_write_trailer). */
export function writeTrailerField(
  area: FlashArea,
  offset: number,
  value: Uint8Array,
): Verdict<void, FlashRejectCode> {
  const align = area.writeAlignBytes;
  const words = new Uint8Array(Math.ceil(value.byteLength / align) * align).fill(area.erasedValue);
  words.set(value);
  return area.write(offset, words);
}

function readMagic(area: FlashArea, layout: TrailerLayout): TrailerMagic {
  const found = area.read(layout.magicOffset, TRAILER_MAGIC_SIZE_BYTES);
  if (found.every((byte) => byte === area.erasedValue)) return 'unset';
  const expected = trailerMagic(layout.alignBytes);
  return found.every((byte, index) => byte === expected[index]) ? 'good' : 'bad';
}

function readFlag(area: FlashArea, offset: number): TrailerFlag {
  const value = area.read(offset, 1)[0];
  if (value === area.erasedValue) return 'unset';
  return value === FLAG_SET ? 'set' : 'bad';
}

function badMagic(area: FlashArea): Rejected<'trailer-magic-bad'> {
  return reject(
    'trailer-magic-bad',
    `the trailer magic of ${area.name} is neither erased nor MCUboot's; erase the slot first`,
  );
}

function alignDown(value: number, alignBytes: number): number {
  return value - (value % alignBytes);
}
