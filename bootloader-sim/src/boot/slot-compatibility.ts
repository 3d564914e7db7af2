import type { FlashArea, FlashSector } from '../flash/flash-area.js';
import { alignUp, trailerFormat, trailerSizeBytes } from './swap-trailer.js';
import type { BootLayout, SlotPair } from './upgrade-strategy.js';

/** A swap of sectors that are all of one size. */
export interface EqualSectors {
  readonly strategy: 'swap-using-move' | 'swap-using-offset';
  /** The slot in which an image needs one sector more to move to, and which may have it. */
  readonly spareSectorIn: 'primary' | 'secondary';
}

/**
 * Why two slots cannot be swapped by an algorithm that needs equal sectors; undefined when they can
 * (swap_move.c and swap_offset.c, boot_slots_compatible).
 */
export function equalSectorsIncompatibility(
  slots: SlotPair,
  layout: BootLayout,
  swap: EqualSectors,
): string | undefined {
  const [primary, secondary] = slots;
  const inPrimary = primary.sectors.length;
  const inSecondary = secondary.sectors.length;
  const more = swap.spareSectorIn === 'primary' ? inPrimary - inSecondary : inSecondary - inPrimary;
  if (more !== 0 && more !== 1) {
    return `not a compatible amount of sectors (${inPrimary} and ${inSecondary})`;
  }
  const format = trailerFormat(swap.strategy, layout);
  const { sectorsMax } = format;
  if (inPrimary > sectorsMax || inSecondary > sectorsMax) {
    return `more sectors than allowed (${Math.max(inPrimary, inSecondary)} of at most ${sectorsMax})`;
  }
  const size = primary.sectors[0]?.sizeBytes;
  const isEqual = (sector: FlashSector): boolean => sector.sizeBytes === size;
  if (!primary.sectors.every(isEqual) || !secondary.sectors.every(isEqual)) {
    return 'not same sector layout';
  }
  return trailerMisfit(slots, trailerSizeBytes(format));
}

/** The largest image that such a swap takes (swap_move.c and swap_offset.c, app_max_size). */
export function equalSectorsMaxImageSizeBytes(
  slots: SlotPair,
  layout: BootLayout,
  swap: EqualSectors,
): number {
  const [primary, secondary] = slots;
  const sectorSize = primary.sectors[0]?.sizeBytes ?? primary.sizeBytes;
  const trailerSize = trailerSizeBytes(trailerFormat(swap.strategy, layout));
  const [inPrimary, inSecondary] = swap.spareSectorIn === 'primary' ? [1, 0] : [0, 1];
  return (
    Math.min(
      primary.sizeBytes - inPrimary * sectorSize,
      secondary.sizeBytes - inSecondary * sectorSize,
    ) - alignUp(trailerSize, sectorSize)
  );
}

/** Which of these areas has no room for a trailer and anything else; undefined when all have. */
export function trailerMisfit(
  areas: readonly FlashArea[],
  trailerBytes: number,
): string | undefined {
  const small = areas.find(({ sizeBytes }) => sizeBytes <= trailerBytes);
  return small === undefined
    ? undefined
    : `${small.name} has ${small.sizeBytes} bytes, its trailer alone needs ${trailerBytes}`;
}

/** What is found where sectors of two slots end at the same distance. */
interface SectorGroup {
  readonly primaryCount: number;
  readonly secondaryCount: number;
  readonly sizeBytes: number;
}

/**
 * Groups sectors so that both slots have a boundary behind each group: one large sector against
 * several smaller ones (swap_scratch.c, boot_slots_compatible). Undefined when the sizes are no
 * multiples of each other, or one slot ends before the other.
 */
export function groupSectors([primary, secondary]: SlotPair): readonly SectorGroup[] | undefined {
  const groups: SectorGroup[] = [];
  let [inPrimary, inSecondary] = [0, 0];
  while (inPrimary < primary.sectors.length || inSecondary < secondary.sectors.length) {
    const group = nextGroup(primary.sectors.slice(inPrimary), secondary.sectors.slice(inSecondary));
    if (group === undefined) return undefined;
    groups.push(group);
    inPrimary += group.primaryCount;
    inSecondary += group.secondaryCount;
  }
  return groups;
}

function nextGroup(
  primary: readonly FlashSector[],
  secondary: readonly FlashSector[],
): SectorGroup | undefined {
  let [inPrimary, inSecondary, primarySize, secondarySize] = [0, 0, 0, 0];
  do {
    const takePrimary = primarySize <= secondarySize;
    const takeSecondary = secondarySize <= primarySize;
    if (takePrimary) {
      const sector = primary[inPrimary];
      if (sector === undefined) return undefined;
      primarySize += sector.sizeBytes;
      inPrimary += 1;
    }
    if (takeSecondary) {
      const sector = secondary[inSecondary];
      if (sector === undefined) return undefined;
      secondarySize += sector.sizeBytes;
      inSecondary += 1;
    }
    // Several sectors of one slot may stand against one of the other, never against several.
    if (inPrimary > 1 && inSecondary > 1) return undefined;
  } while (primarySize !== secondarySize);
  return { primaryCount: inPrimary, secondaryCount: inSecondary, sizeBytes: primarySize };
}
