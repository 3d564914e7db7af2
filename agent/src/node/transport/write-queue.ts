import { writeSync } from 'node:fs';
import type { CancelDelay, TransportClock } from './transport-clock.js';

/** What may wait for a line that takes nothing; what comes on top is dropped, a piece at a time. */
export const WRITE_QUEUE_BYTES_MAX: number = 64 * 1024;

const RETRY_DELAY_MS_MIN = 1;
const RETRY_DELAY_MS_MAX = 64;

/** What a queue writes to, and whom it tells. */
export interface WriteQueueOptions {
  /** Open, and not blocking. */
  readonly descriptor: number;
  readonly clock: TransportClock;
  /** The descriptor takes nothing more, and never will. */
  readonly failed: (error: Error) => void;
}

/** Writes to a terminal without ever waiting for it. */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #retryDelayMs = RETRY_DELAY_MS_MIN;
  #cancelRetry: CancelDelay | undefined;
  #whenEmpty: (() => void)[] = [];
  #closed = false;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Queues a piece, whole or not at all: half a frame would spoil the one after it. */
  push(piece: Uint8Array): boolean {
    if (this.#closed || this.#pendingBytes + piece.byteLength > WRITE_QUEUE_BYTES_MAX) return false;
    if (piece.byteLength === 0) return true;
    this.#pending.push(piece);
    this.#pendingBytes += piece.byteLength;
    if (this.#cancelRetry === undefined) this.#flush();
    return true;
  }

  /** Calls back when all has been written, or the queue was closed. */
  onEmpty(listener: () => void): void {
    if (this.#pendingBytes === 0) listener();
    else this.#whenEmpty.push(listener);
  }

  /** Gives up what waits. The descriptor is closed by whoever opened it. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#pending = [];
    this.#noteEmpty();
  }

  #flush(): void {
    this.#cancelRetry = undefined;
    for (let head = this.#pending[0]; head !== undefined; head = this.#pending[0]) {
      const written = this.#write(head);
      if (written === undefined) return;
      if (written === 0) {
        this.#retryLater();
        return;
      }
      this.#retryDelayMs = RETRY_DELAY_MS_MIN;
      this.#pendingBytes -= written;
      if (written === head.byteLength) this.#pending.shift();
      else this.#pending[0] = head.subarray(written);
    }
    this.#noteEmpty();
  }

  /** How much was taken; undefined when the descriptor has failed. */
  #write(piece: Uint8Array): number | undefined {
    try {
      return writeSync(this.#options.descriptor, piece);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if ('code' in error && error.code === 'EAGAIN') return 0;
      this.close();
      this.#options.failed(error);
      return undefined;
    }
  }

  // Node tells nobody when a terminal takes bytes again, so we ask: soon at first, then rarely.
  #retryLater(): void {
    this.#cancelRetry = this.#options.clock.after(this.#retryDelayMs, () => {
      this.#flush();
    });
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, RETRY_DELAY_MS_MAX);
  }

  #noteEmpty(): void {
    this.#pendingBytes = 0;
    for (const listener of this.#whenEmpty.splice(0)) listener();
  }
}
