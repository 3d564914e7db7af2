import type { FlashGeometry, SectorContents } from './geometry.js';

/**
 * The contents of a flash at one moment, with the cells that are not stable. It shares every
 * sector; taking one copies no data. Wear and noise are no part of it.
 */
export interface FlashSnapshot {
  readonly geometry: FlashGeometry;
  readonly sectors: readonly SectorContents[];
}

/** Whether two flashes hold the same: bytes, programmed words and unstable cells. */
export function equalSnapshots(a: FlashSnapshot, b: FlashSnapshot): boolean {
  if (a.sectors.length !== b.sectors.length) return false;
  return a.sectors.every((sector, index) => {
    const other = b.sectors[index];
    return other !== undefined && equalSectors(sector, other);
  });
}

/** Whether two sectors hold the same; sectors that are shared are equal without a look. */
export function equalSectors(a: SectorContents, b: SectorContents): boolean {
  if (a === b) return true;
  return (
    equalBytes(a.bytes, b.bytes) &&
    equalBytes(a.programmed, b.programmed) &&
    equalBytes(a.unstable, b.unstable)
  );
}

function equalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
