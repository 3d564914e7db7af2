import type { BootRecord } from '../boot/boot-record.js';

/** How often the agent may be started in one boot before a trial counts as failed. */
export const TRIAL_STARTS_MAX = 5;

/**
 * An image on trial whose agent is started so often in one boot, or that was to be rebooted away
 * from, does not get another chance to confirm itself.
 */
export function isTrialOver({ starts, isRebootAsked }: BootRecord): boolean {
  return isRebootAsked || starts > TRIAL_STARTS_MAX;
}
