import type { FlashArea } from '../flash/flash-area.js';
import { IMAGE_HEADER_SIZE_BYTES } from '../image/header.js';
import { accept, reject, type Verdict } from '../verdict.js';
import type { SwapAlgorithm } from './swap-algorithm.js';
import { trailerFormat, trailerSizeBytes } from './swap-trailer.js';
import { swapUsingMove } from './swap-using-move.js';
import { swapUsingOffset } from './swap-using-offset.js';
import { swapUsingScratch } from './swap-using-scratch.js';
import { maxImageSizeBytes } from './trailer.js';
import { OVERWRITING } from './upgrade-method.js';
import {
  BOOT_IMAGES_MAX,
  type BootLayout,
  type SlotPair,
  type StrategyName,
} from './upgrade-strategy.js';

/** What a layout has room for. */
export interface BootCapacity {
  /** The largest image, with header and TLVs, for each image of the board in bytes. */
  readonly maxImageSizesBytes: readonly number[];
  /** Bytes at the end of a slot that a swap keeps its status in; 0 where nothing is swapped. */
  readonly trailerSizeBytes: number;
  /** Where a new image has to be written to in the secondary slot. */
  readonly uploadOffsetBytes: number;
}

const ALGORITHMS: Partial<Readonly<Record<StrategyName, SwapAlgorithm>>> = {
  'swap-using-offset': swapUsingOffset,
  'swap-using-move': swapUsingMove,
  'swap-using-scratch': swapUsingScratch,
};

/**
 * Holds a layout to what MCUboot can be built for, and says what it has room for. The boot itself
 * does not ask: on a layout that is refused here, it never upgrades. Refuses `boot-layout-invalid`.
 */
export function checkBootLayout(
  strategy: StrategyName,
  layout: BootLayout,
): Verdict<BootCapacity, 'boot-layout-invalid'> {
  const fault = findFault(strategy, layout);
  if (fault !== undefined) return reject('boot-layout-invalid', `${strategy}: ${fault}`);
  const sizes = layout.images.map((slots) => largestImage(strategy, slots, layout));
  const isTooSmall = sizes.some((size) => size <= IMAGE_HEADER_SIZE_BYTES);
  if (isTooSmall) {
    const detail = `${strategy}: beside its trailer of ${trailerSizeBytes(trailerFormat(strategy, layout))} bytes, a slot has no room for an image`;
    return reject('boot-layout-invalid', detail);
  }
  const isSwap = ALGORITHMS[strategy] !== undefined;
  return accept({
    maxImageSizesBytes: sizes,
    trailerSizeBytes: isSwap ? trailerSizeBytes(trailerFormat(strategy, layout)) : 0,
    uploadOffsetBytes: uploadOffset(strategy, layout.images[0]),
  });
}

/** Where a new image starts in the secondary slot: in its second sector under swap-using-offset. */
export function uploadOffset(strategy: StrategyName, slots: SlotPair | undefined): number {
  return strategy === 'swap-using-offset' ? (slots?.[1].sectors[0]?.sizeBytes ?? 0) : 0;
}

/** The largest image of a pair of slots (bootutil_misc.c, bootutil_max_image_size). */
export function largestImage(strategy: StrategyName, slots: SlotPair, layout: BootLayout): number {
  const algorithm = ALGORITHMS[strategy];
  if (algorithm !== undefined) return algorithm.maxImageSizeBytes(slots, layout);
  return Math.min(...slots.map((slot) => maxImageSizeBytes(slot)));
}

/** The algorithm of a strategy that swaps images; undefined for the others. */
export function swapAlgorithmOf(strategy: StrategyName): SwapAlgorithm | undefined {
  return ALGORITHMS[strategy];
}

function findFault(strategy: StrategyName, layout: BootLayout): string | undefined {
  const { images, scratch } = layout;
  if (images.length < 1 || images.length > BOOT_IMAGES_MAX) {
    return `a board has 1 to ${BOOT_IMAGES_MAX} images, not ${images.length}`;
  }
  const unfit = settingsFault(strategy, layout);
  if (unfit !== undefined || strategy === 'direct-xip') return unfit;
  const areas = [...images.flat(), ...(scratch === undefined ? [] : [scratch])];
  return unequalFlash(areas) ?? slotFault(strategy, layout);
}

/** Settings that a strategy has no use for (bootutil_priv.h; boot/zephyr/Kconfig, "depends on"). */
function settingsFault(strategy: StrategyName, layout: BootLayout): string | undefined {
  const { downgradePrevention: prevention, encryptionKeySizeBytes } = layout;
  if (strategy === 'direct-xip') {
    if (encryptionKeySizeBytes !== undefined) {
      return 'images run where they lie, so that they cannot be encrypted';
    }
    if (prevention === 'none') return 'the highest version always runs, so that none is downgraded';
  }
  return prevention === 'security-counter' && swapAlgorithmOf(strategy) === undefined
    ? 'downgrades are judged by the security counter only where images are swapped'
    : undefined;
}

/** A trailer is moved from area to area, so that its words have to be the same everywhere. */
function unequalFlash(areas: readonly FlashArea[]): string | undefined {
  const [first] = areas;
  for (const area of areas) {
    if (area.writeAlignBytes !== first?.writeAlignBytes) {
      return `the write alignments of ${first?.name ?? ''} (${first?.writeAlignBytes ?? 0}) and ${area.name} (${area.writeAlignBytes}) differ`;
    }
    if (area.erasedValue !== first.erasedValue) {
      return `the erased values of ${first.name} and ${area.name} differ`;
    }
  }
  return undefined;
}

function slotFault(strategy: StrategyName, layout: BootLayout): string | undefined {
  const { incompatibility } = ALGORITHMS[strategy] ?? OVERWRITING;
  for (const [index, slots] of layout.images.entries()) {
    const reason = incompatibility(slots, layout);
    if (reason !== undefined) return `image ${index}: ${reason}`;
  }
  return undefined;
}
