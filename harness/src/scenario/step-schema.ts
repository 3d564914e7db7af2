import * as v from 'valibot';
import {
  cutSchema,
  faultSchema,
  type CutDocument,
  type PhasedFaultDocument,
} from '../fault/fault-schema.js';
import {
  expectSchema,
  waitUntilSchema,
  type ConditionsDocument,
  type WaitUntilDocument,
} from './condition-schema.js';
import {
  described,
  durationSchema,
  imageSchema,
  key,
  proseSchema,
  refusalsSchema,
  sizeSchema,
  type OneOrSeveral,
} from './schema-words.js';

/** An upload as it is written, when it is more than an image. */
export interface UploadDocument {
  readonly image: string;
  readonly to?: number;
  readonly truncate?: number | string;
  readonly 'tamper-at'?: number | string;
  readonly 'stop-after'?: number | string;
  readonly 'upgrade-only'?: boolean;
  readonly resumes?: boolean | number | string;
  readonly refused?: OneOrSeveral<string>;
}

/** A request about one image, as it is written. */
export interface ImageRequestDocument {
  readonly image?: string;
  readonly refused?: OneOrSeveral<string>;
}

/** An erase request, as it is written. */
export interface EraseDocument {
  readonly slot?: number;
  readonly refused?: OneOrSeveral<string>;
}

/** A reset, as it is written. */
export interface ResetDocument {
  readonly refused?: OneOrSeveral<string>;
}

/** One step as it is written: exactly one of these keys. */
export interface StepDocument {
  readonly start?: string;
  readonly power?: 'on' | 'off' | { readonly cut: CutDocument };
  readonly link?: 'up' | 'down';
  readonly fault?: 'off' | PhasedFaultDocument;
  readonly upload?: string | UploadDocument;
  readonly test?: string | ImageRequestDocument;
  readonly confirm?: string | ImageRequestDocument;
  readonly erase?: 'other' | EraseDocument;
  readonly reset?: 'software' | 'pin' | ResetDocument;
  readonly wait?: string;
  readonly 'wait-until'?: WaitUntilDocument;
  readonly expect?: ConditionsDocument;
  readonly note?: string;
}

const SLOT_MAX = 255;
const IMAGE_MAX = 255;
const REFUSED =
  'The step holds only if it is refused with this code, or one of these: image:no-free-slot, ' +
  'smp:busy, 64:1, smp-timeout. unreachable: nobody answered. any: whatever the code.';

const powerSchema = v.union([
  v.picklist(['on', 'off']),
  v.strictObject({
    cut: described(cutSchema, 'Arms a power cut that happens during the steps that follow.'),
  }),
]);

const uploadSchema: v.GenericSchema<UploadDocument> = v.strictObject({
  image: described(imageSchema, 'A sample by name, or a path from this file (with a slash).'),
  to: key(
    v.pipe(v.number(), v.integer('a whole number'), v.minValue(0), v.maxValue(IMAGE_MAX)),
    'Which image of the device it is to become: 1 is the second one. 0 unless told.',
  ),
  truncate: key(sizeSchema, 'Uploads only so much of the image, as if it were all.'),
  'tamper-at': key(sizeSchema, 'Inverts the byte at this offset before the upload.'),
  'stop-after': key(sizeSchema, 'Stops the upload once the device has so much of it.'),
  'upgrade-only': key(v.boolean(), 'Asks the device to refuse what is not newer.'),
  resumes: key(
    v.union([v.boolean(), sizeSchema]),
    'Whether the device has to go on with what it already has; or the very offset.',
  ),
  refused: key(refusalsSchema, REFUSED),
});

const requestSchema: v.GenericSchema<ImageRequestDocument> = v.strictObject({
  image: key(imageSchema, 'The image that is meant, unless it is the usual one.'),
  refused: key(refusalsSchema, REFUSED),
});

const eraseSchema = v.union([
  v.picklist(['other']),
  v.strictObject({
    slot: key(
      v.pipe(v.number(), v.integer('a whole number'), v.minValue(0), v.maxValue(SLOT_MAX)),
      'The slot to erase; the one that does not run unless told.',
    ),
    refused: key(refusalsSchema, REFUSED),
  }),
]);

const resetSchema = v.union([
  v.picklist(['software', 'pin']),
  v.strictObject({ refused: key(refusalsSchema, REFUSED) }),
]);

/** The schema of one step. */
export const stepSchema: v.GenericSchema<StepDocument> = v.pipe(
  v.strictObject({
    start: key(
      imageSchema,
      'The firmware the board leaves the factory with: a new board is made and switched on. A ' +
        'real device is only checked to run it. The first step, and only that.',
    ),
    power: key(powerSchema, 'Switches the power on or off, or arms a cut. Virtual boards only.'),
    fault: key(
      v.union([v.picklist(['off']), faultSchema]),
      'Switches on a fault of the flash that stays, or with off all of them off. Virtual boards ' +
        'only.',
    ),
    link: key(
      v.picklist(['up', 'down']),
      'Takes the serial port, or the connection to the broker, away and brings it back. Virtual ' +
        'boards only.',
    ),
    upload: key(
      v.union([imageSchema, uploadSchema]),
      'Uploads an image into the slot that does not run.',
    ),
    test: key(
      v.union([imageSchema, requestSchema]),
      'Lets an image boot next, on trial; uploaded stands for the one last uploaded.',
    ),
    confirm: key(
      v.union([imageSchema, requestSchema]),
      'Confirms an image for good: running for the one that runs, uploaded for the one last ' +
        'uploaded, or a name or path.',
    ),
    erase: key(eraseSchema, 'Erases a slot: other for the one that does not run.'),
    reset: key(
      resetSchema,
      'Resets the device: software asks it to, pin presses the button of a virtual board.',
    ),
    wait: key(durationSchema, 'Lets board time pass.'),
    'wait-until': key(waitUntilSchema, 'Lets board time pass until all of this holds.'),
    expect: key(expectSchema, 'Holds only if all of this holds now.'),
    note: key(proseSchema, 'Says something in the report.'),
  }),
  v.check(
    (step) => Object.keys(step).length === 1,
    'has to hold exactly one step; begin each with a dash',
  ),
  v.metadata({ minProperties: 1, maxProperties: 1 }),
);
