import { setTimeout as sleep } from 'node:timers/promises';
import { type StrategyName, type Verdict } from '@brickproof/bootloader-sim';
import { accept } from '@brickproof/bootloader-sim';
import { createHostCrypto } from '@brickproof/agent/node';
import { BoardHost } from '../board/board-host.js';
import { DEVICE_MODELS, type DeviceModelName } from '../board/device-model.js';
import { provisionFlash } from '../board/provision.js';
import type { VirtualBoardOptions } from '../board/board-options.js';
import { VirtualBoard } from '../board/virtual-board.js';
import { readSample, readSampleKeys } from '../samples/sample-set.js';

/** Board time runs this much faster than ours, so that nobody waits for a watchdog. */
const DEMO_SPEED = 20;
const WAIT_STEP_MS = 10;
const CONSOLE_LINES_MAX = 400;

/** How a demonstration board differs from the usual one. */
export interface DemoBoardOptions {
  readonly model: DeviceModelName;
  readonly image: string;
  readonly seed: number;
  readonly strategy?: StrategyName;
  readonly agentVerifies?: boolean;
}

/** A board under observation: it runs in real time, and its console is kept. */
export class DemoBoard {
  readonly board: VirtualBoard;
  readonly #host: BoardHost;
  #lines: string[] = [];
  #partial = '';

  constructor(options: VirtualBoardOptions) {
    this.board = new VirtualBoard(options);
    this.board.listen({
      uart: (bytes) => {
        this.#keep(Buffer.from(bytes).toString('latin1'));
      },
    });
    this.#host = new BoardHost(this.board, { speed: DEMO_SPEED });
    this.#host.start();
  }

  stop(): void {
    this.#host.stop();
  }

  /** The console lines since the last call, without SMP frames. */
  takeConsole(): readonly string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  /** Waits until the board is as described, or the time is over. */
  async until(condition: (board: VirtualBoard) => boolean, timeoutMs = 5_000): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    while (!condition(this.board)) {
      if (performance.now() >= endMs) return false;
      await sleep(WAIT_STEP_MS);
    }
    return true;
  }

  #keep(text: string): void {
    const pieces = (this.#partial + text).split(/\r?\n/);
    this.#partial = pieces.pop() ?? '';
    const printable = pieces.filter((line) => /^[\x20-\x7e]+$/.test(line));
    this.#lines = [...this.#lines, ...printable].slice(-CONSOLE_LINES_MAX);
  }
}

/** Puts a board with a sample image on the bench and switches it on. */
export function startDemoBoard(options: DemoBoardOptions): Verdict<DemoBoard, string> {
  const keys = readSampleKeys();
  if (!keys.ok) return keys;
  const image = readSample(options.model, options.image);
  if (!image.ok) return image;
  const model = DEVICE_MODELS[options.model];
  const { seed, strategy = 'direct-xip', agentVerifies = true } = options;
  const flash = provisionFlash(model, image.value, { strategy });
  if (!flash.ok) return flash;
  return accept(
    new DemoBoard({
      model,
      strategy,
      seed,
      agentVerifies,
      keys: keys.value,
      crypto: createHostCrypto(),
      flash: flash.value,
    }),
  );
}
