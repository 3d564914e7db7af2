import { accept, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import type { FlashSector } from './flash-area.js';

/** The most sectors a simulated flash may have. */
export const FLASH_SECTORS_MAX = 65_536;
/** The largest simulated flash, in bytes. */
export const FLASH_SIZE_BYTES_MAX: number = 256 * 1024 * 1024;

/** A run of equal sectors; a flash is described by a list of these. */
export interface SectorRun {
  readonly count: number;
  readonly sizeBytes: number;
}

/** How a flash is to be laid out. */
export interface FlashGeometryOptions {
  readonly sectorRuns: readonly SectorRun[];
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
}

/** The write alignments MCUboot supports (`MCUBOOT_BOOT_MAX_ALIGN`). */
export type WriteAlignBytes = 1 | 2 | 4 | 8 | 16 | 32;

/** What an erased byte reads as. */
export type ErasedValue = 0xff | 0x00;

/** What one sector holds. Contents that are shared are never changed in place. */
export interface SectorContents {
  readonly bytes: Uint8Array;
  /** One bit a word: set once the word has been programmed since the last erase. */
  readonly programmed: Uint8Array;
  /** A mask over `bytes` of the cells that are not stable, where there are any. */
  readonly unstable: Uint8Array | undefined;
}

/** The fixed shape of a flash. It may be shared between any number of flashes. */
export interface FlashGeometry {
  readonly sizeBytes: number;
  readonly sectors: readonly FlashSector[];
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
  /** The sector that holds an offset inside the flash. */
  sectorIndexAt(offset: number): number;
  /** What each sector holds after an erase; equal sectors share one object. */
  erasedContents(sectorIndex: number): SectorContents;
}

/** Lays a flash out. Refuses sectors that the write alignment does not divide, and absurd sizes. */
export function createFlashGeometry(
  options: FlashGeometryOptions,
): Verdict<FlashGeometry, FlashRejectCode> {
  const sectors: FlashSector[] = [];
  let sizeBytes = 0;
  for (const run of options.sectorRuns) {
    const fault = checkRun(run, options.writeAlignBytes);
    if (fault !== undefined) return reject('flash-map-invalid', fault);
    if (sectors.length + run.count > FLASH_SECTORS_MAX) {
      return reject('flash-map-invalid', `more than ${FLASH_SECTORS_MAX} sectors`);
    }
    for (let index = 0; index < run.count; index += 1) {
      sectors.push({ offset: sizeBytes, sizeBytes: run.sizeBytes });
      sizeBytes += run.sizeBytes;
    }
    if (sizeBytes > FLASH_SIZE_BYTES_MAX) {
      return reject('flash-map-invalid', `a flash of more than ${FLASH_SIZE_BYTES_MAX} bytes`);
    }
  }
  if (sectors.length === 0) return reject('flash-map-invalid', 'a flash without sectors');
  return accept(geometryOf(sectors, sizeBytes, options));
}

function checkRun(run: SectorRun, writeAlignBytes: number): string | undefined {
  if (!Number.isSafeInteger(run.count) || run.count < 1) return `${run.count} sectors in a run`;
  if (!Number.isSafeInteger(run.sizeBytes) || run.sizeBytes < writeAlignBytes) {
    return `a sector of ${run.sizeBytes} bytes`;
  }
  if (run.sizeBytes % writeAlignBytes !== 0) {
    return `sectors of ${run.sizeBytes} bytes are no multiple of the write alignment ${writeAlignBytes}`;
  }
  return undefined;
}

function geometryOf(
  sectors: readonly FlashSector[],
  sizeBytes: number,
  options: FlashGeometryOptions,
): FlashGeometry {
  const starts = Float64Array.from(sectors, (sector) => sector.offset);
  const erasedBySize = new Map<number, SectorContents>();
  const erased = sectors.map((sector) => {
    const known = erasedBySize.get(sector.sizeBytes);
    if (known !== undefined) return known;
    const contents = erasedSector(sector.sizeBytes, options);
    erasedBySize.set(sector.sizeBytes, contents);
    return contents;
  });
  return {
    sizeBytes,
    sectors,
    writeAlignBytes: options.writeAlignBytes,
    erasedValue: options.erasedValue,
    sectorIndexAt: (offset) => lastStartAtOrBefore(starts, offset),
    erasedContents: (sectorIndex) => {
      const contents = erased[sectorIndex];
      if (contents === undefined) throw new RangeError(`no sector ${sectorIndex}`);
      return contents;
    },
  };
}

function erasedSector(sizeBytes: number, options: FlashGeometryOptions): SectorContents {
  const words = sizeBytes / options.writeAlignBytes;
  return {
    bytes: new Uint8Array(sizeBytes).fill(options.erasedValue),
    programmed: new Uint8Array(Math.ceil(words / 8)),
    unstable: undefined,
  };
}

/** Binary search: the index of the last start that is not beyond the offset. */
function lastStartAtOrBefore(starts: Float64Array, offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((starts[middle] ?? Infinity) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
