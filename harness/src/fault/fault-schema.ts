import type { EraseEffect, FlashOperation } from '@brickproof/bootloader-sim';
import * as v from 'valibot';
import {
  countSchema,
  described,
  durationSchema,
  key,
  sizeSchema,
} from '../scenario/schema-words.js';
import {
  ERASE_EFFECTS,
  WRITE_EFFECT_FORM,
  WRITE_EFFECT_PATTERN,
  parseWriteEffect,
} from './effect-text.js';

/** When in the life of a board its flash is at work. */
export type CutPhase = 'upload' | 'mark' | 'boot' | 'confirm';

/** What is struck, when, and what is left of it, as it is written down. */
export interface StruckDocument {
  readonly operation?: number;
  readonly rate?: number;
  readonly on?: FlashOperation['kind'];
  readonly at?: number | string;
  readonly length?: number | string;
  readonly write?: string;
  readonly erase?: EraseEffect;
}

/** The same in a scenario, where there are phases. */
export interface PhasedDocument extends StruckDocument {
  readonly during?: CutPhase;
}

/** A power cut of a scenario, as it is written down. */
export interface CutDocument extends PhasedDocument {
  readonly after?: string;
}

/** Sectors that wear out, as they are written down. */
export interface WornOutDocument {
  readonly at: number | string;
  readonly length?: number | string;
  readonly erases?: number;
  readonly write?: string;
  readonly erase?: EraseEffect;
}

/** A bit that flips, as it is written down. */
export interface FlippedBitDocument {
  readonly at: number | string;
  readonly length?: number | string;
  readonly bit?: number;
  readonly operation?: number;
}

/** A fault as it is written down: exactly one of these. */
export interface FaultDocument {
  readonly 'power-cut'?: StruckDocument;
  readonly failure?: StruckDocument;
  readonly 'worn-out'?: WornOutDocument;
  readonly 'flipped-bit'?: FlippedBitDocument;
}

/** A fault of a scenario as it is written down: exactly one of these. */
export interface PhasedFaultDocument extends Omit<FaultDocument, 'power-cut'> {
  readonly failure?: PhasedDocument;
}

const PHASES: readonly CutPhase[] = ['upload', 'mark', 'boot', 'confirm'];
const OPERATION_MAX = 10_000_000;
const RATE_MIN = 0.000_001;
const BIT_MAX = 7;
const PLACE_FORM = 'a place such as slot1, slot1+0x1000 or 0x82000';
const ONE_MOMENT = 'takes either operation or rate; a rate of 1 is every one';
const LOOSE_LENGTH = 'has a length without a place; name it with at';

const operationSchema: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.integer('a whole number'),
  v.minValue(1),
  v.maxValue(OPERATION_MAX),
);

const placeSchema: v.GenericSchema<number | string> = v.union([
  v.pipe(v.number(), v.integer(PLACE_FORM), v.minValue(0)),
  v.pipe(
    v.string(),
    v.regex(
      /^([a-z][a-z0-9]{0,15}(\+(0x[0-9a-fA-F]{1,8}|\d{1,9})([kKmM][iI][bB])?)?|(0x[0-9a-fA-F]{1,8}|\d{1,9})([kKmM][iI][bB])?)$/,
      PLACE_FORM,
    ),
    v.examples(['slot1', 'slot1+0x1000', '0x82000']),
  ),
]);

const writeEffectSchema: v.GenericSchema<string> = v.pipe(
  v.string(WRITE_EFFECT_FORM),
  v.regex(WRITE_EFFECT_PATTERN, ({ input }) => {
    const parsed = parseWriteEffect(input);
    return parsed.ok ? WRITE_EFFECT_FORM : `an effect; ${parsed.detail}`;
  }),
  v.examples(['untouched', 'prefix:1', 'one-bit-short', 'unstable', 'applied']),
);

const eraseEffectSchema: v.GenericSchema<EraseEffect> = v.picklist(ERASE_EFFECTS);

const AT =
  'Where: an area of the flash (bootloader, slot0, slot1, store), a place in one, or an address.';
const LENGTH =
  'How many bytes from there on; to the end of an area that is named, else 1, unless told.';
const WRITE =
  'What is left of it, if it is a write: untouched, prefix:WORDS, one-bit-short (or :WORD.BIT), ' +
  'unstable (or :WORD+WORDS; reads differ until it is erased), applied.';
const ERASE = 'What is left of it, if it is an erase: untouched, weak (reads differ), applied.';

function struckEntries() {
  return {
    operation: key(
      operationSchema,
      'Strikes once, at the n-th of the operations that count, the next one being 1.',
    ),
    rate: key(
      v.pipe(v.number(), v.minValue(RATE_MIN), v.maxValue(1)),
      'Strikes each of the operations that count with this probability, from the seed.',
    ),
    on: key(v.picklist(['write', 'erase']), 'Counts only these; both unless told.'),
    at: key(placeSchema, `${AT} Counts only operations that touch it.`),
    length: key(sizeSchema, LENGTH),
    write: key(writeEffectSchema, `${WRITE} Unless told, untouched.`),
    erase: key(eraseEffectSchema, `${ERASE} Unless told, untouched.`),
  };
}

function phasedEntries() {
  return {
    ...struckEntries(),
    during: key(
      v.picklist(PHASES),
      'Counts only operations of this phase: upload, mark (a slot is set to boot or confirmed by ' +
        'request), boot (the bootloader runs), confirm (a trial confirms itself).',
    ),
  };
}

const struckSchema: v.GenericSchema<StruckDocument> = v.pipe(
  v.strictObject(struckEntries()),
  v.check(hasOneMoment, ONE_MOMENT),
  v.check(hasNoLooseLength, LOOSE_LENGTH),
);

const failureSchema: v.GenericSchema<PhasedDocument> = v.pipe(
  v.strictObject(phasedEntries()),
  v.check(hasOneMoment, ONE_MOMENT),
  v.check(hasNoLooseLength, LOOSE_LENGTH),
  v.metadata({
    oneOf: [{ required: ['operation'] }, { required: ['rate'] }],
    dependencies: { length: ['at'] },
  }),
);

/** The schema of a power cut in a scenario. */
export const cutSchema: v.GenericSchema<CutDocument> = v.pipe(
  v.strictObject({
    ...phasedEntries(),
    after: key(durationSchema, 'The power goes when so much board time has passed from now on.'),
  }),
  v.check(isOneCut, 'takes one of operation, rate and after, and after stands alone'),
  v.check(hasNoLooseLength, LOOSE_LENGTH),
  v.metadata({
    oneOf: [
      {
        required: ['operation'],
        not: { anyOf: [{ required: ['after'] }, { required: ['rate'] }] },
      },
      {
        required: ['rate'],
        not: { anyOf: [{ required: ['after'] }, { required: ['operation'] }] },
      },
      { required: ['after'], maxProperties: 1 },
    ],
    dependencies: { length: ['at'] },
  }),
);

const wornOutSchema: v.GenericSchema<WornOutDocument> = v.strictObject({
  at: described(placeSchema, `${AT} Each sector that it touches wears out.`),
  length: key(sizeSchema, LENGTH),
  erases: key(countSchema, 'How many more erases a sector takes before it fails; 0 unless told.'),
  write: key(writeEffectSchema, `${WRITE} Unless told, unstable.`),
  erase: key(eraseEffectSchema, `${ERASE} Unless told, weak.`),
});

const flippedBitSchema: v.GenericSchema<FlippedBitDocument> = v.strictObject({
  at: described(placeSchema, `${AT} Of several bytes one is chosen from the seed.`),
  length: key(sizeSchema, LENGTH),
  bit: key(
    v.pipe(v.number(), v.integer('a whole number'), v.minValue(0), v.maxValue(BIT_MAX)),
    'The bit, 0 being the lowest; chosen from the seed unless told.',
  ),
  operation: key(
    operationSchema,
    'Flips before the n-th operation from now on, the next one being 1; at once unless told.',
  ),
});

function otherEntries() {
  return {
    'worn-out': key(wornOutSchema, 'Sectors that take so many erases and then fail.'),
    'flipped-bit': key(flippedBitSchema, 'A bit that flips, until its sector is erased.'),
  };
}

/** The schema of a fault in a scenario, where power cuts are steps of their own. */
export const faultSchema: v.GenericSchema<PhasedFaultDocument> = v.pipe(
  v.strictObject({
    failure: key(failureSchema, 'Operations of the flash fail, and say so.'),
    ...otherEntries(),
  }),
  v.check(isOneFault, 'has to hold exactly one fault'),
  v.metadata({ minProperties: 1, maxProperties: 1 }),
);

/** The schema of a fault of a board that no scenario is told to. */
export const boardFaultSchema: v.GenericSchema<FaultDocument> = v.pipe(
  v.strictObject({
    'power-cut': key(struckSchema, 'The power goes in an operation of the flash.'),
    failure: key(struckSchema, 'Operations of the flash fail, and say so.'),
    ...otherEntries(),
  }),
  v.check(isOneFault, 'has to hold exactly one fault'),
);

function hasOneMoment({ operation, rate }: StruckDocument): boolean {
  return (operation === undefined) !== (rate === undefined);
}

function hasNoLooseLength({ at, length }: StruckDocument): boolean {
  return length === undefined || at !== undefined;
}

function isOneCut(cut: CutDocument): boolean {
  if (cut.after === undefined) return hasOneMoment(cut);
  return Object.keys(cut).length === 1;
}

function isOneFault(fault: object): boolean {
  return Object.keys(fault).length === 1;
}
