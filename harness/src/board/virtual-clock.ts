/** The most timers that may wait at once; more is our own mistake. */
const TIMERS_MAX = 1_024;

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Time that passes only when told to: the same story every time. */
export class VirtualClock {
  #nowMs = 0;
  #order = 0;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  /** Runs an action once, `delayMs` from now. Returns what cancels it. */
  after(delayMs: number, action: () => void): () => void {
    if (this.#timers.length >= TIMERS_MAX) throw new RangeError('too many timers');
    const timer = { dueMs: this.#nowMs + delayMs, order: (this.#order += 1), action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Forgets all timers: the device that set them lost its power. */
  clear(): void {
    this.#timers = [];
  }

  /** Lets time pass, running what falls due in order of time, then of being set. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.dueMs > endMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.action();
    }
    this.#nowMs = endMs;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        earliest === undefined ||
        timer.dueMs < earliest.dueMs ||
        (timer.dueMs === earliest.dueMs && timer.order < earliest.order)
      ) {
        earliest = timer;
      }
    }
    return earliest;
  }
}
