import type { SectorContents } from '@brickproof/bootloader-sim';
import { HALF_OF_BITS, type FlashCells } from './tears.js';

const ALL_BITS = 0xff;

/**
 * What a range with cells that are not stable may read as: as erased, as written, or a mixture.
 * One possibility where no cell of the range is unstable.
 */
export function flickeringReads(
  { bytes, unstable }: SectorContents,
  from: number,
  lengthBytes: number,
): readonly Uint8Array[] {
  const erased = bytes.subarray(from, from + lengthBytes);
  const cells = unstable?.subarray(from, from + lengthBytes);
  if (cells === undefined || cells.every((mask) => mask === 0)) return [erased];
  const programmed = (pattern: number): Uint8Array =>
    erased.map((byte, index) => byte ^ ((cells[index] ?? 0) & pattern));
  return distinct([erased, programmed(ALL_BITS), programmed(HALF_OF_BITS)]);
}

/**
 * What words may read as that were perhaps torn, which was forgotten since: as they count, half
 * written, or without one bit. The words below `highest` are meant.
 */
export function forgottenReads(
  { bytes }: SectorContents,
  range: { readonly from: number; readonly lengthBytes: number; readonly highest: number },
  { writeAlignBytes, erasedValue }: FlashCells,
): readonly Uint8Array[] {
  const { from, lengthBytes, highest } = range;
  const plain = bytes.subarray(from, from + lengthBytes);
  const torn = (tear: (mask: number) => number): Uint8Array =>
    plain.map((byte, index) => {
      const isBelow = Math.floor((from + index) / writeAlignBytes) < highest;
      return isBelow ? erasedValue ^ tear(byte ^ erasedValue) : byte;
    });
  return distinct([plain, torn((mask) => mask & HALF_OF_BITS), torn((mask) => mask & (mask - 1))]);
}

function distinct(reads: readonly Uint8Array[]): readonly Uint8Array[] {
  return reads.filter(
    (read, index) => reads.findIndex((other) => Buffer.compare(other, read) === 0) === index,
  );
}
