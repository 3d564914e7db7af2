import {
  DONE,
  confirmRunning,
  decideSwapType,
  markForDirectXip,
  markForUpgrade,
  readTrailer,
  type BootSettings,
  type FlashArea,
  type SlotPair,
  type StrategyName,
  type SwapType,
  type Verdict,
} from '@brickproof/bootloader-sim';

/** What a slot that does not run is marked for. */
export type SlotMark = 'none' | 'test' | 'permanent';

/** How the trailers of an image's slots are read and written under a strategy. */
export interface SlotMarking {
  isConfirmed(slots: SlotPair, activeSlot: number): boolean;
  markOf(slots: SlotPair, slot: number): SlotMark;
  mark(
    area: FlashArea,
    options: { readonly permanent: boolean; readonly imageIndex: number },
  ): Verdict<void>;
  confirm(area: FlashArea): Verdict<void>;
}

/** Images run from either slot; the trailer of each speaks for itself. */
const DIRECT_XIP_MARKING: SlotMarking = {
  isConfirmed: (slots, activeSlot) => readTrailer(pick(slots, activeSlot)).imageOk === 'set',
  markOf: (slots, slot) => {
    const { magic, copyDone, imageOk } = readTrailer(pick(slots, slot));
    if (magic !== 'good') return 'none';
    if (imageOk === 'set') return 'permanent';
    return copyDone === 'unset' ? 'test' : 'none';
  },
  mark: (area, { permanent }) => markForDirectXip(area, { confirm: permanent }),
  confirm: (area) => markForDirectXip(area, { confirm: true }),
};

/** Overwriting has no trial: what runs is what stays. */
const OVERWRITE_MARKING: SlotMarking = {
  isConfirmed: () => true,
  markOf: (slots, slot) => markOfSwapType(swapTypeOf('overwrite-only', slots, {}), slot),
  mark: markForUpgrade,
  confirm: () => DONE,
};

/**
 * What both trailers ask for together says it all (Zephyr's img_mgmt_state.c,
 * img_mgmt_get_next_boot_slot): an image is on trial as long as the next boot would revert it.
 */
function swapMarking(strategy: StrategyName, settings: BootSettings): SlotMarking {
  return {
    isConfirmed: (slots) => swapTypeOf(strategy, slots, settings) !== 'revert',
    markOf: (slots, slot) => markOfSwapType(swapTypeOf(strategy, slots, settings), slot),
    mark: markForUpgrade,
    confirm: confirmRunning,
  };
}

/** The marking of a strategy, for a bootloader that was built so. */
export function slotMarkingOf(strategy: StrategyName, settings: BootSettings): SlotMarking {
  if (strategy === 'direct-xip') return DIRECT_XIP_MARKING;
  return strategy === 'overwrite-only' ? OVERWRITE_MARKING : swapMarking(strategy, settings);
}

/** What the trailers of an image's slots ask the bootloader to do. */
export function swapTypeOf(
  strategy: StrategyName,
  slots: SlotPair,
  settings: BootSettings,
): SwapType {
  const [primary, secondary] = slots;
  const trailers = { primary: readTrailer(primary), secondary: readTrailer(secondary) };
  return decideSwapType(strategy, trailers, settings);
}

function markOfSwapType(swapType: SwapType, slot: number): SlotMark {
  if (slot === 0) return 'none';
  return swapType === 'test' || swapType === 'permanent' ? swapType : 'none';
}

function pick(slots: SlotPair, slot: number): FlashArea {
  return slots[slot === 0 ? 0 : 1];
}
