import { DONE, accept } from '@brickproof/bootloader-sim';
import type { FlashArea, FlashRejectCode, FlashSector, Verdict } from '@brickproof/bootloader-sim';

/**
 * What is kept back until everything else is written: an image header, and a multiple of every
 * write alignment.
 */
export const SECTOR_WRITER_HEAD_BYTES = 32;

/**
 * Writes a stream of bytes into a flash area from some sector on. The first bytes of the area are
 * written last, by `writeHead`, so that a bootloader never takes a part of an image for one. Each sector is erased when the
 * stream enters it. Whole write units go to the flash at once; only a tail shorter than one is
 * kept in memory.
 */
export class SectorWriter {
  readonly #area: FlashArea;
  readonly #head: Uint8Array = new Uint8Array(SECTOR_WRITER_HEAD_BYTES);
  readonly #tail: Uint8Array;
  #tailBytes = 0;
  /** How far the bytes are in the flash: a multiple of the write alignment. */
  #flushed: number;
  /** The end of the sector being written; what is before it has been erased. */
  #erasedTo: number;

  /** Starts at `offset`, which must be the start of a sector; `head` is how the area begins. */
  constructor(area: FlashArea, offset: number, head: Uint8Array = new Uint8Array(0)) {
    this.#area = area;
    this.#head.set(head.subarray(0, SECTOR_WRITER_HEAD_BYTES));
    this.#tail = new Uint8Array(area.writeAlignBytes);
    this.#flushed = offset;
    this.#erasedTo = offset;
  }

  /** How many bytes have been taken, counted from the start of the area. */
  get offset(): number {
    return this.#flushed + this.#tailBytes;
  }

  /** Whether the next byte enters a sector. */
  get isAtSector(): boolean {
    return this.offset === this.#erasedTo;
  }

  /** Erases the sector that the next byte enters. */
  enterSector(): Verdict<void, FlashRejectCode> {
    const sector = sectorAt(this.#area, this.offset);
    const erased = this.#area.erase(sector.offset, sector.sizeBytes);
    if (erased.ok) this.#erasedTo = sector.offset + sector.sizeBytes;
    return erased;
  }

  /**
   * Takes bytes up to the end of the sector; answers how many. After a refusal it is not known
   * what the sector holds: call `rewind`.
   */
  write(data: Uint8Array): Verdict<number, FlashRejectCode> {
    const taken = data.subarray(0, this.#erasedTo - this.offset);
    let rest = taken;
    if (this.offset === 0) {
      if (taken.byteLength < SECTOR_WRITER_HEAD_BYTES) throw new RangeError('a head in two parts');
      this.#head.set(taken.subarray(0, SECTOR_WRITER_HEAD_BYTES));
      this.#flushed = SECTOR_WRITER_HEAD_BYTES;
      rest = taken.subarray(SECTOR_WRITER_HEAD_BYTES);
    }
    if (this.#tailBytes > 0) {
      const filling = rest.subarray(0, this.#tail.byteLength - this.#tailBytes);
      this.#tail.set(filling, this.#tailBytes);
      this.#tailBytes += filling.byteLength;
      rest = rest.subarray(filling.byteLength);
      if (this.#tailBytes < this.#tail.byteLength) return accept(taken.byteLength);
      const filled = this.#flush(this.#tail);
      if (!filled.ok) return filled;
      this.#tailBytes = 0;
    }
    const whole = rest.byteLength - (rest.byteLength % this.#tail.byteLength);
    const written = this.#flush(rest.subarray(0, whole));
    if (!written.ok) return written;
    this.#tail.set(rest.subarray(whole));
    this.#tailBytes = rest.byteLength - whole;
    return accept(taken.byteLength);
  }

  /** Writes the tail, padded with what reads as erased. Only `writeHead` may follow. */
  finish(): Verdict<void, FlashRejectCode> {
    if (this.#tailBytes === 0) return DONE;
    const padded = this.#tail.slice().fill(this.#area.erasedValue, this.#tailBytes);
    return this.#area.write(this.#flushed, padded);
  }

  /** Writes what was kept back: from here on the area holds an image. */
  writeHead(): Verdict<void, FlashRejectCode> {
    return this.#area.write(0, this.#head);
  }

  /** Goes back to the start of the sector being written, to erase it again. */
  rewind(): void {
    if (this.isAtSector) return;
    this.#flushed = sectorAt(this.#area, this.#erasedTo - 1).offset;
    this.#tailBytes = 0;
    this.#erasedTo = this.#flushed;
  }

  /** Whether the bytes taken so far are exactly these. */
  holds(data: Uint8Array): boolean {
    if (data.byteLength !== this.offset) return false;
    const inFlash = this.#area.read(0, this.#flushed);
    return data.every((byte, at) => {
      if (at < SECTOR_WRITER_HEAD_BYTES) return byte === this.#head[at];
      return byte === (at < this.#flushed ? inFlash[at] : this.#tail[at - this.#flushed]);
    });
  }

  #flush(bytes: Uint8Array): Verdict<void, FlashRejectCode> {
    if (bytes.byteLength === 0) return DONE;
    const written = this.#area.write(this.#flushed, bytes);
    if (written.ok) this.#flushed += bytes.byteLength;
    return written;
  }
}

/** The sector that holds an offset of the area. */
export function sectorAt(area: FlashArea, offset: number): FlashSector {
  const found = area.sectors.findLast((sector) => sector.offset <= offset);
  if (found === undefined || offset >= found.offset + found.sizeBytes) {
    throw new RangeError(`offset ${offset} is in no sector of ${area.name}`);
  }
  return found;
}
