import { groupSectors, trailerMisfit } from './slot-compatibility.js';
import { sectorOffset } from './swap-algorithm.js';
import {
  scratchTrailerSizeBytes,
  trailerFirstSectorOffset,
  trailerFormat,
  trailerSizeBytes,
} from './swap-trailer.js';
import type { UpgradeImage } from './upgrade-image.js';
import type { BootLayout, SlotPair } from './upgrade-strategy.js';

/** Why slots cannot be swapped through the scratch area (swap_scratch.c, boot_slots_compatible). */
export function scratchIncompatibility(slots: SlotPair, layout: BootLayout): string | undefined {
  const { scratch } = layout;
  if (scratch === undefined) return 'there is no scratch area';
  const format = trailerFormat('swap-using-scratch', layout);
  const { sectorsMax } = format;
  const most = Math.max(...slots.map((slot) => slot.sectors.length));
  if (most > sectorsMax) return `more sectors than allowed (${most} of at most ${sectorsMax})`;
  const [primary, secondary] = slots;
  if (primary.sizeBytes !== secondary.sizeBytes) return 'slots are not compatible';
  const groups = groupSectors(slots);
  if (groups === undefined) return 'slots have non-compatible sectors';
  const largest = Math.max(...groups.map((group) => group.sizeBytes));
  if (largest > scratch.sizeBytes) return 'not all sectors fit inside scratch';
  return (
    trailerMisfit(slots, trailerSizeBytes(format)) ??
    trailerMisfit([scratch], scratchTrailerSizeBytes(format))
  );
}

/**
 * An image ends where the trailer starts; and before, when the sector that both share would leave
 * no room for the trailer of the scratch area (app_max_size_adjust_to_trailer).
 */
export function scratchMaxImageSizeBytes(slots: SlotPair, layout: BootLayout): number {
  const format = trailerFormat('swap-using-scratch', layout);
  const [primary] = slots;
  const trailerOffset = primary.sizeBytes - trailerSizeBytes(format);
  const ends = slots.map((slot) => {
    const start = trailerFirstSectorOffset(slot, format);
    const sector = slot.sectors.find((candidate) => candidate.offset === start);
    return start + (sector?.sizeBytes ?? 0);
  });
  const inFirstSector = Math.max(...ends) - trailerOffset;
  const padding = Math.max(0, scratchTrailerSizeBytes(format) - inFirstSector);
  return trailerOffset - padding;
}

/**
 * The last sector of the primary slot that has to be swapped, where the secondary slot has a
 * boundary too (find_last_sector_idx). Undefined when the slots have not that many bytes.
 */
export function lastSectorIndex(slots: SlotPair, swapSizeBytes: number): number | undefined {
  let [size, sectors] = [0, 0];
  for (const group of groupSectors(slots) ?? []) {
    size += group.sizeBytes;
    sectors += group.primaryCount;
    if (size >= swapSizeBytes) return sectors - 1;
  }
  return undefined;
}

/** As many sectors as fit the scratch area, up to `end` (boot_copy_sz). */
export function firstSectorOfTurn(image: UpgradeImage, end: number): number {
  const { primary, scratch } = image;
  const room = scratch?.sizeBytes ?? 0;
  let first = end;
  while (first > 0 && sectorOffset(primary, end) - sectorOffset(primary, first - 1) <= room) {
    first -= 1;
  }
  // A sector that does not fit would stop the walk; slots that are compatible have none.
  return first === end ? end - 1 : first;
}

/** How many turns a swap takes (find_swap_count). */
export function scratchTurnCount(image: UpgradeImage, swapSizeBytes: number): number {
  const last = lastSectorIndex(image.slots, swapSizeBytes);
  let turns = 0;
  for (let end = last === undefined ? 0 : last + 1; end > 0; turns += 1) {
    end = firstSectorOfTurn(image, end);
  }
  return turns;
}
