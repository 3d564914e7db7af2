import type { VirtualBoard } from './virtual-board.js';

/** How often a hosted board is given its share of time. */
const STEP_INTERVAL_MS = 10;
/** A process that slept does not make up for more than this at once. */
const STEP_MS_MAX = 1_000;

/** Lets a virtual board live in real time. */
export class BoardHost {
  readonly board: VirtualBoard;
  readonly #speed: number;
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;

  /** `speed`: how many board milliseconds pass in one of ours; 1 unless told. */
  constructor(board: VirtualBoard, options: { readonly speed?: number } = {}) {
    this.board = board;
    this.#speed = options.speed ?? 1;
  }

  /** Powers the board and lets its time pass. */
  start(): void {
    this.board.powerOn();
    this.#lastMs = performance.now();
    this.#timer ??= setInterval(() => {
      this.#step();
    }, STEP_INTERVAL_MS);
  }

  /** Stops time and takes the power away. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.board.powerOff();
  }

  #step(): void {
    const nowMs = performance.now();
    const elapsedMs = Math.min(nowMs - this.#lastMs, STEP_MS_MAX);
    this.#lastMs = nowMs;
    this.board.advance(elapsedMs * this.#speed);
  }
}
