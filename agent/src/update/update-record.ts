import { DONE } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { STORE_KEY } from '../store/store-keys.js';
import type { Store, StoreRejectCode } from '../store/store.js';

/** How far the last update that was accepted has come. */
export type UpdateState = 'marked' | 'on-trial' | 'confirmed' | 'failed';

/** The last update: which image, and what became of it. */
export interface UpdateRecord {
  readonly state: UpdateState;
  /** The image's SHA-256 TLV. */
  readonly hash: Uint8Array;
}

const FORMAT_VERSION = 1;
const FIXED_BYTES = 2;
const HASH_BYTES = 32;
/** In the order of their numbers, which start at 1. Never renumbered. */
const STATES: readonly UpdateState[] = ['marked', 'on-trial', 'confirmed', 'failed'];

/** Format version, state, hash. Undefined for what this version of the agent did not write. */
export function readUpdateRecord(store: Store): UpdateRecord | undefined {
  const bytes = store.get(STORE_KEY.lastUpdate);
  if (bytes?.byteLength !== FIXED_BYTES + HASH_BYTES || bytes[0] !== FORMAT_VERSION) {
    return undefined;
  }
  const state = STATES[(bytes[1] ?? 0) - 1];
  return state === undefined ? undefined : { state, hash: bytes.slice(FIXED_BYTES) };
}

/** Notes where an update stands. What is noted already costs nothing. */
export function noteUpdate(store: Store, record: UpdateRecord): Verdict<void, StoreRejectCode> {
  if (record.hash.byteLength !== HASH_BYTES) return DONE;
  const bytes = new Uint8Array(FIXED_BYTES + HASH_BYTES);
  bytes[0] = FORMAT_VERSION;
  bytes[1] = STATES.indexOf(record.state) + 1;
  bytes.set(record.hash, FIXED_BYTES);
  return store.set(STORE_KEY.lastUpdate, bytes);
}

/** Forgets the last update: it was asked for, and refused. */
export function forgetUpdate(store: Store): void {
  store.delete(STORE_KEY.lastUpdate);
}
