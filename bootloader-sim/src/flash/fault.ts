import type { FlashRejectCode, Rejected } from '../verdict.js';
import { reject } from '../verdict.js';

/**
 * The fault model: what a flash may do instead of what it was told to.
 *
 * | what is left of a write | cells | reads afterwards |
 * | --- | --- | --- |
 * | untouched | as before | erased, and may be written |
 * | prefix | the first words are programmed | the first words, then erased |
 * | one bit short | all are programmed but one | all of it but one bit, at every read the same |
 * | unstable | half programmed | any mix of erased and written bits, another at each read |
 * | applied | all are programmed | all of it |
 *
 * | what is left of an erase | cells | reads afterwards |
 * | --- | --- | --- |
 * | untouched | as before | as before |
 * | weak | half erased | any mix of old and erased bits, another at each read |
 * | applied | all are erased | erased, and may be written |
 *
 * With any of these the power goes (nobody hears of it), or the flash reports a failure. A word
 * that is not untouched is never written again before its sector is erased, and only an erase that
 * is applied makes unstable cells stable. Beside interrupted operations there are standing faults,
 * `FlashFault`: writes and erases that fail and say so, sectors that are worn out, flipped bits.
 *
 * A cell that is not stable reads as programmed or as erased; the flash's `FlashNoise` decides
 * which. That takes in partial erases and torn words that do not flicker: they are what a noise
 * leaves that says the same at each read.
 */
export type FlashEffect = WriteEffect | EraseEffect;

/** What is left of a write; a row of the table at `FlashEffect`. */
export type WriteEffect = 'untouched' | WordPrefix | OneBitShort | UnstableWords | 'applied';

/** What is left of an erase; a row of the table at `FlashEffect`. */
export type EraseEffect = 'untouched' | 'weak' | 'applied';

/** The first words of a write are programmed, the others are untouched. */
export interface WordPrefix {
  readonly kind: 'prefix';
  readonly words: number;
}

/**
 * Everything is written but one bit of one word. Any two numbers name a bit: a word or a bit that
 * had nothing to program gives way to the next one that had.
 */
export interface OneBitShort {
  readonly kind: 'one-bit-short';
  /** Counted from the first word of the write, searched downwards; the last one unless told. */
  readonly word?: number;
  /** Bit 0 is the lowest of the word's first byte, searched upwards; bit 0 unless told. */
  readonly bit?: number;
}

/** Some words are unstable; those before them are programmed, those after them untouched. */
export interface UnstableWords {
  readonly kind: 'unstable';
  /** 0 unless told. */
  readonly firstWord?: number;
  /** How many; all that follow unless told. */
  readonly words?: number;
}

/** One write, or the erase of one sector, as it is about to happen. */
export interface FlashOperation {
  readonly kind: 'write' | 'erase';
  /** Counts all operations of this flash from 0. */
  readonly index: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * What becomes of an operation that does not simply succeed: this much of it takes effect; then
 * power is gone, or the flash reports a failure.
 */
export interface FlashInterruption {
  readonly kind: 'power-cut' | 'failure';
  /** What a write cannot come to is the nearest it can, `weak` is `unstable`; likewise an erase. */
  readonly effect: FlashEffect;
}

/** Sees each operation before it happens, and may interrupt it. */
export type FlashWatcher = (operation: FlashOperation) => FlashInterruption | undefined;

/**
 * What the unstable bits of one byte read as: a bit that is 1 reads as programmed, a bit that is 0
 * as erased. Asked for each byte at each read, with its offset in the flash.
 */
export type FlashNoise = (offset: number) => number;

/** Thrown out of a flash operation when the power goes: whatever was running no longer runs. */
export class PowerCut extends Error {
  readonly operation: FlashOperation;

  constructor(operation: FlashOperation) {
    super(`power cut during ${operation.kind} at 0x${operation.offset.toString(16)}`);
    this.name = 'PowerCut';
    this.operation = operation;
  }
}

const UNSTABLE: UnstableWords = { kind: 'unstable' };

/** The effect as a write has it. */
export function asWriteEffect(effect: FlashEffect): WriteEffect {
  return effect === 'weak' ? UNSTABLE : effect;
}

/** The effect as an erase has it: what is anything in between is weak. */
export function asEraseEffect(effect: FlashEffect): EraseEffect {
  return typeof effect === 'string' ? effect : 'weak';
}

const ERASE_EFFECTS: readonly EraseEffect[] = ['untouched', 'weak', 'applied'];

/**
 * Every row of the table that an operation may come to, for those who try them all: of the word
 * prefixes of a write at most so many, spread evenly; all of them unless told.
 */
export function effectsOf(
  operation: FlashOperation,
  options: { readonly writeAlignBytes: number; readonly prefixesMax?: number },
): readonly FlashEffect[] {
  if (operation.kind === 'erase') return ERASE_EFFECTS;
  const words = operation.lengthBytes / options.writeAlignBytes;
  if (words === 0) return ['applied'];
  const prefixes = Math.min(words - 1, options.prefixesMax ?? Infinity);
  const effects: WriteEffect[] = ['untouched'];
  for (let index = 1; index <= prefixes; index += 1) {
    effects.push({ kind: 'prefix', words: Math.ceil((index * words) / (prefixes + 1)) });
  }
  effects.push({ kind: 'one-bit-short' }, UNSTABLE, 'applied');
  return effects;
}

/** Ends an interrupted operation: by throwing when the power went, else with the flash's refusal. */
export function endInterrupted(
  operation: FlashOperation,
  interruption: FlashInterruption,
): Rejected<FlashRejectCode> {
  if (interruption.kind === 'power-cut') throw new PowerCut(operation);
  return reject(
    operation.kind === 'write' ? 'flash-write-failed' : 'flash-erase-failed',
    `the flash failed to ${operation.kind} at 0x${operation.offset.toString(16)}`,
  );
}
