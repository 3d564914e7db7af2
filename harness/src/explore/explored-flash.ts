import {
  DONE,
  reject,
  type FlashGeometry,
  type FlashRejectCode,
  type FlashSector,
  type FlashSnapshot,
  type SectorCopy,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { Choices } from './choices.js';
import type { Effect, EffectPool } from './effect-pool.js';
import { highestProgrammed, type LastWordRegion } from './last-word-region.js';
import type { TouchListener } from './run-memory.js';
import { flickeringReads, forgottenReads } from './open-reads.js';

/** Hears of each operation that is not refused, before it happens. */
export type EffectListener = (effect: Effect, sector: number) => void;

/** Hears of each read. */
export type ReadListener = (offset: number, bytes: Uint8Array) => void;

/** Says whether bytes of a sector may be looked at, or only be copied and hashed. */
export type ReadGuard = (sector: number, from: number, lengthBytes: number) => void;

/** The writes that copy a sector onto an erased one. */
interface SectorCopyEffects {
  readonly onto: number;
  readonly chunkBytes: number;
  readonly effects: readonly Effect[];
}

/**
 * A flash for exploring: it holds numbers of contents, tells what each operation makes of them, and
 * asks what is read where that is open. What operations do, `EffectPool` finds out from a real flash.
 */
export class ExploredFlash {
  readonly geometry: FlashGeometry;
  readonly #effects: EffectPool;
  readonly #regions: ReadonlyMap<number, LastWordRegion>;
  readonly #contents: Int32Array;
  /** Which sector holds an offset, by the offset in units of the smallest sector. */
  readonly #sectorByUnit: Int32Array;
  readonly #unitBytes: number;
  readonly #mayForget: boolean;
  #choices: Choices | undefined;
  /** By what was copied: the writes that this takes, onto what. */
  readonly #copies: Map<number, SectorCopyEffects> = new Map();
  #onEffect: EffectListener = () => undefined;
  #touches: TouchListener | undefined;
  #guard: ReadGuard = () => undefined;
  #writeGuard: ReadGuard = () => undefined;
  #onRead: ReadListener | undefined;

  constructor(options: {
    readonly geometry: FlashGeometry;
    readonly effects: EffectPool;
    readonly regions: ReadonlyMap<number, LastWordRegion>;
    /** Words of the regions may have been torn and forgotten. */
    readonly mayForget: boolean;
  }) {
    const { geometry } = options;
    this.geometry = geometry;
    this.#effects = options.effects;
    this.#regions = options.regions;
    this.#mayForget = options.mayForget;
    this.#contents = new Int32Array(geometry.sectors.length);
    this.#unitBytes = Math.min(...geometry.sectors.map(({ sizeBytes }) => sizeBytes));
    this.#sectorByUnit = Int32Array.from(
      { length: Math.ceil(geometry.sizeBytes / this.#unitBytes) },
      (_, unit) => geometry.sectorIndexAt(unit * this.#unitBytes),
    );
  }

  /** What each sector holds now, by number. Not to be changed. */
  get contents(): Int32Array {
    return this.#contents;
  }

  /** Takes other contents, through the function that fills them in. */
  load(fill: (contents: Int32Array) => void): void {
    fill(this.#contents);
  }

  /** Starts a run with its choices. */
  begin(choices: Choices, touches: TouchListener | undefined): void {
    this.#choices = choices;
    this.#touches = touches;
  }

  /** Sets who hears of operations. */
  listen(onEffect: EffectListener): void {
    this.#onEffect = onEffect;
  }

  /** Sets who hears of reads. */
  watchReads(onRead: ReadListener | undefined): void {
    this.#onRead = onRead;
  }

  /** Lets somebody look who is no part of the device: nobody is asked, nobody hears of it. */
  unguarded<T>(look: () => T): T {
    const [guard, onRead] = [this.#guard, this.#onRead];
    this.#guard = () => undefined;
    this.#onRead = undefined;
    try {
      return look();
    } finally {
      this.#guard = guard;
      this.#onRead = onRead;
    }
  }

  /** Sets who is asked before bytes are looked at, and before words are written. */
  guard(reads: ReadGuard, writes: ReadGuard): void {
    this.#guard = reads;
    this.#writeGuard = writes;
  }

  snapshot(): FlashSnapshot {
    const sectors = Array.from(this.#contents, (content) =>
      this.#effects.contents.contents(content),
    );
    return { geometry: this.geometry, sectors };
  }

  sectorAt(offset: number): number {
    let sector = this.#sectorByUnit[Math.floor(offset / this.#unitBytes)] ?? 0;
    const sectors = this.geometry.sectors;
    while ((sectors[sector + 1]?.offset ?? Infinity) <= offset) sector += 1;
    return sector;
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    this.#assertInside(offset, lengthBytes);
    if (lengthBytes === 0) return new Uint8Array(0);
    this.#ask(offset, lengthBytes);
    const bytes = this.#read(offset, lengthBytes);
    this.#onRead?.(offset, bytes);
    return bytes;
  }

  /** The same range sector by sector, to be hashed: what it holds is not looked at otherwise. */
  *chunks(offset: number, lengthBytes: number): Generator<Uint8Array, void, undefined> {
    this.#assertInside(offset, lengthBytes);
    const end = offset + lengthBytes;
    for (let position = offset; position < end;) {
      const { offset: start, sizeBytes } = this.#sector(this.sectorAt(position));
      const length = Math.min(end - position, start + sizeBytes - position);
      yield this.#read(position, length);
      position += length;
    }
  }

  write(offset: number, bytes: Uint8Array): Verdict<void, FlashRejectCode> {
    const lengthBytes = bytes.byteLength;
    if (!this.#isInside(offset, lengthBytes)) return outOfBounds('write', offset, lengthBytes);
    if (lengthBytes === 0) return DONE;
    const first = this.sectorAt(offset);
    const last = this.sectorAt(offset + lengthBytes - 1);
    const before: number[] = [];
    for (let sector = first; sector <= last; sector += 1) {
      const content = this.#contents[sector] ?? 0;
      this.#touches?.read(sector, content);
      before.push(content);
      this.#guardWrite(sector, offset, lengthBytes);
    }
    const place = {
      offset: offset - this.#sector(first).offset,
      region: this.#regions.get(first),
    };
    return this.#carryOut(this.#effects.write(before, place, bytes), first);
  }

  /**
   * Copies whole sectors onto erased ones, in chunks that are written one after the other; false,
   * with nothing done, where that cannot be. Nobody looks at what is copied.
   */
  copySectors({ fromOffset, toOffset, lengthBytes, chunkBytes }: SectorCopy): boolean {
    if (!this.#mayCopy(fromOffset, toOffset, lengthBytes)) return false;
    const first = this.sectorAt(fromOffset);
    if (this.#sector(first).sizeBytes % chunkBytes === 0) {
      let [from, to] = [first, this.sectorAt(toOffset)];
      for (let done = 0; done < lengthBytes; done += this.#sector(from - 1).sizeBytes) {
        this.#copySector(from, to, chunkBytes);
        from += 1;
        to += 1;
      }
      return true;
    }
    for (let done = 0; done < lengthBytes; done += chunkBytes) {
      const length = Math.min(chunkBytes, lengthBytes - done);
      const written = this.write(toOffset + done, this.#read(fromOffset + done, length));
      if (!written.ok) throw new Error(`${written.code}: ${written.detail}`);
    }
    return true;
  }

  /** Erases the sectors of a range that starts and ends on sector boundaries, one by one. */
  erase(offset: number, lengthBytes: number): Verdict<void, FlashRejectCode> {
    if (!this.#isInside(offset, lengthBytes)) return outOfBounds('erase', offset, lengthBytes);
    const end = offset + lengthBytes;
    if (!this.#isBoundary(offset) || !this.#isBoundary(end)) {
      return reject('flash-misaligned', `erase of ${lengthBytes} bytes at ${offset}`);
    }
    for (let position = offset; position < end;) {
      const sector = this.sectorAt(position);
      this.#touches?.erased(sector);
      const done = this.#carryOut(this.#effects.erase(this.#contents[sector] ?? 0), sector);
      if (!done.ok) return done;
      position += this.#sector(sector).sizeBytes;
    }
    return DONE;
  }

  /** One sector onto another: the writes are the same each time for the same contents. */
  #copySector(from: number, to: number, chunkBytes: number): void {
    const source = this.#contents[from] ?? 0;
    const onto = this.#contents[to] ?? 0;
    const known = this.#copies.get(source);
    if (known?.chunkBytes === chunkBytes && known.onto === onto && !this.#regions.has(to)) {
      for (const effect of known.effects) this.#carryOut(effect, to);
      return;
    }
    const { offset, sizeBytes } = this.#sector(to);
    const effects: Effect[] = [];
    for (let done = 0; done < sizeBytes; done += chunkBytes) {
      const bytes = this.#effects.contents.contents(source).bytes.subarray(done, done + chunkBytes);
      const place = { offset: done, region: this.#regions.get(to) };
      const effect = this.#effects.write([this.#contents[to] ?? 0], place, bytes);
      if (!effect.refused.ok) throw new Error(`an erased word at ${offset + done} is not written`);
      effects.push(effect);
      this.#carryOut(effect, to);
    }
    if (!this.#regions.has(to)) this.#copies.set(source, { onto, chunkBytes, effects });
  }

  #mayCopy(fromOffset: number, toOffset: number, lengthBytes: number): boolean {
    for (let done = 0; done < lengthBytes;) {
      const from = this.sectorAt(fromOffset + done);
      const to = this.sectorAt(toOffset + done);
      const { sizeBytes } = this.#sector(from);
      const isWhole =
        this.#sector(from).offset === fromOffset + done &&
        this.#sector(to).offset === toOffset + done &&
        sizeBytes === this.#sector(to).sizeBytes &&
        sizeBytes <= lengthBytes - done;
      this.#touches?.read(from, this.#contents[from] ?? 0);
      this.#touches?.read(to, this.#contents[to] ?? 0);
      const source = this.#effects.contents.contents(this.#contents[from] ?? 0);
      const target = this.#effects.contents.contents(this.#contents[to] ?? 0);
      const isErased = target.programmed.every((word) => word === 0);
      if (!isWhole || !isErased || source.unstable !== undefined) return false;
      done += sizeBytes;
    }
    return lengthBytes > 0;
  }

  #ask(offset: number, lengthBytes: number): void {
    const end = offset + lengthBytes;
    for (let position = offset; position < end;) {
      const sector = this.sectorAt(position);
      const { offset: start, sizeBytes } = this.#sector(sector);
      const length = Math.min(end - position, start + sizeBytes - position);
      this.#guard(sector, position - start, length);
      position += length;
    }
  }

  /** Whether a word could be written is known of those alone that are kept. */
  #guardWrite(sector: number, offset: number, lengthBytes: number): void {
    const { offset: start, sizeBytes } = this.#sector(sector);
    const from = Math.max(offset, start);
    const end = Math.min(offset + lengthBytes, start + sizeBytes);
    this.#writeGuard(sector, from - start, end - from);
  }

  #carryOut(effect: Effect, sector: number): Verdict<void, FlashRejectCode> {
    if (!effect.refused.ok) return effect.refused;
    this.#onEffect(effect, sector);
    const { applied } = effect;
    for (let index = 0; index < applied.length; index += 1) {
      this.#contents[sector + index] = applied[index] ?? 0;
    }
    return DONE;
  }

  #read(offset: number, lengthBytes: number): Uint8Array {
    const sector = this.sectorAt(offset);
    const { offset: start, sizeBytes } = this.#sector(sector);
    if (offset + lengthBytes > start + sizeBytes) return this.#readAcross(offset, lengthBytes);
    const content = this.#contents[sector] ?? 0;
    this.#touches?.read(sector, content);
    const contents = this.#effects.contents.contents(content);
    const from = offset - start;
    const plain = contents.bytes.subarray(from, from + lengthBytes);
    if (contents.unstable !== undefined) {
      const open = flickeringReads(contents, from, lengthBytes);
      if (open.length > 1) return this.#choose(offset, open);
    }
    const region = this.#mayForget ? this.#regions.get(sector) : undefined;
    if (region === undefined || from < region.start || from >= region.end) return plain;
    const { cells } = this.#effects;
    const highest = highestProgrammed(contents, region, cells.writeAlignBytes);
    if (Math.floor(from / cells.writeAlignBytes) >= highest) return plain;
    return this.#choose(offset, forgottenReads(contents, { from, lengthBytes, highest }, cells));
  }

  #readAcross(offset: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    let filled = 0;
    while (filled < lengthBytes) {
      const { offset: start, sizeBytes } = this.#sector(this.sectorAt(offset + filled));
      const length = Math.min(lengthBytes - filled, start + sizeBytes - offset - filled);
      bytes.set(this.#read(offset + filled, length), filled);
      filled += length;
    }
    return bytes;
  }

  #choose(place: number, open: readonly Uint8Array[]): Uint8Array {
    const chosen = open.length > 1 ? (this.#choices?.choose(place, open.length) ?? 0) : 0;
    const bytes = open[chosen];
    if (bytes === undefined) throw new RangeError(`choice ${chosen} of ${open.length}`);
    return bytes;
  }

  #sector(index: number): FlashSector {
    const sector = this.geometry.sectors[index];
    if (sector === undefined) throw new RangeError(`no sector ${index}`);
    return sector;
  }

  #isBoundary(offset: number): boolean {
    if (offset === this.geometry.sizeBytes) return true;
    return this.#sector(this.sectorAt(offset)).offset === offset;
  }

  #isInside(offset: number, lengthBytes: number): boolean {
    return offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= this.geometry.sizeBytes;
  }

  #assertInside(offset: number, lengthBytes: number): void {
    if (this.#isInside(offset, lengthBytes)) return;
    throw new RangeError(`read of ${lengthBytes} bytes at ${offset}`);
  }
}

function outOfBounds(
  verb: string,
  offset: number,
  lengthBytes: number,
): Verdict<void, FlashRejectCode> {
  return reject('flash-out-of-bounds', `${verb} of ${lengthBytes} bytes at ${offset}`);
}
