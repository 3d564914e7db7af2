import type { BootLayout, SlotPair, StrategyName } from './upgrade-strategy.js';
import { groupSectors } from './slot-compatibility.js';
import type { SwapAlgorithm } from './swap-algorithm.js';
import { trailerLayout } from './trailer.js';
import type { UpgradeImage } from './upgrade-image.js';

/** How new images come to the primary slot. */
export interface UpgradeMethod {
  readonly name: StrategyName;
  /** Undefined: the primary image is overwritten. */
  readonly algorithm: SwapAlgorithm | undefined;
  /** Why images cannot be upgraded in these slots; undefined when they can. */
  readonly incompatibility: (slots: SlotPair, layout: BootLayout) => string | undefined;
  /** The largest image that a slot takes, in bytes. */
  readonly maxImageSizeBytes: (image: UpgradeImage, slot: 0 | 1) => number;
}

/** Swapping by an algorithm. */
export function swapping(algorithm: SwapAlgorithm): UpgradeMethod {
  return {
    name: algorithm.name,
    algorithm,
    incompatibility: algorithm.incompatibility,
    maxImageSizeBytes: (image) => algorithm.maxImageSizeBytes(image.slots, image.environment),
  };
}

/** Overwriting: the whole slot up to swap-info takes an image (bootutil_max_image_size). */
export const OVERWRITING: UpgradeMethod = {
  name: 'overwrite-only',
  algorithm: undefined,
  incompatibility: overwriteIncompatibility,
  maxImageSizeBytes: ({ slots }, slot) => trailerLayout(slots[slot]).swapInfoOffset,
};

/**
 * MCUboot compares slots that are overwritten as it does slots that are swapped, but without ever
 * starting anew: only one of them may have the smaller sectors (swap_scratch.c,
 * boot_slots_compatible). An image that fits the larger of two slots might not fit the other.
 */
function overwriteIncompatibility(slots: SlotPair, layout: BootLayout): string | undefined {
  const most = Math.max(...slots.map((area) => area.sectors.length));
  const { maxImageSectors } = layout;
  if (maxImageSectors !== undefined && most > maxImageSectors) {
    return `more sectors than allowed (${most} of at most ${maxImageSectors})`;
  }
  const [primary, secondary] = slots;
  if (primary.sizeBytes !== secondary.sizeBytes) return 'slots are not compatible';
  const groups = groupSectors(slots);
  const isMixed =
    groups?.some(({ primaryCount }) => primaryCount > 1) === true &&
    groups.some(({ secondaryCount }) => secondaryCount > 1);
  return groups === undefined || isMixed ? 'slots have non-compatible sectors' : undefined;
}
