/** The shortest wait before a broker is tried again. */
export const RECONNECT_DELAY_MS_MIN = 250;
/** The longest. */
export const RECONNECT_DELAY_MS_MAX = 30_000;
/**
 * A connection that held so long was a good one. Longer than the longest wait: two clients that
 * take the connection from each other must not look like good connections to one another.
 */
export const CONNECTION_LASTED_MS = 60_000;

const DOUBLINGS_MAX = 20;

/** Within what bounds the waits grow. */
export interface ReconnectLimits {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/** The limits of a device, which may wait for ever. */
export const RECONNECT_LIMITS_DEFAULT: ReconnectLimits = {
  delayMsMin: RECONNECT_DELAY_MS_MIN,
  delayMsMax: RECONNECT_DELAY_MS_MAX,
};

/**
 * How long to wait before the next try: chance over a range that doubles with each failure, so
 * that a thousand devices that lost one broker do not come back to it in one moment.
 */
export class ReconnectDelay {
  readonly #limits: ReconnectLimits;
  readonly #random: () => number;
  #failures = 0;

  /** `random` answers numbers from 0 up to, not including, 1. */
  constructor(random: () => number, limits: ReconnectLimits = RECONNECT_LIMITS_DEFAULT) {
    this.#random = random;
    this.#limits = limits;
  }

  /** Counts a failure, and says how many milliseconds to wait. */
  next(): number {
    this.#failures = Math.min(this.#failures + 1, DOUBLINGS_MAX);
    const { delayMsMin, delayMsMax } = this.#limits;
    const ceilingMs = Math.min(delayMsMax, delayMsMin * 2 ** this.#failures);
    return delayMsMin + this.#random() * (ceilingMs - delayMsMin);
  }

  /** Forgets the failures: a connection was good. */
  reset(): void {
    this.#failures = 0;
  }
}
