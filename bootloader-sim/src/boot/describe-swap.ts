import { swapAlgorithmOf } from './boot-layout.js';
import { isRevert, readInterruptedSwapSize } from './swap-algorithm.js';
import { isReset, resetStatus } from './swap-status.js';
import { readTrailer, type SwapType } from './trailer.js';
import type { UpgradeImage } from './upgrade-image.js';

/** A swap that was begun and not finished. */
export interface SwapProgress {
  /** Where it was noted. */
  readonly source: 'primary' | 'scratch';
  readonly swapType: SwapType;
  /** The images go back to where they came from. */
  readonly isRevert: boolean;
  readonly swapSizeBytes: number;
  /** How many sectors, or groups of sectors, the swap takes. */
  readonly turns: number;
  /** How many of them swap-using-move has moved up by one; undefined under the others. */
  readonly movedUp: number | undefined;
  /** How many have changed places. */
  readonly swapped: number;
  /** The step of the next turn that is to be done; counts from 1. */
  readonly step: number;
  /** Whether the bootloader goes on with it; it does not with one that cannot be. */
  readonly canResume: boolean;
  /** Where the headers lie now: of the image that was in the primary slot, and of the other. */
  readonly headerPlaces: readonly [SwapHeaderPlace, SwapHeaderPlace];
}

/** A place in an area. */
export interface SwapHeaderPlace {
  readonly areaName: string;
  readonly offset: number;
}

/**
 * Reads how far a swap of an image had come (loader.c, boot_prepare_image_for_update). Undefined
 * when none was begun, and under strategies that swap nothing. Changes the image's status alone.
 */
export function readSwapProgress(image: UpgradeImage): SwapProgress | undefined {
  const algorithm = swapAlgorithmOf(image.strategy);
  if (algorithm === undefined) return undefined;
  const status = resetStatus(algorithm.firstOperation);
  image.status = status;
  const source = algorithm.findStatus(image);
  const area = source === 'scratch' ? image.scratch : image.primary;
  if (source === 'none' || area === undefined) return undefined;
  status.source = source;
  algorithm.readStatus(image, area, status);
  status.swapType = readTrailer(area).swapType;
  const isBegun = !isReset(status, algorithm.firstOperation);
  if (!isBegun && status.swapType === 'none') return undefined;
  const swapSizeBytes = readInterruptedSwapSize(image);
  const max = algorithm.maxImageSizeBytes(image.slots, image.environment);
  const turns = algorithm.turnCount(image, swapSizeBytes);
  const place = (slot: 0 | 1): SwapHeaderPlace => {
    const { area: where, offset } = algorithm.headerPlace(image, slot, swapSizeBytes);
    return { areaName: where.name, offset };
  };
  return {
    source,
    swapType: status.swapType,
    isRevert: isRevert(image),
    swapSizeBytes,
    turns,
    ...countTurns(image, turns),
    canResume: !isBegun || (swapSizeBytes <= max && algorithm.canResume(image, swapSizeBytes)),
    headerPlaces: [place(0), place(1)],
  };
}

/** Only swap-using-move moves before it swaps; the others call their one operation either way. */
function countTurns(
  { strategy, status }: UpgradeImage,
  turns: number,
): Pick<SwapProgress, 'movedUp' | 'swapped' | 'step'> {
  const done = Math.min(status.index - 1, turns);
  if (strategy !== 'swap-using-move')
    return { movedUp: undefined, swapped: done, step: status.state };
  return status.operation === 'move'
    ? { movedUp: done, swapped: 0, step: 1 }
    : { movedUp: turns, swapped: done, step: status.state };
}
