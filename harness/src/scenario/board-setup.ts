import { TRIAL_LIMITS_DEFAULT } from '@brickproof/agent';
import { createHostCrypto } from '@brickproof/agent/node';
import {
  accept,
  reject,
  type StrategyName,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { DEVICE_MODELS, type DeviceModelName } from '../board/device-model.js';
import { BEHAVIOURS } from '../board/named-behaviour.js';
import { provisionFlash } from '../board/provision.js';
import { VirtualBoard } from '../board/virtual-board.js';
import type { LinkKind } from './device-schema.js';
import type { ScenarioBoard } from './scenario.js';

/** Everything a virtual board of a scenario is made from. */
export interface BoardSetup {
  readonly model: DeviceModelName;
  readonly strategy: StrategyName;
  readonly link: LinkKind;
  readonly seed: number;
  readonly keys: readonly VerificationKey[];
  readonly board: ScenarioBoard;
  /** Images 1 and up, on a model with several. */
  readonly otherImages: readonly Uint8Array[];
}

/**
 * One for a request and one for its answer: with no second request under way, what the board has
 * done when its power goes does not depend on how fast this machine is.
 */
const BUFFER_COUNT = 2;

/** A board as it leaves the factory with this image, switched off. */
export function makeBoard(setup: BoardSetup, image: Uint8Array): Verdict<VirtualBoard, string> {
  const model = DEVICE_MODELS[setup.model];
  const { strategy, seed, keys, board, otherImages } = setup;
  const flash = provisionFlash(model, image, { strategy, otherImages });
  if (!flash.ok) return reject(flash.code, `the firmware does not fit the board: ${flash.detail}`);
  const { securityCounter, behaviour, bufferSizeBytes } = board;
  return accept(
    new VirtualBoard({
      model,
      strategy,
      seed,
      keys,
      crypto: createHostCrypto(),
      flash: flash.value,
      bufferCount: BUFFER_COUNT,
      agentVerifies: board.agentVerifies,
      trialLimits: {
        settleMs: board.settleMs ?? TRIAL_LIMITS_DEFAULT.settleMs,
        timeoutMs: board.timeoutMs ?? TRIAL_LIMITS_DEFAULT.timeoutMs,
        confirms: board.confirmsItself,
      },
      ...(securityCounter === undefined ? {} : { securityCounter }),
      ...(behaviour === undefined ? {} : { behaviour: BEHAVIOURS[behaviour] }),
      ...(bufferSizeBytes === undefined ? {} : { bufferSizeBytes }),
    }),
  );
}
