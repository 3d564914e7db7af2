import type { ImageSource } from '../image/image-source.js';
import type { FlashRejectCode, Verdict } from '../verdict.js';
import type { SectorCopy } from './nor-flash.js';

/** One erase unit. The offset counts from the start of what holds it: the flash, or an area. */
export interface FlashSector {
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * A named part of a flash. Offsets count from the start of the area. Reads outside of it are our
 * own mistake and throw; writes and erases that the flash refuses are values.
 */
export interface FlashArea extends ImageSource {
  readonly name: string;
  /** Where the area starts in the flash. */
  readonly flashOffset: number;
  readonly sectors: readonly FlashSector[];
  /** What is really erased at a time, where several of these are treated as one sector. */
  readonly eraseUnits?: readonly FlashSector[];
  /** Writes start at, and are as long as, multiples of this. */
  readonly writeAlignBytes: number;
  /** What an erased byte reads as: 0xff or 0x00. */
  readonly erasedValue: number;
  write(offset: number, data: Uint8Array): Verdict<void, FlashRejectCode>;
  /** Erases whole sectors; the range must start and end on sector boundaries. */
  erase(offset: number, lengthBytes: number): Verdict<void, FlashRejectCode>;
  /**
   * Copies whole sectors from an area of the same flash onto erased ones, where that can be done
   * without moving bytes; false when it cannot, with nothing done. It is what `write` would do.
   */
  copySectorsFrom?(source: FlashArea, range: SectorCopy): boolean;
}
