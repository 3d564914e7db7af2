import { bootUpgrading } from './upgrade-flow.js';
import { OVERWRITING } from './upgrade-method.js';
import type { UpgradeStrategy } from './upgrade-strategy.js';

/**
 * Overwrite-only: a marked image in the secondary slot is copied over the primary one, and there
 * is no way back (MCUboot loader.c with MCUBOOT_OVERWRITE_ONLY, MCUBOOT_OVERWRITE_ONLY_FAST,
 * MCUBOOT_DOWNGRADE_PREVENTION and MCUBOOT_VALIDATE_PRIMARY_SLOT). A copy that was cut short is
 * done again from its start: the mark goes only after everything else.
 */
export const overwriteOnly: UpgradeStrategy = {
  name: 'overwrite-only',
  banner: 'Starting bootloader',
  boot: (environment) => bootUpgrading(environment, OVERWRITING),
};
