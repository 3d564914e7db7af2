import { formatImageVersion } from '../image/version.js';
import type { Verdict } from '../verdict.js';
import { directXip } from './direct-xip.js';
import { overwriteOnly } from './overwrite-only.js';
import {
  slotArea,
  type BootEnvironment,
  type BootedImage,
  type StrategyName,
  type UpgradeStrategy,
} from './upgrade-strategy.js';

const STRATEGIES: Readonly<Record<StrategyName, UpgradeStrategy>> = {
  'direct-xip': directXip,
  'overwrite-only': overwriteOnly,
};

/** The names of all strategies, for people to choose from. */
export const STRATEGY_NAMES: readonly StrategyName[] = ['direct-xip', 'overwrite-only'];

/**
 * The boot decision: from what flash and counters hold to the image that runs. Throws only
 * `PowerCut`, when the flash is told to cut the power. Refuses `boot-no-image`.
 */
export function boot(strategy: StrategyName, environment: BootEnvironment): Verdict<BootedImage> {
  const { banner, boot: decide } = STRATEGIES[strategy];
  environment.log('info', banner);
  const decided = decide(environment);
  if (decided.ok) {
    const { slot, image } = decided.value;
    const address = slotArea(environment, slot).flashOffset;
    environment.log('info', `Bootloader chainload address offset: 0x${address.toString(16)}`);
    environment.log('info', `Image version: v${formatImageVersion(image.header.version)}`);
    environment.log('info', 'Jumping to the image slot');
  }
  return decided;
}
