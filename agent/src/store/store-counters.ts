import { DONE, reject } from '@brickproof/bootloader-sim';
import type { FlashRejectCode, SecurityCounters, Verdict } from '@brickproof/bootloader-sim';
import { STORE_KEY } from './store-keys.js';
import type { Store } from './store.js';

const COUNTER_BYTES = 4;
const COUNTER_MAX = 0xffff_ffff;

/**
 * The security counter of image 0 in the agent's store, for devices without one-time-programmable
 * memory: as safe as the store's folder is from whoever else can write there.
 */
export class StoreCounters implements SecurityCounters {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Image 0 has the only counter; asking for another is our own mistake and throws. */
  read(index: number): number {
    if (index !== 0) throw new RangeError(`no counter ${index}`);
    const bytes = this.#store.get(STORE_KEY.securityCounter);
    if (bytes?.byteLength !== COUNTER_BYTES) return 0;
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  raise(index: number, value: number): Verdict<void, FlashRejectCode> {
    if (index !== 0) return reject('counter-unknown', `there is no counter ${index}`);
    const current = this.read(0);
    if (!Number.isSafeInteger(value) || value < current || value > COUNTER_MAX) {
      const detail = `counter 0 is ${current}, not to become ${value}`;
      return reject('counter-not-monotonic', detail);
    }
    if (value === current) return DONE;
    const bytes = new Uint8Array(COUNTER_BYTES);
    new DataView(bytes.buffer).setUint32(0, value, true);
    const kept = this.#store.set(STORE_KEY.securityCounter, bytes);
    return kept.ok ? DONE : reject('flash-write-failed', kept.detail);
  }
}
