import { DONE, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import type { FlashGeometry, SectorContents } from './geometry.js';

/** One write, or the erase of one sector, as it is about to happen. */
export interface FlashOperation {
  readonly kind: 'write' | 'erase';
  /** Counts all operations of this flash from 0. */
  readonly index: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * What becomes of an operation that does not simply succeed. The first `appliedBytes` bytes of it
 * take effect; then power is gone, or the flash reports a failure.
 */
export interface FlashInterruption {
  readonly kind: 'power-cut' | 'failure';
  readonly appliedBytes: number;
}

/** Sees each operation before it happens, and may interrupt it. */
export type FlashWatcher = (operation: FlashOperation) => FlashInterruption | undefined;

/** How much a flash has done since it was made. */
export interface FlashStatistics {
  readonly reads: number;
  readonly writes: number;
  readonly erases: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly bytesErased: number;
}

/** The contents of a flash at one moment. It shares every sector; taking one copies no data. */
export interface FlashSnapshot {
  readonly geometry: FlashGeometry;
  readonly sectors: readonly SectorContents[];
}

/** Thrown out of a flash operation when the power goes: whatever was running no longer runs. */
export class PowerCut extends Error {
  readonly operation: FlashOperation;

  constructor(operation: FlashOperation) {
    super(`power cut during ${operation.kind} at 0x${operation.offset.toString(16)}`);
    this.name = 'PowerCut';
    this.operation = operation;
  }
}

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
  #operationCount = 0;
  #reads = 0;
  #writes = 0;
  #erases = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  #bytesErased = 0;

  /** An erased flash, or one that starts from a snapshot of the same geometry. */
  constructor(start: FlashGeometry | FlashSnapshot) {
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
    const first = this.#contents(index).bytes;
    if (start + lengthBytes <= first.byteLength) return first.subarray(start, start + lengthBytes);
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
      const { bytes } = this.#contents(index);
      const start = position - this.#sectorStart(index);
      const length = Math.min(end - position, bytes.byteLength - start);
      yield bytes.subarray(start, start + length);
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
    return this.#perform('write', { offset, lengthBytes: data.byteLength }, (appliedBytes) => {
      this.#program(offset, data.subarray(0, appliedBytes));
    });
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
      const range = { offset: position, lengthBytes: sizeBytes };
      const outcome = this.#perform('erase', range, (appliedBytes) => {
        this.#eraseSector(index, appliedBytes);
      });
      if (!outcome.ok) return outcome;
      position += sizeBytes;
    }
    return DONE;
  }

  #perform(
    kind: FlashOperation['kind'],
    range: { readonly offset: number; readonly lengthBytes: number },
    apply: (appliedBytes: number) => void,
  ): Verdict<void, FlashRejectCode> {
    const operation: FlashOperation = { kind, index: this.#operationCount, ...range };
    this.#operationCount += 1;
    const interruption = this.#watcher?.(operation);
    const appliedBytes = Math.min(interruption?.appliedBytes ?? Infinity, range.lengthBytes);
    if (appliedBytes > 0) apply(appliedBytes);
    this.#count(kind, appliedBytes);
    if (interruption === undefined) return DONE;
    if (interruption.kind === 'power-cut') throw new PowerCut(operation);
    return reject(
      kind === 'write' ? 'flash-write-failed' : 'flash-erase-failed',
      `the flash failed to ${kind} at 0x${range.offset.toString(16)}`,
    );
  }

  #count(kind: FlashOperation['kind'], bytes: number): void {
    if (kind === 'write') {
      this.#writes += 1;
      this.#bytesWritten += bytes;
    } else {
      this.#erases += 1;
      this.#bytesErased += bytes;
    }
  }

  #program(offset: number, data: Uint8Array): void {
    const align = this.geometry.writeAlignBytes;
    let done = 0;
    while (done < data.byteLength) {
      const index = this.geometry.sectorIndexAt(offset + done);
      const contents = this.#own(index);
      const start = offset + done - this.#sectorStart(index);
      const length = Math.min(data.byteLength - done, contents.bytes.byteLength - start);
      contents.bytes.set(data.subarray(done, done + length), start);
      const lastWord = Math.ceil((start + length) / align);
      for (let word = start / align; word < lastWord; word += 1) {
        contents.programmed[word >> 3] = (contents.programmed[word >> 3] ?? 0) | (1 << (word & 7));
      }
      done += length;
    }
  }

  #eraseSector(index: number, appliedBytes: number): void {
    const erased = this.geometry.erasedContents(index);
    if (appliedBytes >= erased.bytes.byteLength) {
      this.#sectors[index] = erased;
      this.#owned.delete(index);
      return;
    }
    // An erase that was interrupted leaves every word to be erased again before it is programmed.
    const contents = this.#own(index);
    contents.bytes.fill(this.geometry.erasedValue, 0, appliedBytes);
    contents.programmed.fill(0xff);
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

  #own(index: number): SectorContents {
    const shared = this.#contents(index);
    if (this.#owned.has(index)) return shared;
    const copy = { bytes: shared.bytes.slice(), programmed: shared.programmed.slice() };
    this.#sectors[index] = copy;
    this.#owned.add(index);
    return copy;
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

/** The first set bit from `first` up to, not including, `end`; whole clear bytes are skipped. */
function firstSetBit(bits: Uint8Array, first: number, end: number): number | undefined {
  for (let bit = first; bit < end;) {
    const byte = bits[bit >> 3] ?? 0;
    if (byte === 0) {
      bit = (bit | 7) + 1;
      continue;
    }
    if ((byte & (1 << (bit & 7))) !== 0) return bit;
    bit += 1;
  }
  return undefined;
}
