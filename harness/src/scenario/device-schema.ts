import * as v from 'valibot';
import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import { DEVICE_MODEL_NAMES, type DeviceModelName } from '../board/device-model.js';
import { BEHAVIOUR_NAMES, type BehaviourName } from '../board/named-behaviour.js';
import { faultSchema, type PhasedFaultDocument } from '../fault/fault-schema.js';
import {
  countSchema,
  durationSchema,
  imageSchema,
  key,
  oneOrSeveral,
  sizeSchema,
  type OneOrSeveral,
} from './schema-words.js';

/** How a virtual board can be reached. */
export type LinkKind = 'serial' | 'tcp' | 'mqtt';
/** How a virtual board can be reached. */
export const LINK_KINDS: readonly LinkKind[] = ['serial', 'tcp', 'mqtt'];

/** The part of a scenario that says which board it is made for. */
export interface DeviceDocument {
  readonly model?: OneOrSeveral<DeviceModelName>;
  readonly link?: OneOrSeveral<LinkKind>;
  readonly strategy?: OneOrSeveral<StrategyName>;
  readonly seed?: number;
  readonly keys?: readonly string[];
  readonly 'security-counter'?: number | 'none';
  readonly agent?: 'verifying' | 'trusting';
  readonly behaviour?: BehaviourName;
  readonly 'confirm-by'?: 'self-test' | 'request';
  readonly trial?: { readonly settle?: string; readonly timeout?: string };
  readonly 'buffer-size'?: number | string;
  readonly 'second-image'?: string;
  readonly faults?: readonly PhasedFaultDocument[];
}

const KEYS_MAX = 16;
const FAULTS_MAX = 16;

/** The schema of `device`. */
export const deviceSchema: v.GenericSchema<DeviceDocument> = v.strictObject({
  model: key(
    oneOrSeveral(v.picklist(DEVICE_MODEL_NAMES), DEVICE_MODEL_NAMES.length),
    'The kind of board; the scenario runs once on each. nrf-equal unless told.',
  ),
  link: key(
    oneOrSeveral(v.picklist(LINK_KINDS), LINK_KINDS.length),
    'How the board is reached: its console as a serial port or over TCP, or a broker. The ' +
      'scenario runs once over each. serial unless told.',
  ),
  strategy: key(
    oneOrSeveral(v.picklist(STRATEGY_NAMES), STRATEGY_NAMES.length),
    'How the bootloader upgrades; the scenario runs once with each that the model can do. ' +
      'direct-xip unless told.',
  ),
  seed: key(countSchema, 'Equal seeds tell equal stories; 1 unless told.'),
  keys: key(
    v.pipe(
      v.array(imageSchema),
      v.minLength(1, 'at least one'),
      v.maxLength(KEYS_MAX, `at most ${KEYS_MAX}`),
    ),
    'PEM files of the keys that bootloader and agent trust, as paths from this file. The test ' +
      'keys of the samples unless told.',
  ),
  'security-counter': key(
    v.union([countSchema, v.literal('none')]),
    'What the security counter starts at, or none on a board without one; 0 unless told.',
  ),
  agent: key(
    v.picklist(['verifying', 'trusting']),
    'A trusting agent marks any image, so that the bootloader alone must refuse it.',
  ),
  behaviour: key(v.picklist(BEHAVIOUR_NAMES), 'How all firmware behaves, whatever its image says.'),
  'confirm-by': key(
    v.picklist(['self-test', 'request']),
    "Who confirms a new image: the board's own self-test, or only a request from outside.",
  ),
  trial: key(
    v.strictObject({
      settle: key(durationSchema, 'How long a new image runs before it is confirmed; 1 s.'),
      timeout: key(durationSchema, 'When a trial that has not proved itself fails; 60 s.'),
    }),
    'How long a trial may take, in board time.',
  ),
  'second-image': key(
    imageSchema,
    'What the second image of nrf-dual leaves the factory with; a sample, 1.0.0, unless told.',
  ),
  faults: key(
    v.pipe(
      v.array(faultSchema),
      v.minLength(1, 'at least one'),
      v.maxLength(FAULTS_MAX, `at most ${FAULTS_MAX}`),
    ),
    'Faults that the flash has from the first moment.',
  ),
  'buffer-size': key(sizeSchema, 'The largest SMP message the board takes; 4KiB unless told.'),
});
