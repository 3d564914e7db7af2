import type { FlashArea } from '../flash/flash-area.js';
import { isWritten, type StatusEntries } from './swap-status.js';
import {
  NO_KEY_BYTE,
  contentKeyOffset,
  readSwapSize,
  readUnprotectedTlvSizes,
  scratchTrailerSizeBytes,
  swapSizeOffset,
  tlvSizesOffset,
  trailerSizeBytes,
  type TrailerFormat,
  type UnprotectedTlvSizes,
} from './swap-trailer.js';
import {
  TRAILER_MAGIC_SIZE_BYTES,
  readTrailer,
  trailerLayout,
  trailerMagic,
  type Trailer,
  type TrailerFlag,
} from './trailer.js';

/** `none`: it is noted that there is no key. Keys themselves are never shown. */
export type ContentKeyState = 'unset' | 'none' | 'present';

/** How many status entries an area has room for, and how many of them are written. */
export interface StatusEntryCount {
  readonly written: number;
  readonly count: number;
}

/** A trailer for people to read. What a strategy does not keep, and what is erased, is undefined. */
export interface TrailerDescription extends Trailer {
  /** Where it starts in its area. */
  readonly offset: number;
  /** Nothing of it is written. */
  readonly isErased: boolean;
  /** Whose magic it is, when it is MCUboot's for another write alignment than this flash has. */
  readonly foreignAlignBytes: number | undefined;
  /** Whether swap-info names a swap type. */
  readonly swapInfo: TrailerFlag;
  readonly swapSizeBytes: number | undefined;
  readonly unprotectedTlvSizes: UnprotectedTlvSizes | undefined;
  /** Of the primary slot's image, and of the secondary one's; empty where images are plain. */
  readonly contentKeys: readonly ContentKeyState[];
  readonly statusEntries: StatusEntryCount | undefined;
}

/** What is kept in a trailer. */
export interface TrailerContents {
  /** Undefined under strategies that swap nothing: they keep the flags alone. */
  readonly format: TrailerFormat | undefined;
  /** The scratch area has status entries for one sector only. */
  readonly isScratch: boolean;
  /** Swaps note their progress in the primary slot and in the scratch area. */
  readonly keepsStatus: boolean;
}

const ALIGNMENTS: readonly number[] = [8, 16, 32];

/** Describes the trailer of an area that has room for one. Never refuses: bytes may be anything. */
export function describeTrailer(area: FlashArea, contents: TrailerContents): TrailerDescription {
  const { format, isScratch, keepsStatus } = contents;
  const trailer = readTrailer(area);
  const flags = trailerLayout(area);
  const offset = trailerOffset(area, contents);
  const isSizeWritten = format !== undefined && !isErased(area, swapSizeOffset(area, format), 4);
  const hasTlvSizes = format?.hasTlvSizes === true && !isErased(area, tlvSizesOffset(area), 4);
  return {
    ...trailer,
    offset,
    isErased: isErased(area, offset, area.sizeBytes - offset),
    foreignAlignBytes: trailer.magic === 'bad' ? foreignAlignment(area) : undefined,
    swapInfo: swapInfoState(area, flags.swapInfoOffset, trailer),
    swapSizeBytes: isSizeWritten ? readSwapSize(area, format) : undefined,
    unprotectedTlvSizes: hasTlvSizes ? readUnprotectedTlvSizes(area) : undefined,
    contentKeys: format === undefined ? [] : readKeyStates(area, format),
    statusEntries:
      format !== undefined && keepsStatus ? countEntries(area, format, isScratch) : undefined,
  };
}

function trailerOffset(area: FlashArea, { format, isScratch }: TrailerContents): number {
  if (format === undefined) return trailerLayout(area).swapInfoOffset;
  return area.sizeBytes - (isScratch ? scratchTrailerSizeBytes(format) : trailerSizeBytes(format));
}

function isErased(area: FlashArea, offset: number, lengthBytes: number): boolean {
  return area.read(offset, lengthBytes).every((byte) => byte === area.erasedValue);
}

/** A board whose bootloader was built for another alignment has a magic that looks damaged. */
function foreignAlignment(area: FlashArea): number | undefined {
  const { magicOffset } = trailerLayout(area);
  const found = area.read(magicOffset, TRAILER_MAGIC_SIZE_BYTES);
  return ALIGNMENTS.find((alignBytes) => {
    return trailerMagic(alignBytes).every((byte, index) => byte === found[index]);
  });
}

function swapInfoState(area: FlashArea, offset: number, trailer: Trailer): TrailerFlag {
  if (isErased(area, offset, 1)) return 'unset';
  // Number 1 is a type too, and says none.
  const type = (area.read(offset, 1)[0] ?? 0) & 0x0f;
  return trailer.swapType !== 'none' || type === 1 ? 'set' : 'bad';
}

function readKeyStates(area: FlashArea, format: TrailerFormat): readonly ContentKeyState[] {
  if (format.keySlotSizeBytes === 0) return [];
  return [0, 1].map((slot) => {
    const words = area.read(contentKeyOffset(area, format, slot), format.keySlotSizeBytes);
    if (words.every((byte) => byte === area.erasedValue)) return 'unset';
    return words.every((byte) => byte === NO_KEY_BYTE) ? 'none' : 'present';
  });
}

function countEntries(
  area: FlashArea,
  format: TrailerFormat,
  isScratch: boolean,
): StatusEntryCount {
  const sectors = isScratch ? 1 : format.sectorsMax;
  const entries: StatusEntries = {
    offset: trailerOffset(area, { format, isScratch, keepsStatus: true }),
    count: format.statesPerSector * sectors,
    sizeBytes: format.writeSizeBytes,
  };
  let written = 0;
  for (let index = 0; index < entries.count; index += 1) {
    if (isWritten(area, entries, index)) written += 1;
  }
  return { written, count: entries.count };
}
