import type { DocumentPath } from '@brickproof/agent/node';

/** The most cuts that may wait at once. */
const CUTS_MAX = 16;

interface TimedCut {
  readonly path: DocumentPath;
  readonly dueMs: number;
}

/** Power cuts that wait for their time. */
export class TimedCuts {
  #waiting: readonly TimedCut[] = [];

  /** Where the first one is written that has not happened. */
  get waiting(): DocumentPath | undefined {
    return this.#waiting[0]?.path;
  }

  /** More than 16 at once is refused by answering false. */
  plan(cut: TimedCut): boolean {
    if (this.#waiting.length >= CUTS_MAX) return false;
    this.#waiting = [...this.#waiting, cut];
    return true;
  }

  /** When the next cut is due. */
  get nextDueMs(): number {
    return Math.min(Infinity, ...this.#waiting.map(({ dueMs }) => dueMs));
  }

  /** Whether a cut is due; each is answered once. */
  takeDue(nowMs: number): boolean {
    const due = this.#waiting.find(({ dueMs }) => dueMs <= nowMs);
    this.#waiting = this.#waiting.filter((cut) => cut !== due);
    return due !== undefined;
  }
}
