import type { Activity, KillPlan } from './kill-plan.js';

/** Where a kill hit: an activity, told finer where the daemon does several things by itself. */
export type Phase = Exclude<Activity, 'boot' | 'decision'> | 'boot-decision' | 'boot-record';

/** A kill that happened. */
export interface Kill {
  readonly kind: 'outside' | 'before' | 'middle' | 'after';
  readonly phase: Phase;
  /** The operation that it hit, of a kill at an exact place. */
  readonly operation: string | undefined;
}

/** What became of an update. */
export type UpdateEnd = 'confirmed' | 'failed' | 'refused';

/** Counts what a loop did. */
export class KillStatistics {
  readonly #counts = new Map<string, number>();

  get kills(): number {
    return this.count('kills');
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  add(what: string): void {
    this.#counts.set(what, this.count(what) + 1);
  }

  addKill({ kind, phase, operation }: Kill): void {
    this.add('kills');
    this.add(`killed ${kind}`);
    this.add(`killed in ${phase}`);
    if (operation === undefined) return;
    this.add(`killed at ${operation.split(' ')[0] ?? ''}`);
    this.add(`killed on ${fileKind(operation)}`);
  }

  /** Lines for people. */
  lines(): readonly string[] {
    return [...this.#counts]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([what, count]) => `${String(count).padStart(5)} ${what}`);
  }
}

/** Which phase a kill hit, from what the daemon was asked for, what it said, and the operation. */
export function phaseOf(hit: {
  readonly activity: Activity;
  readonly output: string;
  readonly operation: string | undefined;
}): Phase {
  const { activity, output, operation } = hit;
  if (activity === 'trial') return operation === undefined ? 'trial' : 'confirm';
  if (activity !== 'start' && activity !== 'boot' && activity !== 'decision') return activity;
  if (operation?.includes('boot.json')) return 'boot-record';
  const isDeciding = /boot: Starting/.test(output) && !/boot: Jumping/.test(output);
  return isDeciding ? 'boot-decision' : 'start';
}

/** In a line: how a kill was planned. */
export function describePlan(plan: KillPlan): string {
  const from = plan.from === 'now' ? 'now' : `"${plan.from}"`;
  if (plan.kind === 'outside') return `${plan.delayMs.toFixed(1)} ms from ${from} on`;
  const { operation, moment, permille } = plan.place;
  const part = moment === 'middle' ? ` (${permille} permille)` : '';
  return `${moment}${part} operation ${operation} from ${from} on`;
}

function fileKind(operation: string): string {
  if (/slot[01]\.img/.test(operation)) return 'slot';
  if (/boot\.json|make run/.test(operation)) return 'boot record';
  return /lock-/.test(operation) ? 'lock' : 'store';
}
