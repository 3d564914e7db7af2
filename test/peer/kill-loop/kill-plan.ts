import type { KillPlace } from './killed-device.js';

/**
 * What a daemon is being asked for, or does by itself. The first start in a boot is `boot`; the
 * part of it until its choice is noted is `decision`.
 */
export type Activity =
  'start' | 'upload' | 'mark' | 'reset' | 'boot' | 'decision' | 'trial' | 'confirm' | 'idle';

/** How much there is of each activity in an update that nothing disturbs. */
export type UpdateMeasure = ReadonlyMap<Activity, ActivityMeasure>;

export interface ActivityMeasure {
  readonly operations: number;
  readonly durationMs: number;
}

/**
 * When the daemon is killed, counted from the beginning of an activity, or from now on, whatever
 * comes: from outside after a time, or by itself at an operation.
 */
export type KillPlan = { readonly from: Activity | 'now' } & (
  | { readonly kind: 'outside'; readonly delayMs: number }
  | { readonly kind: 'place'; readonly place: KillPlace }
);

const SHARE_OVER_ALL = 0.4;
const SHARE_OUTSIDE = 0.3;
const MOMENTS = ['before', 'middle', 'after'] as const;
/** A little longer than it took: an activity also ends by being killed right behind it. */
const DURATION_FACTOR = 1.1;
const IDLE: ActivityMeasure = { operations: 0, durationMs: 60 };

/**
 * Draws a kill. One part is spread evenly over all of the update that is ahead; the other is spread
 * over the activities first, so that short ones are hit often.
 */
export function drawKillPlan(
  measure: UpdateMeasure,
  ahead: readonly Activity[],
  random: () => number,
): KillPlan {
  const isOverAll = random() < SHARE_OVER_ALL && ahead.length > 1;
  const chosen = ahead[Math.floor(random() * ahead.length)] ?? 'start';
  const isOutside = random() < SHARE_OUTSIDE;
  const at = random();
  const moment = MOMENTS[Math.floor(random() * MOMENTS.length)] ?? 'before';
  const permille = Math.floor(random() * 1000);
  const { operations, durationMs } = sumOf(measure, isOverAll ? ahead.filter(isNoPart) : [chosen]);
  const from = isOverAll ? 'now' : chosen;
  if (isOutside || operations === 0) {
    return { from, kind: 'outside', delayMs: at * durationMs * DURATION_FACTOR };
  }
  const operation = 1 + Math.floor(at * operations);
  return { from, kind: 'place', place: { operation, moment, permille } };
}

function isNoPart(activity: Activity): boolean {
  return activity !== 'decision';
}

function sumOf(measure: UpdateMeasure, activities: readonly Activity[]): ActivityMeasure {
  let operations = 0;
  let durationMs = 0;
  for (const activity of activities) {
    const known = activity === 'idle' ? IDLE : (measure.get(activity) ?? IDLE);
    operations += known.operations;
    durationMs += known.durationMs;
  }
  return { operations, durationMs };
}
