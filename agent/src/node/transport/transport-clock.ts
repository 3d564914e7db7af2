/** Stops what was to happen later; does nothing once it has happened. */
export type CancelDelay = () => void;

/** Time, as far as a transport needs it. */
export interface TransportClock {
  /** Milliseconds since some moment; never moves back. */
  nowMs(): number;
  /** Runs something once, later. */
  after(delayMs: number, run: () => void): CancelDelay;
}

/** The time of this process. A delay keeps the process alive: what waits for it was started. */
export const PROCESS_CLOCK: TransportClock = {
  nowMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
