import { DONE, accept, equalBytes, reject } from '@brickproof/bootloader-sim';
import type { FlashArea, FlashSector, Rejected, Verdict } from '@brickproof/bootloader-sim';
import {
  STORE_KEY_MAX,
  decodeRecord,
  decodeSectorHeader,
  encodeRecord,
  encodeSectorHeader,
  recordSizeBytes,
  sectorHeaderSizeBytes,
} from './log-record.js';
import type { PlacedRecord } from './log-record.js';
import { STORE_VALUE_BYTES_MAX } from './store.js';
import type { Store, StoreRejectCode } from './store.js';

/** The most sectors an area may have: a bound on what opening it reads. */
export const STORE_SECTORS_MAX = 256;

const WRITE_ALIGN_BYTES_MAX = 32;

/** The sector that holds the values, and how far it is filled. */
interface ActiveSector {
  readonly index: number;
  readonly generation: number;
  /** Where the next record goes; undefined when none may go into this sector. */
  readonly end: number | undefined;
}

/** What there is to know after a look at the flash. */
interface LogState {
  readonly active: ActiveSector | undefined;
  /** As they were found: a record that was cut short may read otherwise the next time. */
  readonly values: Map<number, Uint8Array>;
  readonly sequence: number;
}

/** A change to be made durable; an undefined value deletes. */
interface Change {
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

/**
 * Opens the key-value store kept in a flash area of two sectors or more, of any size, of any write
 * alignment up to 32. Opening writes nothing. An area that holds no store is an empty store.
 *
 * One sector at a time is active; each set appends a record to it. When it is full, and before the
 * first change after opening, the values that still count are written to the next sector, and that
 * sector's header after them: the header is what makes it the active one. The sector with the
 * highest generation counts. Nothing is ever written behind what was there at opening: a record
 * that was cut short may read as whole now and not the next time, and would take along what is
 * behind it.
 *
 * Refuses `store-area-unfit`.
 */
export function openLogStore(area: FlashArea): Verdict<Store, StoreRejectCode> {
  const fault = areaFault(area);
  if (fault !== undefined) return reject('store-area-unfit', fault);
  return accept(new LogStore(area, readLog(area)));
}

function areaFault(area: FlashArea): string | undefined {
  const count = area.sectors.length;
  if (count < 2 || count > STORE_SECTORS_MAX) {
    return `${count} sectors, expected 2 to ${STORE_SECTORS_MAX}`;
  }
  if (area.writeAlignBytes > WRITE_ALIGN_BYTES_MAX) {
    return `write alignment ${area.writeAlignBytes}, at most ${WRITE_ALIGN_BYTES_MAX}`;
  }
  const smallest = smallestSectorBytes(area);
  const needed = sectorHeaderSizeBytes(area) + recordSizeBytes(STORE_VALUE_BYTES_MAX, area);
  return smallest < needed ? `a sector of ${smallest} bytes, at least ${needed}` : undefined;
}

function smallestSectorBytes(area: FlashArea): number {
  return Math.min(...area.sectors.map((sector) => sector.sizeBytes));
}

function readLog(area: FlashArea): LogState {
  const values = new Map<number, Uint8Array>();
  const newest = newestSector(area);
  if (newest === undefined) return { active: undefined, values, sequence: 0 };
  const { sector, index, generation } = newest;
  const bytes = area.read(sector.offset, sector.sizeBytes);
  let end = sectorHeaderSizeBytes(area);
  let sequence = 0;
  for (;;) {
    const record = decodeRecord(bytes, end, area);
    if (record === undefined || record.sequence <= sequence) break;
    if (record.deleted) values.delete(record.key);
    else values.set(record.key, record.value);
    sequence = record.sequence;
    end = record.end;
  }
  return { active: { index, generation, end: undefined }, values, sequence };
}

interface NewestSector {
  readonly sector: FlashSector;
  readonly index: number;
  readonly generation: number;
}

function newestSector(area: FlashArea): NewestSector | undefined {
  let newest: NewestSector | undefined;
  for (const [index, sector] of area.sectors.entries()) {
    const header = area.read(sector.offset, sectorHeaderSizeBytes(area));
    const generation = decodeSectorHeader(header);
    if (generation === undefined) continue;
    if (newest === undefined || generation > newest.generation) {
      newest = { sector, index, generation };
    }
  }
  return newest;
}

class LogStore implements Store {
  readonly #area: FlashArea;
  /** What fits every sector: so what was accepted can be moved to any of them. */
  readonly #capacityBytes: number;
  #active: ActiveSector | undefined;
  #values: Map<number, Uint8Array>;
  #sequence: number;
  /**
   * Whether the flash is known to say what the values say: not so before the first change after
   * opening, nor after it refused one.
   */
  #isSettled = false;
  /** Higher than any that a sector may have; one for each attempt to write a header. */
  #nextGeneration: number;

  constructor(area: FlashArea, state: LogState) {
    this.#area = area;
    this.#capacityBytes = smallestSectorBytes(area) - sectorHeaderSizeBytes(area);
    this.#active = state.active;
    this.#values = state.values;
    this.#sequence = state.sequence;
    this.#nextGeneration = (state.active?.generation ?? 0) + 1;
  }

  get(key: number): Uint8Array | undefined {
    return this.#values.get(key)?.slice();
  }

  set(key: number, value: Uint8Array): Verdict<void, StoreRejectCode> {
    requireKey(key);
    if (value.byteLength > STORE_VALUE_BYTES_MAX) {
      const detail = `${value.byteLength} bytes, at most ${STORE_VALUE_BYTES_MAX}`;
      return reject('store-value-too-large', detail);
    }
    const present = this.#values.get(key);
    // What is there already need not wear the flash.
    if (this.#isSettled && present !== undefined && equalBytes(present, value)) return DONE;
    const needed = this.#liveBytesWithout(key) + recordSizeBytes(value.byteLength, this.#area);
    if (needed > this.#capacityBytes) {
      return reject('store-full', `${needed} bytes are needed, there are ${this.#capacityBytes}`);
    }
    return this.#apply({ key, value });
  }

  delete(key: number): Verdict<void, StoreRejectCode> {
    requireKey(key);
    if (this.#isSettled && !this.#values.has(key)) return DONE;
    return this.#apply({ key, value: undefined });
  }

  #apply(change: Change): Verdict<void, StoreRejectCode> {
    this.#isSettled = true;
    // A record that does not fit, or that the flash refuses, goes to the next sector instead.
    const outcome = this.#append(change) ? DONE : this.#compact(change);
    this.#isSettled = outcome.ok;
    return outcome;
  }

  /** Writes the change behind the last record; false when that cannot be done. */
  #append(change: Change): boolean {
    const active = this.#active;
    if (active?.end === undefined) return false;
    const sector = this.#sector(active.index);
    const record = encodeRecord({ ...change, sequence: this.#sequence + 1 }, this.#area);
    const end = active.end + record.byteLength;
    if (end > sector.sizeBytes) return false;
    // Until the record has been read back, what lies behind the last one is not known.
    this.#markUnclean();
    if (!this.#area.write(sector.offset + active.end, record).ok) return false;
    const placed = this.#decodeAt(sector, active.end);
    if (placed === undefined) return false;
    this.#active = { ...active, end };
    this.#sequence += 1;
    if (change.value === undefined) this.#values.delete(change.key);
    else this.#values.set(change.key, placed.value);
    return true;
  }

  #markUnclean(): void {
    if (this.#active !== undefined) this.#active = { ...this.#active, end: undefined };
  }

  /** Moves what counts, with the change made, to another sector; tries each one once. */
  #compact(change: Change): Verdict<void, StoreRejectCode> {
    const count = this.#area.sectors.length;
    const first = this.#active === undefined ? 0 : this.#active.index + 1;
    let outcome: Verdict<void, StoreRejectCode> = DONE;
    for (let step = 0; step < count; step += 1) {
      const index = (first + step) % count;
      if (index === this.#active?.index) continue;
      outcome = this.#moveTo(index, change);
      if (outcome.ok) return outcome;
    }
    return outcome;
  }

  #moveTo(index: number, change: Change): Verdict<void, StoreRejectCode> {
    const sector = this.#sector(index);
    const erased = this.#area.erase(sector.offset, sector.sizeBytes);
    if (!erased.ok) return erased;
    const values = new Map<number, Uint8Array>();
    let end = sectorHeaderSizeBytes(this.#area);
    let sequence = this.#sequence;
    for (const [key, value] of this.#valuesWith(change)) {
      sequence += 1;
      const record = encodeRecord({ key, value, sequence }, this.#area);
      const written = this.#area.write(sector.offset + end, record);
      if (!written.ok) return written;
      const placed = this.#decodeAt(sector, end);
      if (placed === undefined) return notReadBack(sector);
      values.set(key, placed.value);
      end = placed.end;
    }
    const generation = this.#nextGeneration;
    const committed = this.#commit(sector, generation);
    if (!committed.ok) return committed;
    this.#active = { index, generation, end };
    this.#values = values;
    this.#sequence = sequence;
    return DONE;
  }

  /** Writes the header that makes a sector the active one. */
  #commit(sector: FlashSector, generation: number): Verdict<void, StoreRejectCode> {
    this.#nextGeneration += 1;
    // If the flash fails here, the other sector may count or not. Then nothing is appended to the
    // old one: what is accepted next is behind a header of a higher generation.
    this.#markUnclean();
    const header = encodeSectorHeader(generation, this.#area);
    const written = this.#area.write(sector.offset, header);
    if (!written.ok) return written;
    const readBack = decodeSectorHeader(this.#area.read(sector.offset, header.byteLength));
    return readBack === generation ? DONE : notReadBack(sector);
  }

  #decodeAt(sector: FlashSector, offset: number): PlacedRecord | undefined {
    return decodeRecord(this.#area.read(sector.offset, sector.sizeBytes), offset, this.#area);
  }

  /** All values as they are after the change. */
  *#valuesWith(change: Change): Generator<[key: number, value: Uint8Array]> {
    for (const [key, value] of this.#values) {
      if (key !== change.key) yield [key, value];
    }
    if (change.value !== undefined) yield [change.key, change.value];
  }

  #liveBytesWithout(key: number): number {
    let bytes = 0;
    for (const [other, value] of this.#values) {
      if (other !== key) bytes += recordSizeBytes(value.byteLength, this.#area);
    }
    return bytes;
  }

  #sector(index: number): FlashSector {
    const sector = this.#area.sectors[index];
    if (sector === undefined) throw new RangeError(`the area has no sector ${index}`);
    return sector;
  }
}

function notReadBack(sector: FlashSector): Rejected<StoreRejectCode> {
  const detail = `the sector at ${sector.offset} does not give back what was written`;
  return reject('flash-write-failed', detail);
}

function requireKey(key: number): void {
  if (!Number.isInteger(key) || key < 1 || key > STORE_KEY_MAX) {
    throw new RangeError(`key ${key}, must be from 1 to ${STORE_KEY_MAX}`);
  }
}
