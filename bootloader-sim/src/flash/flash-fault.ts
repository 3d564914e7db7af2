import { DONE, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import type { EraseEffect, FlashOperation, WriteEffect } from './fault.js';

/** A fault that stays with a flash until it is spent or switched off; see `FlashFaults`. */
export type FlashFault = InterruptingFault | WornOutFault | FlippedBitFault;

/** Bytes of a flash. */
export interface FlashRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** When an operation is struck: once, at the n-th that counts; or each that counts, by chance. */
export type FaultMoment =
  | { readonly kind: 'operation'; readonly number: number }
  /** From 0, never, to 1, always. */
  | { readonly kind: 'rate'; readonly rate: number };

/** The power goes in an operation, or the operation fails and says so. */
export interface InterruptingFault {
  readonly kind: 'power-cut' | 'failure';
  readonly when: FaultMoment;
  /** Which operations count; all unless told. */
  readonly on?: FlashOperation['kind'];
  /** Only operations that touch this count. */
  readonly range?: FlashRange;
  /** Only operations of which this is true count. */
  readonly counts?: (operation: FlashOperation) => boolean;
  /** What is left of a write that is struck. */
  readonly write: WriteEffect;
  /** What is left of an erase that is struck. */
  readonly erase: EraseEffect;
}

/** The sectors that a range touches take so many erases; from then on erases and writes fail. */
export interface WornOutFault {
  readonly kind: 'worn-out';
  readonly range: FlashRange;
  readonly erases: number;
  readonly write: WriteEffect;
  readonly erase: EraseEffect;
}

/** A bit flips, once: `NorFlash.flipBit`. */
export interface FlippedBitFault {
  readonly kind: 'flipped-bit';
  /** The byte; by chance one of these, when there are several. */
  readonly range: FlashRange;
  /** 0, the lowest, to 7; one by chance unless told. */
  readonly bit?: number;
  /** Before the n-th operation from now, the next one being 1; at once unless told. */
  readonly beforeOperation?: number;
}

const BIT_MAX = 7;

/** Refuses a fault that a flash of this size cannot have. */
export function checkFault(
  fault: FlashFault,
  flashSizeBytes: number,
): Verdict<void, FlashRejectCode> {
  const refuse = (detail: string): Verdict<void, FlashRejectCode> =>
    reject('flash-fault-invalid', detail);
  const { range } = fault;
  if (range !== undefined && !isInside(range, flashSizeBytes)) {
    return refuse(
      `${range.lengthBytes} bytes at ${range.offset} in a flash of ${flashSizeBytes} bytes`,
    );
  }
  if (fault.kind === 'worn-out') {
    return isCount(fault.erases, 0) ? DONE : refuse(`a sector that takes ${fault.erases} erases`);
  }
  if (fault.kind === 'flipped-bit') {
    const { bit = 0, beforeOperation = 1 } = fault;
    if (!isCount(bit, 0) || bit > BIT_MAX) return refuse(`bit ${bit}, expected 0 to ${BIT_MAX}`);
    return isCount(beforeOperation, 1)
      ? DONE
      : refuse(`a flip before operation ${beforeOperation}`);
  }
  const { when } = fault;
  if (when.kind === 'operation') {
    return isCount(when.number, 1) ? DONE : refuse(`operation ${when.number}, the first is 1`);
  }
  return when.rate >= 0 && when.rate <= 1 ? DONE : refuse(`a rate of ${when.rate}, at most 1`);
}

/** Whether two ranges have a byte in common. */
export function touches(a: FlashRange, b: FlashRange): boolean {
  return a.offset < b.offset + b.lengthBytes && b.offset < a.offset + a.lengthBytes;
}

function isInside({ offset, lengthBytes }: FlashRange, sizeBytes: number): boolean {
  return isCount(offset, 0) && isCount(lengthBytes, 1) && offset + lengthBytes <= sizeBytes;
}

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}
