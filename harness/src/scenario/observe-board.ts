import { FlashBootControl } from '@brickproof/agent';
import { DONE, formatImageVersion, type StrategyName } from '@brickproof/bootloader-sim';
import type { VirtualBoard } from '../board/virtual-board.js';
import { canonicalVersion, type Observation } from './scenario-device.js';

/**
 * What can be seen of a virtual board: read from its flash and its state, so that it is known even
 * of a board that is silent, and does not rest on what the agent says of itself.
 */
export function observeBoard(board: VirtualBoard, strategy: StrategyName): Observation {
  const { state } = board;
  const { activeSlot } = state;
  const unknown = { slot: undefined, confirmed: undefined, pending: undefined };
  const [second] = state.otherVersions;
  const base = {
    board: state,
    version: undefined,
    otherVersion: undefined,
    secondVersion: second === undefined ? undefined : canonicalVersion(second),
    silence: undefined,
  };
  if (activeSlot === undefined) return { ...base, ...unknown };
  const bootControl = new FlashBootControl({
    strategy,
    layout: board.bootLayout,
    activeSlot,
    mayBoot: () => DONE,
  });
  const other = bootControl.state(bootControl.uploadSlot);
  return {
    ...base,
    version: state.version === undefined ? undefined : canonicalVersion(state.version),
    slot: activeSlot,
    confirmed: bootControl.state(activeSlot).confirmed,
    pending: other.pending,
    otherVersion:
      other.image === undefined
        ? 'none'
        : canonicalVersion(formatImageVersion(other.image.header.version)),
  };
}
