import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { VirtualBoard } from '../board/virtual-board.js';
import type { BoardLink } from './board-link.js';
import type { TimedCuts } from './timed-cuts.js';

/** Board time passes in pieces of this length; conditions are looked at in between. */
const PIECE_MS = 50;
/** A board that cannot reach its broker is waited for so long, in real time. */
const NETWORK_WAIT_MS_MAX = 5_000;
const NETWORK_POLL_MS = 2;

/** What the time of a board stands on. */
export interface BoardTimeParts {
  readonly board: VirtualBoard;
  readonly link: BoardLink;
  readonly cuts: TimedCuts;
  readonly signal: AbortSignal;
  /** Told after each piece: the board may have been reset, or may have lost its power. */
  readonly onPassed: () => void;
}

/**
 * A board's time. It passes only when told to, and stands still while the board is connecting to
 * its broker: how fast this machine is makes no difference to the story.
 */
export class BoardTime {
  readonly #parts: BoardTimeParts;
  /** The boot whose connection was waited for in vain. */
  #gaveUpAtBoot: number | undefined;

  constructor(parts: BoardTimeParts) {
    this.#parts = parts;
  }

  nowMs(): number {
    return this.#parts.board.clock.nowMs();
  }

  /** Lets time pass at once, cutting the power when a planned cut falls due. */
  advance(durationMs: number): void {
    const { board, cuts, onPassed } = this.#parts;
    const endMs = this.nowMs() + durationMs;
    for (let left = durationMs; left > 0; left = endMs - this.nowMs()) {
      const untilCutMs = Math.max(0, cuts.nextDueMs - this.nowMs());
      board.advance(Math.min(left, untilCutMs));
      if (cuts.takeDue(this.nowMs())) board.powerOff();
    }
    onPassed();
  }

  /** Lets time pass piece by piece, until it is over or the condition holds. */
  async pass(durationMs: number, until?: () => Promise<boolean>): Promise<boolean> {
    const endMs = this.nowMs() + durationMs;
    for (;;) {
      await this.settleNetwork();
      if (until !== undefined && (await until())) return true;
      const leftMs = endMs - this.nowMs();
      if (leftMs <= 0 || this.#parts.signal.aborted) return false;
      this.advance(Math.min(PIECE_MS, leftMs));
      await turn();
    }
  }

  /** Waits, in real time, for the board to reach a broker that is there. */
  async settleNetwork(): Promise<void> {
    const { board, signal } = this.#parts;
    const giveUpMs = performance.now() + NETWORK_WAIT_MS_MAX;
    while (this.#isConnecting() && this.#gaveUpAtBoot !== board.state.bootCount) {
      if (signal.aborted) return;
      if (performance.now() > giveUpMs) this.#gaveUpAtBoot = board.state.bootCount;
      else await sleep(NETWORK_POLL_MS);
    }
  }

  /** Waits, in real time, for the board to notice that its broker is gone. */
  async settleNetworkLoss(): Promise<void> {
    const giveUpMs = performance.now() + NETWORK_WAIT_MS_MAX;
    this.#gaveUpAtBoot = undefined;
    while (this.#parts.board.state.network === 'up' && performance.now() < giveUpMs) {
      await sleep(NETWORK_POLL_MS);
    }
  }

  #isConnecting(): boolean {
    const { board, link } = this.#parts;
    return link.isUp && board.state.power === 'running' && board.state.network === 'down';
  }
}
