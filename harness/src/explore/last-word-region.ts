import type { SectorContents } from '@brickproof/bootloader-sim';

/**
 * A range of bytes of one sector that is written upwards, word by word, and of which only the last
 * word that was written counts: the status entries of a swap.
 */
export interface LastWordRegion {
  readonly start: number;
  readonly end: number;
}

/** The highest word of a region that has been programmed, counted in the sector; -1 for none. */
export function highestProgrammed(
  { programmed }: SectorContents,
  region: LastWordRegion,
  writeAlignBytes: number,
): number {
  const first = Math.floor(region.start / writeAlignBytes);
  for (let word = Math.ceil(region.end / writeAlignBytes) - 1; word >= first; word -= 1) {
    if (((programmed[word >> 3] ?? 0) & (1 << (word & 7))) !== 0) return word;
  }
  return -1;
}
