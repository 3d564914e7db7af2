import { DONE, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import {
  asEraseEffect,
  asWriteEffect,
  endInterrupted,
  type EraseEffect,
  type FlashNoise,
  type FlashOperation,
  type FlashWatcher,
} from './fault.js';
import type { FlashGeometry } from './geometry.js';
import { SectorStore, type SectorRange } from './sector-store.js';
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
export interface SectorCopy extends SectorRange {
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
  readonly #store: SectorStore;
  #watcher: FlashWatcher | undefined;
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
    const hasContents = 'geometry' in start;
    this.geometry = hasContents ? start.geometry : start;
    const contents = hasContents
      ? start.sectors
      : start.sectors.map((_, index) => start.erasedContents(index));
    this.#store = new SectorStore(this.geometry, contents, options.noise);
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
    return { geometry: this.geometry, sectors: this.#store.shareAll() };
  }

  restore(snapshot: FlashSnapshot): void {
    if (snapshot.geometry !== this.geometry) throw new TypeError('snapshot of another geometry');
    this.#store.replaceAll(snapshot.sectors);
  }

  /** The bytes of a range: a view where it lies in one sector, else a copy. Not to be changed. */
  read(offset: number, lengthBytes: number): Uint8Array {
    this.#countRead(offset, lengthBytes);
    return this.#store.read(offset, lengthBytes);
  }

  /** The same range sector by sector, without copying. */
  chunks(offset: number, lengthBytes: number): Iterable<Uint8Array> {
    this.#countRead(offset, lengthBytes);
    return this.#store.pieces(offset, lengthBytes);
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
    const taken = this.#store.firstProgrammedWord(offset, data.byteLength);
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
      this.#bytesWritten += this.#store.program(offset, data, 'applied');
      return DONE;
    }
    const effect = asWriteEffect(interruption.effect);
    this.#bytesWritten += this.#store.program(offset, data, effect);
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
    if (!this.#inside(fromOffset, lengthBytes)) return false;
    if (!this.#inside(toOffset, lengthBytes)) return false;
    if (!this.#store.copyByReference(range)) return false;
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
      const sizeBytes = this.#store.sizeOf(index);
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
    this.#store.flipBit(offset, bit);
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
    this.#store.erase(index, effect);
    if (effect === 'untouched') return;
    this.#bytesErased += this.#store.sizeOf(index);
    this.#eraseCounts.set(index, (this.#eraseCounts.get(index) ?? 0) + 1);
  }

  #isBoundary(offset: number): boolean {
    if (offset === this.geometry.sizeBytes) return true;
    const { geometry } = this;
    return geometry.sectors[geometry.sectorIndexAt(offset)]?.offset === offset;
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
