import type { FlashArea } from '../flash/flash-area.js';
import { readUint16, readUint32, writeUint32 } from '../image/little-endian.js';
import type { FlashRejectCode, Verdict } from '../verdict.js';
import { TRAILER_MAGIC_SIZE_BYTES, trailerLayout, writeTrailerField } from './trailer.js';
import type { BootLayout, StrategyName } from './upgrade-strategy.js';

/** What a trailer has room for beside its flags (MCUboot bootutil_area.c, boot_trailer_info_sz). */
export interface TrailerFormat {
  /** Fields are this far apart (BOOT_MAX_ALIGN). */
  readonly alignBytes: number;
  /** One status entry is one word of flash (BOOT_WRITE_SZ). */
  readonly writeSizeBytes: number;
  /** Sectors with status entries (BOOT_STATUS_MAX_ENTRIES). */
  readonly sectorsMax: number;
  /** Status entries of each sector (BOOT_STATUS_STATE_COUNT). */
  readonly statesPerSector: number;
  /** Both images' unprotected TLV sizes are kept (swap-using-offset). */
  readonly hasTlvSizes: boolean;
  /** The size of a content key, aligned; 0 where images are not encrypted. */
  readonly keySlotSizeBytes: number;
}

/** The sizes of the unprotected TLV areas of two images, before they were moved. */
export interface UnprotectedTlvSizes {
  readonly primary: number;
  readonly secondary: number;
}

/** The trailer format of a layout under a strategy. */
export function trailerFormat(strategy: StrategyName, layout: BootLayout): TrailerFormat {
  const areas = layout.images.flat();
  const writeSizeBytes = Math.max(...areas.map((area) => area.writeAlignBytes));
  const alignBytes = Math.max(8, writeSizeBytes);
  const { encryptionKeySizeBytes: keySize, maxImageSectors } = layout;
  return {
    alignBytes,
    writeSizeBytes,
    sectorsMax: maxImageSectors ?? Math.max(...areas.map((area) => area.sectors.length)),
    statesPerSector: strategy === 'swap-using-offset' ? 2 : 3,
    hasTlvSizes: strategy === 'swap-using-offset',
    keySlotSizeBytes: keySize === undefined ? 0 : alignUp(keySize, alignBytes),
  };
}

/** Bytes at the end of a slot that are the trailer's (bootutil_area.c, boot_trailer_sz). */
export function trailerSizeBytes(format: TrailerFormat): number {
  return (
    format.sectorsMax * format.statesPerSector * format.writeSizeBytes + fieldsSizeBytes(format)
  );
}

/** The same for the scratch area, which has the entries of one sector (boot_scratch_trailer_sz). */
export function scratchTrailerSizeBytes(format: TrailerFormat): number {
  return format.statesPerSector * format.writeSizeBytes + fieldsSizeBytes(format);
}

function fieldsSizeBytes(format: TrailerFormat): number {
  const flagsAndSize = 4 * format.alignBytes;
  const tlvSizes = format.hasTlvSizes ? format.alignBytes : 0;
  const magic = alignUp(TRAILER_MAGIC_SIZE_BYTES, format.alignBytes);
  return 2 * format.keySlotSizeBytes + flagsAndSize + tlvSizes + magic;
}

/** Where the sector starts that holds the first byte of the trailer (boot_trailer_scramble_offset). */
export function trailerFirstSectorOffset(area: FlashArea, format: TrailerFormat): number {
  const start = area.sizeBytes - trailerSizeBytes(format);
  return area.sectors.findLast((sector) => sector.offset <= start)?.offset ?? 0;
}

/** Erases the sectors of the trailer, the last one first (swap_scramble_trailer_sectors). */
export function eraseTrailer(
  area: FlashArea,
  format: TrailerFormat,
): Verdict<void, FlashRejectCode> {
  return eraseBackwards(area, trailerFirstSectorOffset(area, format));
}

/**
 * Erases from the end of an area down to the sector that starts at an offset, unit by unit, so that
 * of a trailer the magic is the first to go (bootutil_area.c, boot_erase_region).
 */
export function eraseBackwards(area: FlashArea, offset: number): Verdict<void, FlashRejectCode> {
  for (const unit of (area.eraseUnits ?? area.sectors).toReversed()) {
    if (unit.offset < offset) break;
    const erased = area.erase(unit.offset, unit.sizeBytes);
    if (!erased.ok) return erased;
  }
  return { ok: true, value: undefined };
}

/** How many bytes a swap moves (boot_read_swap_size). */
export function readSwapSize(area: FlashArea, format: TrailerFormat): number {
  return readUint32(area.read(swapSizeOffset(area, format), 4), 0);
}

/** Notes how many bytes a swap moves (boot_write_swap_size). */
export function writeSwapSize(
  area: FlashArea,
  format: TrailerFormat,
  sizeBytes: number,
): Verdict<void, FlashRejectCode> {
  return writeTrailerField(area, swapSizeOffset(area, format), littleEndian32(sizeBytes));
}

/** Reads what `writeUnprotectedTlvSizes` noted. */
export function readUnprotectedTlvSizes(area: FlashArea): UnprotectedTlvSizes {
  const bytes = area.read(tlvSizesOffset(area), 4);
  return { primary: readUint16(bytes, 0), secondary: readUint16(bytes, 2) };
}

/** Notes the sizes that cannot be read any more once sectors have moved (swap_offset.c). */
export function writeUnprotectedTlvSizes(
  area: FlashArea,
  sizes: UnprotectedTlvSizes,
): Verdict<void, FlashRejectCode> {
  const combined = ((sizes.secondary << 16) | sizes.primary) >>> 0;
  return writeTrailerField(area, tlvSizesOffset(area), littleEndian32(combined));
}

/** What a key's place is filled with where there is no key, whatever the erased value. */
export const NO_KEY_BYTE = 0xff;

/** The place of a slot's content key (boot_enc_key_off). */
export function contentKeyOffset(area: FlashArea, format: TrailerFormat, slot: number): number {
  return swapSizeOffset(area, format) - (slot + 1) * format.keySlotSizeBytes;
}

/** The place of the number of bytes that a swap moves (boot_swap_size_off). */
export function swapSizeOffset(area: FlashArea, format: TrailerFormat): number {
  return format.hasTlvSizes
    ? tlvSizesOffset(area) - format.alignBytes
    : trailerLayout(area).swapInfoOffset - format.alignBytes;
}

/** The place of both unprotected TLV sizes (boot_unprotected_tlv_sizes_off). */
export function tlvSizesOffset(area: FlashArea): number {
  const { swapInfoOffset, alignBytes } = trailerLayout(area);
  return swapInfoOffset - alignBytes;
}

function littleEndian32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

/** The next multiple of `alignBytes` that is not below the value. */
export function alignUp(value: number, alignBytes: number): number {
  return Math.ceil(value / alignBytes) * alignBytes;
}
