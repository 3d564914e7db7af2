import { DONE, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import { firstSetBit, markProgrammed, readUnstable, withUnstable, withoutOneBit } from './cells.js';
import {
  asEraseEffect,
  asWriteEffect,
  endInterrupted,
  type EraseEffect,
  type FlashNoise,
  type FlashOperation,
  type FlashWatcher,
  type WriteEffect,
} from './fault.js';
import type { FlashGeometry, SectorContents } from './geometry.js';
import { flickeringNoise, seededRandom } from './seeded-random.js';
import type { FlashSnapshot } from './snapshot.js';

/** How much a flash has done since it was made. */
export interface FlashStatistics {
  readonly reads: number;
  readonly writes: number;
  readonly erases: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly bytesErased: number;
}

/** A range of sectors to be copied, as if in chunks of so many bytes. */
export interface SectorCopy {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly lengthBytes: number;
  readonly chunkBytes: number;
}

const NO_OPTIONS = {};

/**
 * A NOR flash: erased by sector, each word programmed at most once between erases. Sectors are
 * copied when they are first written, so flashes that start from one snapshot share all they have
 * not changed. Programming a word twice is refused even where the bits would allow it, because
 * flash with error-correcting codes refuses it too.
 */
export class NorFlash {
  readonly geometry: FlashGeometry;
  #sectors: SectorContents[];
  /** The sectors no snapshot shares; only these may be changed in place. */
  readonly #owned: Set<number> = new Set();
  #watcher: FlashWatcher | undefined;
  #noise: FlashNoise | undefined;
  /** A map, because most flashes live for a moment and erase few of their sectors. */
  readonly #eraseCounts: Map<number, number> = new Map();
  #operationCount = 0;
  #reads = 0;
  #writes = 0;
  #erases = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  #bytesErased = 0;

  /**
   * An erased flash, or one that starts from a snapshot of the same geometry. The noise decides
   * what unstable cells read as; they flicker, the same way in each new flash, unless told.
   */
  constructor(
    start: FlashGeometry | FlashSnapshot,
    options: { readonly noise?: FlashNoise } = NO_OPTIONS,
  ) {
    this.#noise = options.noise;
    if ('geometry' in start) {
      this.geometry = start.geometry;
      this.#sectors = start.sectors.slice();
    } else {
      this.geometry = start;
      this.#sectors = start.sectors.map((_, index) => start.erasedContents(index));
    }
  }

  get statistics(): FlashStatistics {
    return {
      reads: this.#reads,
      writes: this.#writes,
      erases: this.#erases,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      bytesErased: this.#bytesErased,
    };
  }

  /** How often each sector was erased, or an erase of it begun. Restoring undoes no wear. */
  get eraseCounts(): readonly number[] {
    return this.geometry.sectors.map((_, index) => this.#eraseCounts.get(index) ?? 0);
  }

  /** Sets who sees operations before they happen; one watcher at a time. */
  watch(watcher: FlashWatcher | undefined): void {
    this.#watcher = watcher;
  }

  snapshot(): FlashSnapshot {
    this.#owned.clear();
    return { geometry: this.geometry, sectors: this.#sectors.slice() };
  }

  restore(snapshot: FlashSnapshot): void {
    if (snapshot.geometry !== this.geometry) throw new TypeError('snapshot of another geometry');
    this.#owned.clear();
    this.#sectors = snapshot.sectors.slice();
  }

  /** The bytes of a range: a view where it lies in one sector, else a copy. Not to be changed. */
  read(offset: number, lengthBytes: number): Uint8Array {
    this.#countRead(offset, lengthBytes);
    if (lengthBytes === 0) return new Uint8Array(0);
    const index = this.geometry.sectorIndexAt(offset);
    const start = offset - this.#sectorStart(index);
    const end = start + lengthBytes;
    const contents = this.#contents(index);
    if (end <= contents.bytes.byteLength) {
      return contents.unstable === undefined
        ? contents.bytes.subarray(start, end)
        : this.#readUnstable(index, start, end);
    }
    const bytes = new Uint8Array(lengthBytes);
    let filled = 0;
    for (const chunk of this.#pieces(offset, lengthBytes)) {
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
    }
    return bytes;
  }

  /** The same range sector by sector, without copying. */
  chunks(offset: number, lengthBytes: number): Iterable<Uint8Array> {
    this.#countRead(offset, lengthBytes);
    return this.#pieces(offset, lengthBytes);
  }

  *#pieces(offset: number, lengthBytes: number): Generator<Uint8Array, void, undefined> {
    let position = offset;
    const end = offset + lengthBytes;
    while (position < end) {
      const index = this.geometry.sectorIndexAt(position);
      const { bytes, unstable } = this.#contents(index);
      const start = position - this.#sectorStart(index);
      const length = Math.min(end - position, bytes.byteLength - start);
      yield unstable === undefined
        ? bytes.subarray(start, start + length)
        : this.#readUnstable(index, start, start + length);
      position += length;
    }
  }

  /**
   * Programs whole words. Refused, with nothing written, when misaligned, out of bounds, or when
   * any word has been programmed since its last erase.
   */
  write(offset: number, data: Uint8Array): Verdict<void, FlashRejectCode> {
    const align = this.geometry.writeAlignBytes;
    if (!this.#inside(offset, data.byteLength)) {
      return outOfBounds('write', { offset, lengthBytes: data.byteLength }, this.geometry);
    }
    if (offset % align !== 0 || data.byteLength % align !== 0) {
      return reject(
        'flash-misaligned',
        `write of ${data.byteLength} bytes at 0x${offset.toString(16)}, alignment is ${align}`,
      );
    }
    const taken = this.#firstProgrammedWord(offset, data.byteLength);
    if (taken !== undefined) {
      return reject(
        'flash-word-programmed',
        `the word at 0x${taken.toString(16)} has been programmed since its last erase`,
      );
    }
    const operation = this.#announce('write', offset, data.byteLength);
    const interruption = operation === undefined ? undefined : this.#watcher?.(operation);
    this.#writes += 1;
    if (operation === undefined || interruption === undefined) {
      this.#program(offset, data);
      return DONE;
    }
    this.#programInPart(offset, data, asWriteEffect(interruption.effect));
    return endInterrupted(operation, interruption);
  }

  /**
   * Copies whole sectors onto erased ones of the same sizes by sharing what they hold. It counts as
   * the writes of so many chunks that it stands for. False, with nothing done, where that cannot be:
   * for other ranges, for cells that are not stable, and while somebody watches each write.
   */
  copySectors(range: SectorCopy): boolean {
    const { fromOffset, toOffset, lengthBytes, chunkBytes } = range;
    if (this.#watcher !== undefined || lengthBytes === 0) return false;
    if (!this.#inside(fromOffset, lengthBytes) || !this.#inside(toOffset, lengthBytes))
      return false;
    const pairs: (readonly [from: number, to: number])[] = [];
    for (let done = 0; done < lengthBytes;) {
      const from = this.#wholeSector(fromOffset + done, lengthBytes - done);
      const to = this.#wholeSector(toOffset + done, lengthBytes - done);
      if (from === undefined || to === undefined || !this.#canShare(from, to)) return false;
      pairs.push([from, to]);
      done += this.#contents(from).bytes.byteLength;
    }
    for (const [from, to] of pairs) this.#share(from, to);
    const chunks = Math.ceil(lengthBytes / chunkBytes);
    this.#operationCount += chunks;
    this.#reads += chunks;
    this.#writes += chunks;
    this.#bytesRead += lengthBytes;
    this.#bytesWritten += lengthBytes;
    return true;
  }

  /** Erases the sectors of a range that starts and ends on sector boundaries, one by one. */
  erase(offset: number, lengthBytes: number): Verdict<void, FlashRejectCode> {
    if (!this.#inside(offset, lengthBytes)) {
      return outOfBounds('erase', { offset, lengthBytes }, this.geometry);
    }
    let position = offset;
    const end = offset + lengthBytes;
    if (!this.#isBoundary(offset) || !this.#isBoundary(end)) {
      return reject(
        'flash-misaligned',
        `erase of ${lengthBytes} bytes at 0x${offset.toString(16)} does not cover whole sectors`,
      );
    }
    while (position < end) {
      const index = this.geometry.sectorIndexAt(position);
      const sizeBytes = this.#contents(index).bytes.byteLength;
      const outcome = this.#eraseSector(index, position, sizeBytes);
      if (!outcome.ok) return outcome;
      position += sizeBytes;
    }
    return DONE;
  }

  /**
   * Flips one bit, as rot does: bit 0 is the lowest of its byte. An erased word that loses a bit
   * counts as programmed. What a cell holds that is not stable is not known, so it stays so.
   */
  flipBit(offset: number, bit: number): void {
    this.#assertInside(offset, 1);
    const mask = 1 << (bit & 7);
    const index = this.geometry.sectorIndexAt(offset);
    const { bytes, programmed, unstable } = this.#own(index);
    const at = offset - this.#sectorStart(index);
    if (((unstable?.[at] ?? 0) & mask) !== 0) return;
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    const word = Math.floor(at / this.geometry.writeAlignBytes);
    markProgrammed(programmed, word, word + 1);
  }

  /** Counts an operation, and describes it where somebody watches. */
  #announce(
    kind: FlashOperation['kind'],
    offset: number,
    lengthBytes: number,
  ): FlashOperation | undefined {
    const index = this.#operationCount;
    this.#operationCount += 1;
    return this.#watcher === undefined ? undefined : { kind, index, offset, lengthBytes };
  }

  #program(offset: number, data: Uint8Array): void {
    const align = this.geometry.writeAlignBytes;
    this.#bytesWritten += data.byteLength;
    let done = 0;
    while (done < data.byteLength) {
      const index = this.geometry.sectorIndexAt(offset + done);
      const contents = this.#own(index);
      const start = offset + done - this.#sectorStart(index);
      const length = Math.min(data.byteLength - done, contents.bytes.byteLength - start);
      contents.bytes.set(data.subarray(done, done + length), start);
      markProgrammed(contents.programmed, start / align, (start + length) / align);
      done += length;
    }
  }

  #programInPart(offset: number, data: Uint8Array, effect: WriteEffect): void {
    const { geometry } = this;
    const align = geometry.writeAlignBytes;
    if (effect === 'untouched') return;
    if (effect === 'applied') this.#program(offset, data);
    else if (effect.kind === 'prefix')
      this.#program(offset, data.subarray(0, effect.words * align));
    else if (effect.kind === 'one-bit-short') {
      this.#program(offset, withoutOneBit(data, effect, geometry));
    } else {
      const { firstWord = 0, words = Infinity } = effect;
      const start = Math.min(firstWord * align, data.byteLength);
      const reached = data.slice(0, start + words * align);
      const unstable = reached.slice(start);
      this.#program(offset, reached.fill(geometry.erasedValue, start));
      this.#unsettle(offset + start, unstable);
    }
  }

  /** Makes the cells unstable that these bytes would have programmed. */
  #unsettle(offset: number, data: Uint8Array): void {
    const { erasedValue } = this.geometry;
    let done = 0;
    while (done < data.byteLength) {
      const index = this.geometry.sectorIndexAt(offset + done);
      const start = offset + done - this.#sectorStart(index);
      const contents = this.#own(index);
      const piece = data.subarray(done, done + contents.bytes.byteLength - start);
      this.#sectors[index] = withUnstable(contents, piece, { start, erasedValue });
      done += piece.byteLength;
    }
  }

  #eraseSector(index: number, offset: number, lengthBytes: number): Verdict<void, FlashRejectCode> {
    const operation = this.#announce('erase', offset, lengthBytes);
    const interruption = operation === undefined ? undefined : this.#watcher?.(operation);
    this.#erases += 1;
    if (operation === undefined || interruption === undefined) {
      this.#applyErase(index, 'applied');
      return DONE;
    }
    this.#applyErase(index, asEraseEffect(interruption.effect));
    return endInterrupted(operation, interruption);
  }

  #applyErase(index: number, effect: EraseEffect): void {
    if (effect === 'untouched') return;
    const erased = this.geometry.erasedContents(index);
    this.#countErase(index, erased.bytes.byteLength);
    if (effect === 'applied') {
      this.#sectors[index] = erased;
      this.#owned.delete(index);
      return;
    }
    const { erasedValue } = this.geometry;
    const contents = this.#own(index);
    this.#sectors[index] = withUnstable(contents, contents.bytes, { start: 0, erasedValue });
    contents.bytes.fill(erasedValue);
    // Every word has to be erased again before it is programmed.
    contents.programmed.fill(0xff);
  }

  #countErase(index: number, sizeBytes: number): void {
    this.#bytesErased += sizeBytes;
    this.#eraseCounts.set(index, (this.#eraseCounts.get(index) ?? 0) + 1);
  }

  #firstProgrammedWord(offset: number, lengthBytes: number): number | undefined {
    const align = this.geometry.writeAlignBytes;
    for (let position = offset; position < offset + lengthBytes;) {
      const index = this.geometry.sectorIndexAt(position);
      const { bytes, programmed } = this.#contents(index);
      const sectorStart = this.#sectorStart(index);
      const firstWord = (position - sectorStart) / align;
      const end = Math.min(bytes.byteLength, offset + lengthBytes - sectorStart);
      const word = firstSetBit(programmed, firstWord, end / align);
      if (word !== undefined) return sectorStart + word * align;
      position = sectorStart + end;
    }
    return undefined;
  }

  /** The sector that starts at an offset and is no longer than so many bytes. */
  #wholeSector(offset: number, lengthBytes: number): number | undefined {
    const index = this.geometry.sectorIndexAt(offset);
    const fits = this.#contents(index).bytes.byteLength <= lengthBytes;
    return fits && this.#sectorStart(index) === offset ? index : undefined;
  }

  #canShare(from: number, to: number): boolean {
    const source = this.#contents(from);
    const erased = this.geometry.erasedContents(to);
    const isSameSize = source.bytes.byteLength === erased.bytes.byteLength;
    return isSameSize && source.unstable === undefined && this.#contents(to) === erased;
  }

  #share(from: number, to: number): void {
    const { bytes } = this.#contents(from);
    const programmed = new Uint8Array(this.#contents(to).programmed.byteLength).fill(0xff);
    this.#owned.delete(from);
    this.#owned.delete(to);
    this.#sectors[to] = { bytes, programmed, unstable: undefined };
  }

  #own(index: number): SectorContents {
    const shared = this.#contents(index);
    if (this.#owned.has(index)) return shared;
    const copy = {
      bytes: shared.bytes.slice(),
      programmed: shared.programmed.slice(),
      unstable: shared.unstable?.slice(),
    };
    this.#sectors[index] = copy;
    this.#owned.add(index);
    return copy;
  }

  #readUnstable(index: number, start: number, end: number): Uint8Array {
    this.#noise ??= flickeringNoise(seededRandom(0));
    const sectorOffset = this.#sectorStart(index);
    return readUnstable(this.#contents(index), { start, end, sectorOffset }, this.#noise);
  }

  #contents(index: number): SectorContents {
    const contents = this.#sectors[index];
    if (contents === undefined) throw new RangeError(`no sector ${index}`);
    return contents;
  }

  #sectorStart(index: number): number {
    return this.geometry.sectors[index]?.offset ?? this.geometry.sizeBytes;
  }

  #isBoundary(offset: number): boolean {
    if (offset === this.geometry.sizeBytes) return true;
    return this.#sectorStart(this.geometry.sectorIndexAt(offset)) === offset;
  }

  #inside(offset: number, lengthBytes: number): boolean {
    return (
      Number.isSafeInteger(offset) &&
      offset >= 0 &&
      lengthBytes >= 0 &&
      offset + lengthBytes <= this.geometry.sizeBytes
    );
  }

  #countRead(offset: number, lengthBytes: number): void {
    this.#assertInside(offset, lengthBytes);
    this.#reads += 1;
    this.#bytesRead += lengthBytes;
  }

  #assertInside(offset: number, lengthBytes: number): void {
    if (!this.#inside(offset, lengthBytes)) {
      throw new RangeError(
        `read of ${lengthBytes} bytes at ${offset} in a flash of ${this.geometry.sizeBytes}`,
      );
    }
  }
}

function outOfBounds(
  kind: FlashOperation['kind'],
  range: { readonly offset: number; readonly lengthBytes: number },
  geometry: FlashGeometry,
): Verdict<void, FlashRejectCode> {
  return reject(
    'flash-out-of-bounds',
    `${kind} of ${range.lengthBytes} bytes at ${range.offset} in a flash of ${geometry.sizeBytes}`,
  );
}
