import { firstSetBit, markProgrammed, readUnstable, withUnstable, withoutOneBit } from './cells.js';
import type { EraseEffect, FlashNoise, WriteEffect } from './fault.js';
import type { FlashGeometry, SectorContents } from './geometry.js';
import { flickeringNoise, seededRandom } from './seeded-random.js';

/** A range of sectors to be copied by reference. */
export interface SectorRange {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly lengthBytes: number;
}

/**
 * What the sectors of a flash hold. A sector is copied when it is first changed, so stores that
 * start from the same contents share all they have not changed. Offsets must be inside: nothing is
 * checked here, counted, or announced.
 */
export class SectorStore {
  readonly #geometry: FlashGeometry;
  #sectors: SectorContents[];
  /** The sectors nobody shares; only these may be changed in place. */
  readonly #owned: Set<number> = new Set();
  #noise: FlashNoise | undefined;

  /** The noise decides what unstable cells read as; they flicker, the same way each time, unless told. */
  constructor(
    geometry: FlashGeometry,
    sectors: readonly SectorContents[],
    noise: FlashNoise | undefined,
  ) {
    this.#geometry = geometry;
    this.#sectors = sectors.slice();
    this.#noise = noise;
  }

  /** All sectors, which are not changed in place from now on. */
  shareAll(): readonly SectorContents[] {
    this.#owned.clear();
    return this.#sectors.slice();
  }

  /** Takes other contents, which stay shared. */
  replaceAll(sectors: readonly SectorContents[]): void {
    this.#owned.clear();
    this.#sectors = sectors.slice();
  }

  /** The bytes of a range: a view where it lies in one sector, else a copy. */
  read(offset: number, lengthBytes: number): Uint8Array {
    if (lengthBytes === 0) return new Uint8Array(0);
    const index = this.#geometry.sectorIndexAt(offset);
    const start = offset - this.#start(index);
    if (start + lengthBytes <= this.sizeOf(index)) {
      return this.#piece(index, start, start + lengthBytes);
    }
    const bytes = new Uint8Array(lengthBytes);
    let filled = 0;
    for (const chunk of this.pieces(offset, lengthBytes)) {
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
    }
    return bytes;
  }

  /** The same range sector by sector, without copying. */
  *pieces(offset: number, lengthBytes: number): Generator<Uint8Array, void, undefined> {
    const end = offset + lengthBytes;
    for (let position = offset; position < end;) {
      const index = this.#geometry.sectorIndexAt(position);
      const start = position - this.#start(index);
      const length = Math.min(end - position, this.sizeOf(index) - start);
      yield this.#piece(index, start, start + length);
      position += length;
    }
  }

  /** The size of a sector in bytes. */
  sizeOf(index: number): number {
    return this.#contents(index).bytes.byteLength;
  }

  /** The offset of the first word of a range that is programmed; undefined when none is. */
  firstProgrammedWord(offset: number, lengthBytes: number): number | undefined {
    const align = this.#geometry.writeAlignBytes;
    for (let position = offset; position < offset + lengthBytes;) {
      const index = this.#geometry.sectorIndexAt(position);
      const { bytes, programmed } = this.#contents(index);
      const sectorStart = this.#start(index);
      const firstWord = (position - sectorStart) / align;
      const end = Math.min(bytes.byteLength, offset + lengthBytes - sectorStart);
      const word = firstSetBit(programmed, firstWord, end / align);
      if (word !== undefined) return sectorStart + word * align;
      position = sectorStart + end;
    }
    return undefined;
  }

  /** Programs words as far as the effect says. Answers how many bytes were programmed. */
  program(offset: number, data: Uint8Array, effect: WriteEffect): number {
    const geometry = this.#geometry;
    const align = geometry.writeAlignBytes;
    if (effect === 'untouched') return 0;
    if (effect === 'applied') return this.#programAll(offset, data);
    if (effect.kind === 'prefix') {
      return this.#programAll(offset, data.subarray(0, effect.words * align));
    }
    if (effect.kind === 'one-bit-short') {
      return this.#programAll(offset, withoutOneBit(data, effect, geometry));
    }
    const { firstWord = 0, words = Infinity } = effect;
    const start = Math.min(firstWord * align, data.byteLength);
    const reached = data.slice(0, start + words * align);
    const unstable = reached.slice(start);
    this.#programAll(offset, reached.fill(geometry.erasedValue, start));
    this.#unsettle(offset + start, unstable);
    return reached.byteLength;
  }

  /** Erases a sector as far as the effect says. */
  erase(index: number, effect: EraseEffect): void {
    if (effect === 'untouched') return;
    if (effect === 'applied') {
      this.#sectors[index] = this.#geometry.erasedContents(index);
      this.#owned.delete(index);
      return;
    }
    const { erasedValue } = this.#geometry;
    const contents = this.#own(index);
    this.#sectors[index] = withUnstable(contents, contents.bytes, { start: 0, erasedValue });
    contents.bytes.fill(erasedValue);
    // Every word has to be erased again before it is programmed.
    contents.programmed.fill(0xff);
  }

  /** Flips one bit, unless its cell is not stable: what that holds is not known, so it stays so. */
  flipBit(offset: number, bit: number): void {
    const mask = 1 << (bit & 7);
    const index = this.#geometry.sectorIndexAt(offset);
    const { bytes, programmed, unstable } = this.#own(index);
    const at = offset - this.#start(index);
    if (((unstable?.[at] ?? 0) & mask) !== 0) return;
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    const word = Math.floor(at / this.#geometry.writeAlignBytes);
    markProgrammed(programmed, word, word + 1);
  }

  /**
   * Copies whole sectors onto erased ones of the same sizes by sharing what they hold. False, with
   * nothing done, for other ranges and for cells that are not stable.
   */
  copyByReference({ fromOffset, toOffset, lengthBytes }: SectorRange): boolean {
    const pairs: (readonly [from: number, to: number])[] = [];
    for (let done = 0; done < lengthBytes;) {
      const from = this.#wholeSector(fromOffset + done, lengthBytes - done);
      const to = this.#wholeSector(toOffset + done, lengthBytes - done);
      if (from === undefined || to === undefined || !this.#canShare(from, to)) return false;
      pairs.push([from, to]);
      done += this.sizeOf(from);
    }
    for (const [from, to] of pairs) this.#share(from, to);
    return true;
  }

  #programAll(offset: number, data: Uint8Array): number {
    const align = this.#geometry.writeAlignBytes;
    for (let done = 0; done < data.byteLength;) {
      const index = this.#geometry.sectorIndexAt(offset + done);
      const contents = this.#own(index);
      const start = offset + done - this.#start(index);
      const length = Math.min(data.byteLength - done, contents.bytes.byteLength - start);
      contents.bytes.set(data.subarray(done, done + length), start);
      markProgrammed(contents.programmed, start / align, (start + length) / align);
      done += length;
    }
    return data.byteLength;
  }

  /** Makes the cells unstable that these bytes would have programmed. */
  #unsettle(offset: number, data: Uint8Array): void {
    const { erasedValue } = this.#geometry;
    for (let done = 0; done < data.byteLength;) {
      const index = this.#geometry.sectorIndexAt(offset + done);
      const start = offset + done - this.#start(index);
      const contents = this.#own(index);
      const piece = data.subarray(done, done + contents.bytes.byteLength - start);
      this.#sectors[index] = withUnstable(contents, piece, { start, erasedValue });
      done += piece.byteLength;
    }
  }

  /** The sector that starts at an offset and is no longer than so many bytes. */
  #wholeSector(offset: number, lengthBytes: number): number | undefined {
    const index = this.#geometry.sectorIndexAt(offset);
    return this.sizeOf(index) <= lengthBytes && this.#start(index) === offset ? index : undefined;
  }

  #canShare(from: number, to: number): boolean {
    const source = this.#contents(from);
    const erased = this.#geometry.erasedContents(to);
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

  #piece(index: number, start: number, end: number): Uint8Array {
    const contents = this.#contents(index);
    if (contents.unstable === undefined) return contents.bytes.subarray(start, end);
    this.#noise ??= flickeringNoise(seededRandom(0));
    return readUnstable(contents, { start, end, sectorOffset: this.#start(index) }, this.#noise);
  }

  #contents(index: number): SectorContents {
    const contents = this.#sectors[index];
    if (contents === undefined) throw new RangeError(`no sector ${index}`);
    return contents;
  }

  #start(index: number): number {
    return this.#geometry.sectors[index]?.offset ?? this.#geometry.sizeBytes;
  }
}
