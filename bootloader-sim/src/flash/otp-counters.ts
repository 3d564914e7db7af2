import { DONE, reject, type FlashRejectCode, type Verdict } from '../verdict.js';

/** The most one-time-programmable counters a board has. */
export const OTP_COUNTERS_MAX = 16;

/** Counters that only rise: the security counter of each image, beside the flash. */
export interface SecurityCounters {
  read(index: number): number;
  /** Raises a counter. The value it has already is accepted; a lower one is refused. */
  raise(index: number, value: number): Verdict<void, FlashRejectCode>;
}

/** Simulated one-time-programmable counters, each an unsigned 32-bit number. */
export class OtpCounters implements SecurityCounters {
  #values: readonly number[];

  /** Counters that start with these values; at most `OTP_COUNTERS_MAX`. */
  constructor(values: readonly number[]) {
    if (values.length > OTP_COUNTERS_MAX) throw new RangeError(`${values.length} counters`);
    this.#values = values.slice();
  }

  read(index: number): number {
    const value = this.#values[index];
    if (value === undefined) throw new RangeError(`no counter ${index}`);
    return value;
  }

  raise(index: number, value: number): Verdict<void, FlashRejectCode> {
    const current = this.#values[index];
    if (current === undefined) return reject('counter-unknown', `there is no counter ${index}`);
    if (!Number.isSafeInteger(value) || value < current || value > 0xffff_ffff) {
      return reject(
        'counter-not-monotonic',
        `counter ${index} is ${current}, not to become ${value}`,
      );
    }
    this.#values = this.#values.with(index, value);
    return DONE;
  }

  /** All values; they do not change when the counters do. */
  snapshot(): readonly number[] {
    return this.#values;
  }

  restore(values: readonly number[]): void {
    this.#values = values;
  }
}
