import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { deviceSchema, type DeviceDocument } from './device-schema.js';
import { described, key, proseSchema } from './schema-words.js';
import { stepSchema, type StepDocument } from './step-schema.js';

/** The most steps of one scenario. */
export const STEPS_MAX = 200;

/** A scenario as it is written. */
export interface ScenarioDocument {
  readonly name: string;
  readonly description?: string;
  readonly device?: DeviceDocument;
  readonly steps: readonly StepDocument[];
}

/** The schema of a scenario file. */
export const scenarioSchema: v.GenericSchema<ScenarioDocument> = v.pipe(
  v.strictObject({
    name: described(
      v.pipe(
        v.string(),
        v.regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'lower-case letters, digits and dashes'),
        v.examples(['failed-self-test']),
      ),
      'What the scenario is called: --only takes it, and reports show it.',
    ),
    description: key(proseSchema, 'What the scenario shows, in a sentence.'),
    device: key(deviceSchema, 'The board it runs on.'),
    steps: described(
      v.pipe(
        v.array(stepSchema),
        v.minLength(1, 'at least one step'),
        v.maxLength(STEPS_MAX, `at most ${STEPS_MAX} steps`),
      ),
      'What happens, one step after the other. The first one is start.',
    ),
  }),
  v.title('Brickproof scenario'),
  v.description('What is done to a device, and what it has to do. Run with: brickproof run FILE'),
);

/** The same as a JSON schema (draft-07), for editors. */
export function scenarioJsonSchema(): object {
  return toJsonSchema(scenarioSchema, { target: 'draft-07', ignoreActions: ['check'] });
}
