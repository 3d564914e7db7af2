import type { NorFlash } from '@brickproof/bootloader-sim';
import type { DeviceModel } from '../board/device-model.js';

/** How often the sectors of one area were erased. */
export interface AreaWear {
  readonly area: string;
  /** One number a sector, in their order. */
  readonly erases: readonly number[];
}

/** How often each sector was erased since the board was made, by area. */
export function wearOf(flash: NorFlash, model: DeviceModel): readonly AreaWear[] {
  const counts = flash.eraseCounts;
  const { sectors } = flash.geometry;
  return model.areas.map(({ name, offset, sizeBytes }) => ({
    area: name,
    erases: counts.filter((_, index) => {
      const start = sectors[index]?.offset ?? 0;
      return start >= offset && start < offset + sizeBytes;
    }),
  }));
}

/** Wear in a few words: all erases, and those of the sector that is most worn. */
export function summarizeWear(wear: readonly AreaWear[]): string {
  const counts = wear.flatMap(({ erases }) => erases);
  if (counts.length === 0) return '-';
  return `${sumOf(counts)}, at most ${Math.max(...counts)} a sector`;
}

/** The rows of a table: how worn each area is, and which of its sectors most. */
export function wearRows(wear: readonly AreaWear[]): readonly (readonly string[])[] {
  const rows = wear.map(({ area, erases }) => {
    const most = Math.max(0, ...erases);
    const worst = most === 0 ? '-' : `sector ${erases.indexOf(most)}: ${most}`;
    return [area, `${erases.length}`, `${sumOf(erases)}`, worst];
  });
  return [['area', 'sectors', 'erases', 'most worn'], ...rows];
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
