import type { FlashRejectCode, Verdict } from '@brickproof/bootloader-sim';

/** What a store refuses, beside what its flash refuses. */
export type StoreRejectCode =
  FlashRejectCode | 'store-full' | 'store-value-too-large' | 'store-area-unfit';

/** The longest value a store keeps. */
export const STORE_VALUE_BYTES_MAX = 512;

/**
 * What the agent must remember. A value that `set` accepted is read back after any power cut; a
 * `set` that was cut leaves the old value or the new one, never anything else.
 */
export interface Store {
  /** The value under a key (a number from 1 to 0xfffe), or undefined. */
  get(key: number): Uint8Array | undefined;
  set(key: number, value: Uint8Array): Verdict<void, StoreRejectCode>;
  delete(key: number): Verdict<void, StoreRejectCode>;
}
