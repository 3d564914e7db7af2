import { reject } from '@brickproof/bootloader-sim';
import type { FlashArea, FlashRejectCode, FlashSector, Verdict } from '@brickproof/bootloader-sim';

const PIECE_BYTES = 4096;

/**
 * Stands in for a slot that the disk does not give back: it reads as erased, so that nobody finds
 * an image there, and takes no change, so that nobody erases one that may be read again later.
 */
export class UnreadableSlot implements FlashArea {
  readonly name: string;
  readonly flashOffset: number;
  readonly sizeBytes: number;
  readonly sectors: readonly FlashSector[];
  readonly writeAlignBytes: number;
  readonly erasedValue: number;

  constructor(area: FlashArea) {
    this.name = area.name;
    this.flashOffset = area.flashOffset;
    this.sizeBytes = area.sizeBytes;
    this.sectors = area.sectors;
    this.writeAlignBytes = area.writeAlignBytes;
    this.erasedValue = area.erasedValue;
  }

  read(_offset: number, lengthBytes: number): Uint8Array {
    return new Uint8Array(lengthBytes).fill(this.erasedValue);
  }

  *chunks(offset: number, lengthBytes: number): Iterable<Uint8Array> {
    for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
      yield this.read(offset + done, Math.min(PIECE_BYTES, lengthBytes - done));
    }
  }

  write(): Verdict<void, FlashRejectCode> {
    return reject('flash-write-failed', `${this.name} could not be read when the agent started`);
  }

  erase(): Verdict<void, FlashRejectCode> {
    return reject('flash-erase-failed', `${this.name} could not be read when the agent started`);
  }
}
