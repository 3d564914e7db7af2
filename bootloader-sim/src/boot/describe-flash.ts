import { swapAlgorithmOf } from './boot-layout.js';
import { describeSlots, type SlotDescription } from './describe-slot.js';
import { readSwapProgress, type SwapProgress } from './describe-swap.js';
import {
  describeTrailer,
  type TrailerContents,
  type TrailerDescription,
} from './describe-trailer.js';
import { resetStatus } from './swap-status.js';
import { trailerFormat } from './swap-trailer.js';
import { decideSwapType } from './swap-type.js';
import type { SwapType } from './trailer.js';
import { UpgradeImage } from './upgrade-image.js';
import { withKeySize } from './upgrade-flow.js';
import type { BootEnvironment, StrategyName } from './upgrade-strategy.js';

/** A slot with its image and its trailer. */
export interface DescribedSlot extends SlotDescription {
  readonly trailer: TrailerDescription;
}

/** One image of a board, in its two slots. */
export interface ImageDescription {
  readonly slots: readonly [primary: DescribedSlot, secondary: DescribedSlot];
  /** What the trailers ask for; undefined under direct-xip, which chooses by version. */
  readonly request: SwapType | undefined;
  /** The swap that was cut short, if there is one: it goes before any request. */
  readonly swap: SwapProgress | undefined;
}

/** What a board's flash tells its bootloader. */
export interface FlashDescription {
  readonly images: readonly ImageDescription[];
  /** The trailer of the scratch area, where there is one that the strategy uses. */
  readonly scratch: TrailerDescription | undefined;
}

/**
 * Reads what a flash tells a bootloader, and changes nothing. The layout must be one that
 * `checkBootLayout` accepts; the bytes may be anything.
 */
export function describeFlash(strategy: StrategyName, asked: BootEnvironment): FlashDescription {
  const environment = withKeySize({ ...asked, log: () => undefined });
  const isSwap = swapAlgorithmOf(strategy) !== undefined;
  const format = trailerFormat(strategy, environment);
  const kept = isSwap ? format : undefined;
  const usesScratch = strategy === 'swap-using-scratch' && environment.scratch !== undefined;
  return {
    images: environment.images.map((slots, index) => {
      return describeImage(new UpgradeImage({ environment, strategy, index, slots, format }), kept);
    }),
    scratch: usesScratch
      ? describeTrailer(environment.scratch, { format: kept, isScratch: true, keepsStatus: true })
      : undefined,
  };
}

function describeImage(image: UpgradeImage, format: TrailerContents['format']): ImageDescription {
  image.status = resetStatus(swapAlgorithmOf(image.strategy)?.firstOperation);
  const [primary, secondary] = describeSlots(image);
  const trailers = image.slots.map((area, slot) => {
    return describeTrailer(area, { format, isScratch: false, keepsStatus: slot === 0 });
  });
  const [first, second] = trailers;
  if (first === undefined || second === undefined) throw new RangeError('an image has two slots');
  const swapType = decideSwapType(
    image.strategy,
    { primary: first, secondary: second },
    image.environment,
  );
  return {
    slots: [
      { ...primary, trailer: first },
      { ...secondary, trailer: second },
    ],
    request: image.strategy === 'direct-xip' ? undefined : swapType,
    swap: readSwapProgress(image),
  };
}
