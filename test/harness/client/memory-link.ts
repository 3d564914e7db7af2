import type {
  ConnectionClose,
  ConnectionListener,
  SmpConnection,
  SmpClientOptions,
} from '@brickproof/harness';
import { SmpClient } from '@brickproof/harness';

/** A small seeded generator (mulberry32): numbers from 0 up to 1. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface MemoryLinkOptions {
  /** The device: answers a request, or stays silent. */
  readonly handle: (request: Uint8Array) => Uint8Array | undefined;
  readonly random?: () => number;
  /** Chances from 0 to 1, each way. */
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  readonly messageBytesMax?: number;
  readonly bufferOverheadBytes?: number;
}

const REORDER_DELAY_MS = 4;

/** A connection in memory that may lose, double and reorder messages, both ways. */
export class MemoryLink implements SmpConnection {
  readonly name = 'memory';
  readonly messageBytesMax: number;
  readonly bufferOverheadBytes: number;
  readonly lineBytesPerSecond = undefined;
  /** All that was sent, before the link had its way with it. */
  readonly requests: Uint8Array[] = [];
  /** The most requests that waited for the device at once. */
  queuedMax = 0;
  closed: ConnectionClose | undefined;
  readonly #options: MemoryLinkOptions;
  readonly #random: () => number;
  #listener: ConnectionListener | undefined;
  #queued = 0;

  constructor(options: MemoryLinkOptions) {
    this.#options = options;
    this.#random = options.random ?? ((): number => 1);
    this.messageBytesMax = options.messageBytesMax ?? 65_533;
    this.bufferOverheadBytes = options.bufferOverheadBytes ?? 0;
  }

  listen(listener: ConnectionListener): void {
    this.#listener = listener;
  }

  send(message: Uint8Array): Promise<void> {
    if (this.closed === undefined) {
      this.requests.push(message);
      this.#carry(message, (request) => {
        const response = this.#options.handle(request);
        if (response !== undefined)
          this.#carry(response, (bytes) => {
            this.#deliver(bytes);
          });
      });
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.drop({ code: 'closed-by-us', detail: 'closed' });
    return Promise.resolve();
  }

  /** Hands a message to the client, as if the device had sent it. */
  inject(message: Uint8Array): void {
    this.#deliver(message);
  }

  drop(
    reason: ConnectionClose = { code: 'connection-lost', detail: 'the port memory vanished' },
  ): void {
    if (this.closed !== undefined) return;
    this.closed = reason;
    this.#listener?.closed?.(reason);
  }

  #deliver(message: Uint8Array): void {
    if (this.closed === undefined) this.#listener?.message(message);
  }

  #carry(message: Uint8Array, to: (bytes: Uint8Array) => void): void {
    const { loss = 0, duplicate = 0, reorder = 0 } = this.#options;
    if (this.#random() < loss) return;
    const times = this.#random() < duplicate ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      const arrive = (): void => {
        this.#queued -= 1;
        if (this.closed === undefined) to(message.slice());
      };
      this.#queued += 1;
      this.queuedMax = Math.max(this.queuedMax, this.#queued);
      if (this.#random() < reorder) setTimeout(arrive, this.#random() * REORDER_DELAY_MS);
      else setImmediate(arrive);
    }
  }
}

/** A client that does not wait long: the link is in memory. */
export function quickClient(link: SmpConnection, options: SmpClientOptions = {}): SmpClient {
  return new SmpClient(link, { timeoutMs: 1_000, retries: 10, ...options });
}
