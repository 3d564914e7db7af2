import {
  NorFlash,
  checkBootLayout,
  createFlashMap,
  withLogicalSectors,
  type FlashArea,
  type FlashMap,
} from '@brickproof/bootloader-sim';
import type { BoardFault } from './board-config.js';
import type { FactoryCounters } from './board-definition.js';
import type { DeviceModel } from './device-model.js';
import { bootLayoutOf, type BoardBootSettings } from './provision.js';

/** What a board file says, before it is known to be possible. */
export interface BoardParts {
  readonly model: DeviceModel;
  readonly bootSettings: BoardBootSettings;
  readonly counters: FactoryCounters | undefined;
}

/** The areas that the bootloader moves images in. */
const IMAGE_AREAS: readonly string[] = ['slot0', 'slot1', 'slot2', 'slot3', 'scratch'];

/** What is wrong with a board whatever its strategy, with the places in its file. */
export function checkBoardParts(parts: BoardParts): readonly BoardFault[] {
  const { model } = parts;
  const flash = new NorFlash(model.geometry);
  const faults = [...checkSlotPairs(model), ...checkAreas(flash, model)];
  if (faults.length > 0) return faults;
  const map = createFlashMap(flash, model.areas);
  if (!map.ok) return [{ path: ['areas'], sentence: map.detail }];
  const unfit = [...checkLogicalSectors(map.value, parts), ...checkSlotSizes(map.value)];
  return unfit.length > 0 ? unfit : checkCounters(map.value, parts.counters);
}

/** Each area alone and beside those before it, so that the right one is blamed. */
function checkAreas(flash: NorFlash, model: DeviceModel): readonly BoardFault[] {
  const faults: BoardFault[] = [];
  const inOrder = model.areas.toSorted((a, b) => a.offset - b.offset);
  for (const [index, area] of inOrder.entries()) {
    const before = inOrder.slice(0, index).find(({ offset, sizeBytes }) => {
      return offset + sizeBytes > area.offset;
    });
    const alone = createFlashMap(flash, [area]);
    const overlap = before && `the area ${area.name} overlaps ${before.name}`;
    const sentence = alone.ok ? overlap : alone.detail;
    if (sentence !== undefined) faults.push({ path: ['areas', area.name], sentence });
  }
  return faults;
}

function checkSlotPairs(model: DeviceModel): readonly BoardFault[] {
  const has = (wanted: string): boolean => model.areas.some(({ name }) => name === wanted);
  const pairs = [
    ['slot2', 'slot3'],
    ['slot3', 'slot2'],
  ] as const;
  return pairs.flatMap(([one, other]) => {
    if (!has(one) || has(other)) return [];
    const sentence = `${one} is one of the two slots of a second image; ${other} is missing`;
    return [{ path: ['areas', one], sentence }];
  });
}

function checkLogicalSectors(map: FlashMap, { bootSettings }: BoardParts): readonly BoardFault[] {
  const { logicalSectorSizeBytes: sizeBytes } = bootSettings;
  if (sizeBytes === undefined) return [];
  for (const area of map.areas.filter(({ name }) => IMAGE_AREAS.includes(name))) {
    const logical = withLogicalSectors(area, sizeBytes);
    if (!logical.ok) {
      return [{ path: ['bootloader', 'logical-sector-size'], sentence: logical.detail }];
    }
  }
  return [];
}

/** A slot that has no room for flags and a header is none, under any strategy. */
function checkSlotSizes(map: FlashMap): readonly BoardFault[] {
  const { images } = bootLayoutOf(map);
  const isTooSmall = (area: FlashArea): boolean => {
    return !checkBootLayout('direct-xip', { images: [[area, area]] }).ok;
  };
  return images
    .flat()
    .filter(isTooSmall)
    .map(({ name, sizeBytes }) => {
      const sentence = `${name} has ${sizeBytes} bytes, which is no room for a header and a trailer`;
      return { path: ['areas', name], sentence };
    });
}

function checkCounters(
  map: FlashMap,
  counters: FactoryCounters | undefined,
): readonly BoardFault[] {
  const { images } = bootLayoutOf(map);
  if (counters === undefined || counters === 'none' || counters.length === images.length) return [];
  const [given, wanted] = [counters.length, images.length].map((count, index) => {
    return `${count} ${index === 0 ? 'counter' : 'image'}${count === 1 ? '' : 's'}`;
  });
  return [{ path: ['counters'], sentence: `${given ?? ''} for a board of ${wanted ?? ''}` }];
}
