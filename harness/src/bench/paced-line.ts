import { LineDirection, type LineUsage } from './line-direction.js';

const TICK_INTERVAL_MS = 1;

/** What hangs at the two ends of a line. */
export interface PacedLineOptions {
  readonly bytesPerSecond: number;
  readonly toDevice: (bytes: Uint8Array) => void;
  readonly toHost: (bytes: Uint8Array) => void;
}

/**
 * A serial line in real time: both directions at once, each at the line's speed. A timer hands
 * over what has arrived; how late it is costs the answer's way back a moment, but does not enter
 * the account of the line.
 */
export class PacedLine {
  readonly #toDevice: LineDirection;
  readonly #toHost: LineDirection;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PacedLineOptions) {
    const { bytesPerSecond, toDevice, toHost } = options;
    this.#toDevice = new LineDirection({ bytesPerSecond, deliver: toDevice });
    this.#toHost = new LineDirection({ bytesPerSecond, deliver: toHost });
  }

  /** How the direction from host to device was used since the account began. */
  get usageToDevice(): LineUsage {
    return this.#toDevice.usage;
  }

  /** The host sends. */
  sendToDevice(bytes: Uint8Array): void {
    this.#send(this.#toDevice, bytes);
  }

  /** The device sends. */
  sendToHost(bytes: Uint8Array): void {
    this.#send(this.#toHost, bytes);
  }

  restartUsage(): void {
    this.#toDevice.restartUsage();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #send(direction: LineDirection, bytes: Uint8Array): void {
    // Copied: who sent it may use its buffer again before the bytes have had their slots.
    direction.push(bytes.slice(), performance.now());
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const nowMs = performance.now();
      this.#toDevice.advance(nowMs);
      this.#toHost.advance(nowMs);
      if (!this.#toDevice.isEmpty || !this.#toHost.isEmpty) this.#schedule();
    }, TICK_INTERVAL_MS);
  }
}
