import type { VirtualBoard } from './virtual-board.js';

/** How often a hosted board is given its share of time. */
const STEP_INTERVAL_MS = 10;
/** A process that slept does not make up for more than this at once. */
const STEP_MS_MAX = 1_000;

/** How a board is hosted. */
export interface BoardHostOptions {
  /** How many board milliseconds pass in one of ours; 1 unless told. */
  readonly speed?: number;
  /** When power that a fault has cut comes back, in our time; never unless told. */
  readonly powerReturnMs?: number;
}

/** Lets a virtual board live in real time. */
export class BoardHost {
  readonly board: VirtualBoard;
  readonly #speed: number;
  readonly #powerReturnMs: number | undefined;
  #withoutPowerMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;

  constructor(board: VirtualBoard, options: BoardHostOptions = {}) {
    this.board = board;
    this.#speed = options.speed ?? 1;
    this.#powerReturnMs = options.powerReturnMs;
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
    if (this.#powerReturnMs !== undefined) this.#returnPower(elapsedMs, this.#powerReturnMs);
  }

  #returnPower(elapsedMs: number, afterMs: number): void {
    const isOff = this.board.state.power === 'off';
    this.#withoutPowerMs = isOff ? this.#withoutPowerMs + elapsedMs : 0;
    if (this.#withoutPowerMs >= afterMs) this.board.powerOn();
  }
}
