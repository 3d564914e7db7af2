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

/** Where the value of a key lies, counted from the start of the active sector. */
interface Place {
  readonly valueOffset: number;
  readonly valueBytes: number;
}

/** The sector that holds the values, and how far it is filled. */
interface ActiveSector {
  readonly index: number;
  readonly generation: number;
  /** Where the next record goes; undefined when the rest of the sector was left unclean. */
  readonly end: number | undefined;
}

/** What there is to know after a look at the flash. */
interface LogState {
  readonly active: ActiveSector | undefined;
  readonly places: Map<number, Place>;
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
 * One sector at a time is active; each set appends a record to it. When it is full, or a record in
 * it was cut short, the values that still count are written to the next sector, and that sector's
 * header after them: the header is what makes it the active one. The sector with the highest
 * generation counts. Nothing is ever written behind a record that was cut short.
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
  const places = new Map<number, Place>();
  const newest = newestSector(area);
  if (newest === undefined) return { active: undefined, places, sequence: 0 };
  const { sector, index, generation } = newest;
  const bytes = area.read(sector.offset, sector.sizeBytes);
  let end = sectorHeaderSizeBytes(area);
  let sequence = 0;
  for (;;) {
    const record = decodeRecord(bytes, end, area);
    if (record === undefined || record.sequence <= sequence) break;
    if (record.deleted) places.delete(record.key);
    else places.set(record.key, record);
    sequence = record.sequence;
    end = record.end;
  }
  const isClean = bytes.subarray(end).every((byte) => byte === area.erasedValue);
  return { active: { index, generation, end: isClean ? end : undefined }, places, sequence };
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
  #places: Map<number, Place>;
  #sequence: number;
  /** Whether the flash is known to say what the places say: not so after it refused a change. */
  #isSettled = true;
  /** Higher than any that a sector may have; one for each attempt to write a header. */
  #nextGeneration: number;

  constructor(area: FlashArea, state: LogState) {
    this.#area = area;
    this.#capacityBytes = smallestSectorBytes(area) - sectorHeaderSizeBytes(area);
    this.#active = state.active;
    this.#places = state.places;
    this.#sequence = state.sequence;
    this.#nextGeneration = (state.active?.generation ?? 0) + 1;
  }

  get(key: number): Uint8Array | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#read(place).slice();
  }

  set(key: number, value: Uint8Array): Verdict<void, StoreRejectCode> {
    requireKey(key);
    if (value.byteLength > STORE_VALUE_BYTES_MAX) {
      const detail = `${value.byteLength} bytes, at most ${STORE_VALUE_BYTES_MAX}`;
      return reject('store-value-too-large', detail);
    }
    const place = this.#places.get(key);
    // What is there already need not wear the flash.
    if (this.#isSettled && place !== undefined && equalBytes(this.#read(place), value)) return DONE;
    const needed = this.#liveBytesWithout(key) + recordSizeBytes(value.byteLength, this.#area);
    if (needed > this.#capacityBytes) {
      return reject('store-full', `${needed} bytes are needed, there are ${this.#capacityBytes}`);
    }
    return this.#apply({ key, value });
  }

  delete(key: number): Verdict<void, StoreRejectCode> {
    requireKey(key);
    if (this.#isSettled && !this.#places.has(key)) return DONE;
    return this.#apply({ key, value: undefined });
  }

  #apply(change: Change): Verdict<void, StoreRejectCode> {
    this.#isSettled = false;
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
    if (change.value === undefined) this.#places.delete(change.key);
    else this.#places.set(change.key, placed);
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
    const places = new Map<number, Place>();
    let end = sectorHeaderSizeBytes(this.#area);
    let sequence = this.#sequence;
    for (const [key, value] of this.#valuesWith(change)) {
      sequence += 1;
      const record = encodeRecord({ key, value, sequence }, this.#area);
      const written = this.#area.write(sector.offset + end, record);
      if (!written.ok) return written;
      const placed = this.#decodeAt(sector, end);
      if (placed === undefined) return notReadBack(sector);
      places.set(key, placed);
      end = placed.end;
    }
    const generation = this.#nextGeneration;
    const committed = this.#commit(sector, generation);
    if (!committed.ok) return committed;
    this.#active = { index, generation, end };
    this.#places = places;
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
    for (const [key, place] of this.#places) {
      if (key !== change.key) yield [key, this.#read(place)];
    }
    if (change.value !== undefined) yield [change.key, change.value];
  }

  #liveBytesWithout(key: number): number {
    let bytes = 0;
    for (const [other, place] of this.#places) {
      if (other !== key) bytes += recordSizeBytes(place.valueBytes, this.#area);
    }
    return bytes;
  }

  #read(place: Place): Uint8Array {
    const { offset } = this.#sector(this.#active?.index ?? 0);
    return this.#area.read(offset + place.valueOffset, place.valueBytes);
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
