/** What may wait for a line; a sender that has more under way has lost its window. */
export const LINE_PENDING_BYTES_MAX: number = 256 * 1024;

/** What went over one direction of a line, and what did not. */
export interface LineUsage {
  readonly bytes: number;
  /** From the start of the first byte to the end of the last one accepted so far. */
  readonly spanMs: number;
  /** The part of the span in which bytes were on the line. */
  readonly busyMs: number;
  /** The part in which there was nothing to send. */
  readonly idleMs: number;
}

/**
 * One direction of a serial line, in a time that is handed in. Bytes follow each other without a
 * gap while there are any, each takes its slot, and each arrives when its slot is over. What is
 * accounted depends only on when bytes were accepted, not on how punctually `advance` is called.
 */
export class LineDirection {
  readonly #msPerByte: number;
  readonly #deliver: (bytes: Uint8Array) => void;
  #pending: Uint8Array[] = [];
  /** The bytes sent without a gap: when they began, how many, and how many have arrived. */
  #runStartMs = 0;
  #runBytes = 0;
  #runArrived = 0;
  #bytes = 0;
  #idleMs = 0;

  constructor(options: {
    readonly bytesPerSecond: number;
    readonly deliver: (bytes: Uint8Array) => void;
  }) {
    this.#msPerByte = 1_000 / options.bytesPerSecond;
    this.#deliver = options.deliver;
  }

  get isEmpty(): boolean {
    return this.#runArrived === this.#runBytes;
  }

  get usage(): LineUsage {
    const busyMs = this.#bytes * this.#msPerByte;
    return { bytes: this.#bytes, busyMs, idleMs: this.#idleMs, spanMs: busyMs + this.#idleMs };
  }

  /** Accepts bytes to be sent behind those that wait. */
  push(bytes: Uint8Array, nowMs: number): void {
    if (bytes.byteLength === 0) return;
    this.advance(nowMs);
    if (this.#runBytes - this.#runArrived + bytes.byteLength > LINE_PENDING_BYTES_MAX) {
      throw new RangeError(`more than ${LINE_PENDING_BYTES_MAX} bytes wait for the line`);
    }
    const freeMs = this.#runStartMs + this.#runBytes * this.#msPerByte;
    if (freeMs <= nowMs) {
      // Before the first byte of all, the line counts neither as idle nor as busy.
      if (this.#bytes > 0) this.#idleMs += nowMs - freeMs;
      this.#runStartMs = nowMs;
      this.#runBytes = 0;
      this.#runArrived = 0;
    }
    this.#runBytes += bytes.byteLength;
    this.#bytes += bytes.byteLength;
    this.#pending.push(bytes);
  }

  /** Delivers what has arrived by now. */
  advance(nowMs: number): void {
    // A thousandth of a slot makes up for what floating point loses.
    const slots = Math.floor((nowMs - this.#runStartMs) / this.#msPerByte + 0.001);
    const due = Math.min(slots, this.#runBytes) - this.#runArrived;
    if (due <= 0) return;
    this.#runArrived += due;
    for (const piece of this.#take(due)) this.#deliver(piece);
  }

  /** Starts the account again, at a moment when nothing is on the line. */
  restartUsage(): void {
    if (!this.isEmpty) throw new Error('the account was restarted with bytes on the line');
    this.#bytes = 0;
    this.#idleMs = 0;
  }

  #take(count: number): readonly Uint8Array[] {
    const taken: Uint8Array[] = [];
    let left = count;
    while (left > 0) {
      const head = this.#pending.shift();
      if (head === undefined) throw new Error('fewer bytes wait than were counted');
      taken.push(head.subarray(0, left));
      if (head.byteLength > left) this.#pending.unshift(head.subarray(left));
      left -= Math.min(left, head.byteLength);
    }
    return taken;
  }
}
