import type { FlashArea } from '@brickproof/bootloader-sim';

/** What a boot may do at most. */
export interface BootLimits {
  readonly reads: number;
  readonly changes: number;
}

/** Counts what is done in the areas of a board, and throws when it is too much. */
export class BootMeter {
  readonly #limits: BootLimits;
  reads = 0;
  changes = 0;

  constructor(limits: BootLimits) {
    this.#limits = limits;
  }

  /** A boot begins. */
  reset(): void {
    this.reads = 0;
    this.changes = 0;
  }

  countRead(): void {
    this.reads += 1;
    if (this.reads > this.#limits.reads) throw new RangeError(`more than ${this.reads - 1} reads`);
  }

  countChange(): void {
    this.changes += 1;
    if (this.changes > this.#limits.changes) {
      throw new RangeError(`more than ${this.changes - 1} writes and erases`);
    }
  }
}

/**
 * An area that throws for whatever is asked of it outside of its bounds or its alignment, where the
 * flash itself would answer with a refusal that nobody need look at.
 */
export function strictArea(area: FlashArea, meter: BootMeter): FlashArea {
  const { sizeBytes, writeAlignBytes, sectors } = area;
  const check = (verb: string, offset: number, lengthBytes: number): void => {
    const isWhole = Number.isSafeInteger(offset) && Number.isSafeInteger(lengthBytes);
    if (isWhole && offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= sizeBytes) return;
    throw new RangeError(`${verb} of ${lengthBytes} bytes at ${offset} of ${area.name}`);
  };
  const isBoundary = (offset: number): boolean =>
    offset === sizeBytes || sectors.some((sector) => sector.offset === offset);
  return {
    ...{ name: area.name, flashOffset: area.flashOffset, sizeBytes, writeAlignBytes, sectors },
    erasedValue: area.erasedValue,
    read: (offset, lengthBytes) => {
      check('read', offset, lengthBytes);
      meter.countRead();
      return area.read(offset, lengthBytes);
    },
    chunks: (offset, lengthBytes) => {
      check('read', offset, lengthBytes);
      meter.countRead();
      return area.chunks(offset, lengthBytes);
    },
    write: (offset, data) => {
      check('write', offset, data.byteLength);
      if (offset % writeAlignBytes !== 0 || data.byteLength % writeAlignBytes !== 0) {
        throw new RangeError(`write of ${data.byteLength} bytes at ${offset} of ${area.name}`);
      }
      meter.countChange();
      return area.write(offset, data);
    },
    erase: (offset, lengthBytes) => {
      check('erase', offset, lengthBytes);
      if (!isBoundary(offset) || !isBoundary(offset + lengthBytes)) {
        throw new RangeError(`erase of ${lengthBytes} bytes at ${offset} of ${area.name}`);
      }
      meter.countChange();
      return area.erase(offset, lengthBytes);
    },
  };
}
