import * as v from 'valibot';
import type { TrialState } from '@brickproof/agent';
import type { BoardPower, ResetCause } from '../board/board-options.js';
import {
  consoleSchema,
  countSchema,
  durationSchema,
  key,
  refusalsSchema,
  versionSchema,
  type ConsoleText,
  type OneOrSeveral,
} from './schema-words.js';

/** What can be said about a device; all of it has to hold. */
export interface ConditionsDocument {
  readonly version?: string;
  readonly slot?: number;
  readonly confirmed?: boolean;
  readonly pending?: boolean;
  readonly 'other-version'?: string;
  readonly 'second-version'?: string;
  readonly trial?: TrialState;
  readonly power?: BoardPower;
  readonly 'reset-cause'?: ResetCause;
  readonly 'boot-count'?: number;
  readonly 'security-counter'?: number;
  readonly console?: OneOrSeveral<ConsoleText>;
  readonly 'not-console'?: OneOrSeveral<ConsoleText>;
  readonly refused?: OneOrSeveral<string>;
}

/** One of the things that can be said. */
export type ConditionKey = keyof ConditionsDocument;

/** What is waited for, and how long. */
export interface WaitUntilDocument extends ConditionsDocument {
  readonly within?: string;
}

const TRIAL_STATES: readonly TrialState[] = ['idle', 'testing', 'waiting', 'confirmed', 'failed'];
const POWERS: readonly BoardPower[] = ['off', 'starting', 'running', 'stuck'];
const RESET_CAUSES: readonly ResetCause[] = ['power-on', 'software', 'watchdog', 'fault', 'pin'];
const SLOT_MAX = 1;

function conditionEntries() {
  return {
    version: key(versionSchema, 'The version of the firmware that runs.'),
    slot: key(
      v.pipe(v.number(), v.integer('a whole number'), v.minValue(0), v.maxValue(SLOT_MAX)),
      'The slot that runs.',
    ),
    confirmed: key(v.boolean(), 'Whether the firmware that runs is confirmed.'),
    pending: key(v.boolean(), 'Whether the slot that does not run is set to boot next.'),
    'other-version': key(
      v.union([versionSchema, v.literal('none')]),
      'The version of the image in the slot that does not run; none when it holds no image.',
    ),
    'second-version': key(
      versionSchema,
      'The version of the second image that is there for the firmware that runs.',
    ),
    trial: key(
      v.picklist(TRIAL_STATES),
      'Where the trial of a new image stands; idle when what runs was confirmed before it ' +
        'started. Virtual boards only.',
    ),
    power: key(
      v.picklist(POWERS),
      'Whether the board runs; stuck when the bootloader found nothing to start. Virtual boards ' +
        'only.',
    ),
    'reset-cause': key(
      v.picklist(RESET_CAUSES),
      'Why the processor last started. Virtual boards only.',
    ),
    'boot-count': key(countSchema, 'How often the bootloader has run. Virtual boards only.'),
    'security-counter': key(countSchema, 'Where the security counter is. Virtual boards only.'),
    console: key(
      consoleSchema,
      'What stands in a console line that was printed since the scenario began: a part of the ' +
        'line, or matches with a regular expression; each of a list.',
    ),
    'not-console': key(consoleSchema, 'What stands in no console line so far.'),
  };
}

/** The schema of `expect`. */
export const expectSchema: v.GenericSchema<ConditionsDocument> = v.pipe(
  v.strictObject({
    ...conditionEntries(),
    refused: key(
      refusalsSchema,
      'The last refusal of the scenario, such as image:no-free-slot or smp-timeout.',
    ),
  }),
  v.check(saysSomething, 'has to say something about the device'),
  v.metadata({ minProperties: 1 }),
);

/** The schema of `wait-until`. */
export const waitUntilSchema: v.GenericSchema<WaitUntilDocument> = v.pipe(
  v.strictObject({
    ...conditionEntries(),
    within: key(durationSchema, 'How long it may take, in board time; 60 s unless told.'),
  }),
  v.check(
    ({ within, ...conditions }) => within !== '' && saysSomething(conditions),
    'has to say what is waited for',
  ),
  v.metadata({ minProperties: 1, not: { required: ['within'], maxProperties: 1 } }),
);

function saysSomething(conditions: object): boolean {
  return Object.keys(conditions).length > 0;
}
