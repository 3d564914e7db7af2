import type { Verdict } from '../verdict.js';
import { directXip } from './direct-xip.js';
import { overwriteOnly } from './overwrite-only.js';
import { swapUsingMove } from './swap-using-move.js';
import { swapUsingOffset } from './swap-using-offset.js';
import { swapUsingScratch } from './swap-using-scratch.js';
import type { SwapAlgorithm } from './swap-algorithm.js';
import { bootUpgrading } from './upgrade-flow.js';
import { swapping } from './upgrade-method.js';
import {
  BOOT_IMAGES_MAX,
  type BootEnvironment,
  type BootOutcome,
  type StrategyName,
  type UpgradeStrategy,
} from './upgrade-strategy.js';

/** A strategy that swaps images by an algorithm, and back again when they are not confirmed. */
function swapStrategy(algorithm: SwapAlgorithm): UpgradeStrategy {
  const method = swapping(algorithm);
  return {
    name: algorithm.name,
    banner: 'Starting bootloader',
    boot: (environment) => bootUpgrading(environment, method),
  };
}

const STRATEGIES: Readonly<Record<StrategyName, UpgradeStrategy>> = {
  'direct-xip': directXip,
  'overwrite-only': overwriteOnly,
  'swap-using-offset': swapStrategy(swapUsingOffset),
  'swap-using-move': swapStrategy(swapUsingMove),
  'swap-using-scratch': swapStrategy(swapUsingScratch),
};

/** The names of all strategies, for people to choose from. */
export const STRATEGY_NAMES: readonly StrategyName[] = [
  'direct-xip',
  'overwrite-only',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
];

/**
 * The boot decision: from what flash and counters hold to the image that runs. Throws only
 * `PowerCut`, when the flash is told to cut the power. Refuses `boot-no-image`.
 */
export function boot(strategy: StrategyName, environment: BootEnvironment): Verdict<BootOutcome> {
  if (environment.images.length > BOOT_IMAGES_MAX) {
    throw new RangeError(`${environment.images.length} images, at most ${BOOT_IMAGES_MAX}`);
  }
  const { banner, boot: decide } = STRATEGIES[strategy];
  environment.log('info', banner);
  const decided = decide(environment);
  if (decided.ok) {
    const { slot, image } = decided.value;
    const address = environment.images[0]?.[slot === 0 ? 0 : 1].flashOffset ?? 0;
    environment.log('info', `Bootloader chainload address offset: 0x${address.toString(16)}`);
    const { major, minor, revision } = image.header.version;
    environment.log('info', `Image version: v${major}.${minor}.${revision}`);
    const which = strategy === 'direct-xip' ? 'image' : 'first image';
    environment.log('info', `Jumping to the ${which} slot`);
  }
  return decided;
}
