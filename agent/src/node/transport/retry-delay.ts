/** The delay before the first new try. */
export const RETRY_DELAY_MS_MIN = 100;
/** The delay doubles with each try, up to this. */
export const RETRY_DELAY_MS_MAX = 2_000;
/** What held so long counts as well: the next delay is the shortest again. */
export const RETRY_STABLE_MS = 10_000;

/** How long to wait before something is tried again. */
export class RetryDelay {
  #nextMs = RETRY_DELAY_MS_MIN;

  /** The delay before the next try; the one after it is longer. */
  takeMs(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX);
    return delayMs;
  }

  /** To be told how long the last try held. One that fails at once does not count as a success. */
  noteHeld(heldMs: number): void {
    if (heldMs >= RETRY_STABLE_MS) this.#nextMs = RETRY_DELAY_MS_MIN;
  }
}
