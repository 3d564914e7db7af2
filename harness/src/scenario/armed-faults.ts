import type { DocumentPath } from '@brickproof/agent/node';
import type { FlashFault } from '@brickproof/bootloader-sim';
import type { VirtualBoard } from '../board/virtual-board.js';
import type { CutPhase } from '../fault/fault-schema.js';

/** A fault of the scenario that has not struck, and what was expected of it. */
export interface WaitingFault {
  readonly path: DocumentPath;
  readonly expected: string;
}

/** The faults of a board that a scenario has switched on. */
export class ArmedFaults {
  readonly #board: VirtualBoard;
  readonly #phase: () => CutPhase | undefined;
  readonly #waiting: Map<number, WaitingFault> = new Map();
  readonly #struck: Set<number> = new Set();

  constructor(board: VirtualBoard, phase: () => CutPhase | undefined) {
    this.#board = board;
    this.#phase = phase;
    board.listen({
      fault: ({ id }) => {
        this.#struck.add(id);
        this.#waiting.delete(id);
      },
    });
  }

  /** The first one that had to strike and did not. */
  get waiting(): WaitingFault | undefined {
    return [...this.#waiting.values()][0];
  }

  /** More than the flash takes is refused by answering false. */
  switchOn(fault: FlashFault, path: DocumentPath, during?: CutPhase): boolean {
    const phase = this.#phase;
    const isPhased = during !== undefined && 'when' in fault;
    const on = this.#board.faults.switchOn(
      isPhased ? { ...fault, counts: () => phase() === during } : fault,
    );
    if (!on.ok) return false;
    const expected = fault.kind === 'power-cut' ? 'the power to be cut' : 'the fault to strike';
    if (isCertain(fault) && !this.#struck.has(on.value)) {
      this.#waiting.set(on.value, { path, expected });
    }
    return true;
  }
}

/** A fault that comes by chance may as well not come. */
function isCertain(fault: FlashFault): boolean {
  return !('when' in fault) || fault.when.kind === 'operation' || fault.when.rate === 1;
}
