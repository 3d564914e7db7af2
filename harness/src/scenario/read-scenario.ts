import { dirname, resolve } from 'node:path';
import { readYamlDocument, type DocumentPath } from '@brickproof/agent/node';
import type { DeviceDocument } from './device-schema.js';
import { readDurationMs, readSizeBytes, readStep, toList } from './read-step.js';
import type { Scenario, ScenarioBoard, ScenarioProblem } from './scenario.js';
import { scenarioSchema } from './scenario-schema.js';
import { RUNNING_IMAGE, UPLOADED_IMAGE, type Step, type StepAction } from './step.js';

const SEED_DEFAULT = 1;
const BUFFER_BYTES_MIN = 256;
const BUFFER_BYTES_MAX = 65_535;
/** No wait and no limit is longer: a scenario is a test, not a deployment. */
const DURATION_MS_MAX = 3_600_000;

/** A scenario, or everything that is wrong with its file. */
export type ReadScenario =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: readonly ScenarioProblem[] };

/** Reads the text of a scenario file; `file` is how problems call it, and where its paths start. */
export function readScenario(text: string, file: string): ReadScenario {
  if (text.trim() === '') {
    return { ok: false, problems: [{ file, line: 1, column: 1, sentence: 'the file is empty' }] };
  }
  const document = readYamlDocument(text, scenarioSchema);
  if (!document.ok) {
    return { ok: false, problems: document.problems.map((problem) => ({ file, ...problem })) };
  }
  const { name, description = '', device = {}, steps } = document.value;
  const scenario: Scenario = {
    name,
    description,
    file,
    folder: dirname(resolve(file)),
    models: unique(toList(device.model ?? 'nrf-equal')),
    links: unique(toList(device.link ?? 'serial')),
    strategies: unique(toList(device.strategy ?? 'direct-xip')),
    seed: device.seed ?? SEED_DEFAULT,
    board: readBoard(device, dirname(resolve(file))),
    steps: steps.map((step, index) => readStep(step, ['steps', index])),
    placeOf: (path) => document.placeOf(path),
  };
  const faults = [...checkBoard(scenario.board), ...checkSteps(scenario.steps)];
  if (faults.length === 0) return { ok: true, scenario };
  const problems = faults.map(({ path, sentence }) => ({
    file,
    ...document.placeOf(path),
    sentence,
  }));
  return { ok: false, problems };
}

interface Fault {
  readonly path: DocumentPath;
  readonly sentence: string;
}

function readBoard(device: DeviceDocument, folder: string): ScenarioBoard {
  const { trial, keys } = device;
  const bufferSize = device['buffer-size'];
  return {
    keyPaths: keys?.map((path) => resolve(folder, path)),
    securityCounter: device['security-counter'],
    agentVerifies: device.agent !== 'trusting',
    behaviour: device.behaviour,
    confirmsItself: device['confirm-by'] !== 'request',
    settleMs: trial?.settle === undefined ? undefined : readDurationMs(trial.settle),
    timeoutMs: trial?.timeout === undefined ? undefined : readDurationMs(trial.timeout),
    faults: device.faults ?? [],
    bufferSizeBytes: bufferSize === undefined ? undefined : readSizeBytes(bufferSize),
    secondImage: device['second-image'],
  };
}

function checkBoard({ bufferSizeBytes: size }: ScenarioBoard): readonly Fault[] {
  if (size === undefined || (size >= BUFFER_BYTES_MIN && size <= BUFFER_BYTES_MAX)) return [];
  const sentence = `"device.buffer-size" is ${size}, expected ${BUFFER_BYTES_MIN} to ${BUFFER_BYTES_MAX}`;
  return [{ path: ['device', 'buffer-size'], sentence }];
}

/** What no schema says: the order of the steps. */
function checkSteps(steps: readonly Step[]): readonly Fault[] {
  const faults: Fault[] = [];
  let uploaded = false;
  for (const [index, { action, path }] of steps.entries()) {
    if ((index === 0) !== (action.kind === 'start')) {
      const sentence =
        index === 0
          ? 'the first step has to be start: the firmware the device begins with'
          : 'start can only be the first step; to go on after a cut use "power: on"';
      faults.push({ path, sentence });
    }
    if (action.kind === 'upload') uploaded = true;
    const marks = action.kind === 'test' || action.kind === 'confirm';
    if (marks && action.image === UPLOADED_IMAGE && !uploaded) {
      const sentence = `nothing has been uploaded before this ${action.kind}; name an image`;
      faults.push({ path, sentence });
    }
    if (action.kind === 'test' && action.image === RUNNING_IMAGE) {
      faults.push({ path, sentence: 'what runs cannot be named so in a test; name its image' });
    }
    if (longestMs(action) > DURATION_MS_MAX) {
      faults.push({ path, sentence: 'no step may take longer than 60 min' });
    }
  }
  return faults;
}

function longestMs(action: StepAction): number {
  switch (action.kind) {
    case 'wait':
      return action.durationMs;
    case 'wait-until':
      return action.withinMs;
    case 'cut':
      return action.cut.kind === 'time' ? action.cut.afterMs : 0;
    default:
      return 0;
  }
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
