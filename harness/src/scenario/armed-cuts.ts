import type { DocumentPath } from '@brickproof/agent/node';
import type { FlashInterruption, FlashOperation } from '@brickproof/bootloader-sim';
import type { CutPhase } from './step-schema.js';
import type { OperationCut, PlannedCut } from './step.js';

/** The most cuts that may wait at once. */
const CUTS_MAX = 16;

type Armed =
  | {
      readonly kind: 'operation';
      readonly path: DocumentPath;
      readonly cut: OperationCut;
      operationsLeft: number;
    }
  | { readonly kind: 'time'; readonly path: DocumentPath; readonly dueMs: number };

/** Power cuts that wait for their flash operation, or for their time. */
export class ArmedCuts {
  #armed: readonly Armed[] = [];

  /** Where the first one is written that has not happened. */
  get waiting(): DocumentPath | undefined {
    return this.#armed[0]?.path;
  }

  /** More than 16 at once is refused by answering false. */
  plan(cut: PlannedCut, at: { readonly path: DocumentPath; readonly nowMs: number }): boolean {
    if (this.#armed.length >= CUTS_MAX) return false;
    const { path, nowMs } = at;
    const armed: Armed =
      cut.kind === 'time'
        ? { kind: 'time', path, dueMs: nowMs + cut.afterMs }
        : { kind: 'operation', path, cut, operationsLeft: cut.operation };
    this.#armed = [...this.#armed, armed];
    return true;
  }

  /** To be asked before each flash operation. */
  interruptOperation(
    { kind }: FlashOperation,
    phase: CutPhase | undefined,
  ): FlashInterruption | undefined {
    for (const armed of this.#armed) {
      if (armed.kind !== 'operation') continue;
      const { during } = armed.cut;
      if (during !== undefined && during !== phase) continue;
      armed.operationsLeft -= 1;
      if (armed.operationsLeft > 0) continue;
      this.#disarm(armed);
      return { kind: 'power-cut', effect: armed.cut[kind] };
    }
    return undefined;
  }

  /** When the next timed cut is due. */
  get nextDueMs(): number {
    const due = this.#armed.map((armed) => (armed.kind === 'time' ? armed.dueMs : Infinity));
    return Math.min(Infinity, ...due);
  }

  /** Whether a timed cut is due; each is answered once. */
  takeDue(nowMs: number): boolean {
    const due = this.#armed.find((armed) => armed.kind === 'time' && armed.dueMs <= nowMs);
    if (due !== undefined) this.#disarm(due);
    return due !== undefined;
  }

  #disarm(done: Armed): void {
    this.#armed = this.#armed.filter((armed) => armed !== done);
  }
}
