import type { DaemonLife } from './daemon-life.js';
import type { Activity, KillPlan } from './kill-plan.js';
import type { KilledDevice } from './killed-device.js';

/** A kill that is to happen, once and sometime, in this run of the daemon or a later one. */
export class ArmedKill {
  readonly plan: KillPlan;
  readonly #device: KilledDevice;
  #life: DaemonLife | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isArmed = false;
  #isDue = false;
  /** Operations of runs before this one, since it was armed. */
  #operationsBefore = 0;
  /** Operations of this run before it was armed. */
  #operationsAtArming = 0;

  constructor(plan: KillPlan, device: KilledDevice) {
    this.plan = plan;
    this.#device = device;
  }

  /** To be called before a start, when the trace is empty. */
  prepare(): void {
    if (this.#isArmed) this.#plan();
  }

  /** To be called with a daemon that has been started, or that runs already. */
  attach(life: DaemonLife): void {
    this.#life = life;
    if (this.#isDue) life.signal('SIGKILL');
  }

  /** To be called when an activity begins. */
  enter(activity: Activity): void {
    const { from } = this.plan;
    const isBegun = from === activity || (from === 'decision' && activity === 'boot');
    if (isBegun || from === 'now') {
      this.#arm(this.#device.operations().length);
    }
  }

  /** To be called when the run has ended otherwise. */
  outlived(): void {
    this.#operationsBefore += this.#device.operations().length - this.#operationsAtArming;
    this.#operationsAtArming = 0;
  }

  /** It is not wanted any more. */
  disarm(): void {
    clearTimeout(this.#timer);
    this.#device.plan(undefined);
  }

  #arm(operations: number): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#operationsAtArming = operations;
    this.#plan();
    if (this.plan.kind === 'place') return;
    this.#timer = setTimeout(() => {
      this.#isDue = true;
      this.#life?.signal('SIGKILL');
    }, this.plan.delayMs);
  }

  #plan(): void {
    if (this.plan.kind !== 'place') return;
    const { place } = this.plan;
    const operation = place.operation - this.#operationsBefore + this.#operationsAtArming;
    this.#device.plan({ ...place, operation: Math.max(1, operation) });
  }
}
