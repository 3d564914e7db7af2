import {
  NorFlash,
  accept,
  checkBootLayout,
  createFlashGeometry,
  createFlashMap,
  reject,
  trailerFormat,
  trailerSizeBytes,
  type BootCapacity,
  type BootLayout,
  type BootSettings,
  type ErasedValue,
  type FlashAreaOptions,
  type FlashGeometry,
  type SectorRun,
  type StrategyName,
  type Verdict,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import { bootLayoutOf } from '../board/provision.js';
import type { LastWordRegion } from './last-word-region.js';

/** The flash of an explored board, in the words of its flags. */
export interface SceneGeometryOptions {
  readonly strategy: StrategyName;
  readonly slotSizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
  /** Images of the board; each has slots of the same size. */
  readonly imageCount: 1 | 2;
  readonly settings: BootSettings;
  /** Of swap-using-scratch; a quarter of a slot when absent, and at most four sectors. */
  readonly scratchSizeBytes?: number | undefined;
}

/** The flash of an explored board, as it was laid out. */
export interface SceneGeometry {
  readonly strategy: StrategyName;
  readonly geometry: FlashGeometry;
  readonly areas: readonly FlashAreaOptions[];
  readonly settings: BootSettings;
  readonly capacity: BootCapacity;
}

/** Why a scene cannot be explored. */
export type SceneRejectCode =
  | 'scene-geometry-invalid'
  | 'scene-image-size'
  | 'scene-unfit'
  | 'scene-sample-missing'
  | 'scene-dump-unreadable';

const STORE_SECTORS = 2;
/** A store's sector has to hold its longest value. */
const STORE_SECTOR_BYTES = 1024;
const SCRATCH_SECTORS_MAX = 4;

/**
 * Lays out slots, a scratch area where images are swapped through one, and a store. Refuses
 * `scene-geometry-invalid` for what no flash can be, and for what MCUboot cannot be built for.
 */
export function layOutScene(
  options: SceneGeometryOptions,
): Verdict<SceneGeometry, SceneRejectCode> {
  const { strategy, slotSizeBytes, sectorSizeBytes, writeAlignBytes, erasedValue } = options;
  const rest = slotSizeBytes % sectorSizeBytes;
  if (rest !== 0) {
    const detail = `a slot of ${slotSizeBytes} bytes is no multiple of sectors of ${sectorSizeBytes}`;
    return reject('scene-geometry-invalid', detail);
  }
  const { scratchSizeBytes = 0 } = options;
  if (scratchSizeBytes % sectorSizeBytes !== 0) {
    const detail = `a scratch area of ${scratchSizeBytes} bytes is no multiple of sectors of ${sectorSizeBytes}`;
    return reject('scene-geometry-invalid', detail);
  }
  const { areas, sectorRuns } = divide(options);
  const geometry = createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue });
  if (!geometry.ok) return reject('scene-geometry-invalid', geometry.detail);
  const map = createFlashMap(new NorFlash(geometry.value), areas);
  if (!map.ok) return reject('scene-geometry-invalid', map.detail);
  const { settings } = options;
  const capacity = checkBootLayout(strategy, bootLayoutOf(map.value, settings));
  if (!capacity.ok) return reject('scene-geometry-invalid', capacity.detail);
  return accept({
    strategy,
    geometry: geometry.value,
    areas,
    settings,
    capacity: capacity.value,
  });
}

/** By sector: the status entries of the swaps, of which only the last one counts. */
export function statusRegions(
  strategy: StrategyName,
  layout: BootLayout,
  geometry: FlashGeometry,
): ReadonlyMap<number, LastWordRegion> {
  const regions = new Map<number, LastWordRegion>();
  if (!strategy.startsWith('swap')) return regions;
  const format = trailerFormat(strategy, layout);
  const entriesBytes = format.sectorsMax * format.statesPerSector * format.writeSizeBytes;
  for (const [{ flashOffset, sizeBytes }] of layout.images) {
    const start = flashOffset + sizeBytes - trailerSizeBytes(format);
    const end = start + entriesBytes;
    for (const [index, sector] of geometry.sectors.entries()) {
      const from = Math.max(start, sector.offset);
      const to = Math.min(end, sector.offset + sector.sizeBytes);
      if (from < to) regions.set(index, { start: from - sector.offset, end: to - sector.offset });
    }
  }
  return regions;
}

function divide(options: SceneGeometryOptions): {
  readonly areas: readonly FlashAreaOptions[];
  readonly sectorRuns: readonly SectorRun[];
} {
  const { strategy, slotSizeBytes, sectorSizeBytes, imageCount } = options;
  const areas: FlashAreaOptions[] = [];
  let offset = 0;
  const add = (name: string, sizeBytes: number): void => {
    areas.push({ name, offset, sizeBytes });
    offset += sizeBytes;
  };
  for (let slot = 0; slot < 2 * imageCount; slot += 1) add(`slot${slot}`, slotSizeBytes);
  const sectors = slotSizeBytes / sectorSizeBytes;
  const scratchSectors = Math.max(1, Math.min(SCRATCH_SECTORS_MAX, Math.floor(sectors / 4)));
  const scratchSizeBytes = options.scratchSizeBytes ?? scratchSectors * sectorSizeBytes;
  if (strategy === 'swap-using-scratch') add('scratch', scratchSizeBytes);
  const slotsEnd = offset;
  add('store', STORE_SECTORS * STORE_SECTOR_BYTES);
  const sectorRuns = [
    { count: slotsEnd / sectorSizeBytes, sizeBytes: sectorSizeBytes },
    { count: STORE_SECTORS, sizeBytes: STORE_SECTOR_BYTES },
  ];
  return { areas, sectorRuns };
}
