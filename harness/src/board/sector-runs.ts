import type { FlashSector, SectorRun } from '@brickproof/bootloader-sim';
import { formatSize } from '@brickproof/agent/node';

/** Sectors as runs of equal ones. */
export function sectorRunsOf(sectors: readonly FlashSector[]): readonly SectorRun[] {
  const runs: { count: number; sizeBytes: number }[] = [];
  for (const { sizeBytes } of sectors) {
    const last = runs.at(-1);
    if (last?.sizeBytes === sizeBytes) last.count += 1;
    else runs.push({ count: 1, sizeBytes });
  }
  return runs;
}

/** Runs as board files have them: `4 x 16 KiB + 1 x 64 KiB`. */
export function formatSectorRuns(runs: readonly SectorRun[]): string {
  return runs.map(({ count, sizeBytes }) => `${count} x ${formatSize(sizeBytes)}`).join(' + ');
}
