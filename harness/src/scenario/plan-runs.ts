import { readFileText } from '../cli/files.js';
import { closestWord, loadVerificationKey, type DocumentPath } from '@brickproof/agent/node';
import {
  accept,
  reject,
  type StrategyName,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { builtInBoard, checkBoardStrategy } from '../board/board-definition.js';
import { DEVICE_MODELS, dividedFor, type DeviceModelName } from '../board/device-model.js';
import type { FaultDocument } from '../fault/fault-schema.js';
import { readFault } from '../fault/read-fault.js';
import { readSampleKeys } from '../samples/sample-set.js';
import type { LinkKind } from './device-schema.js';
import { ImageShelf } from './image-shelf.js';
import type { Scenario, ScenarioProblem } from './scenario.js';
import { secondImageOf, type ScenarioRun } from './scenario-run.js';
import { RUNNING_IMAGE, UPLOADED_IMAGE, type Step } from './step.js';
import { checkTargetFit } from './target-fit.js';
import type { TargetSpec } from '../target/target.js';

/** The most entries of all matrices together. */
export const RUNS_MAX = 1_024;

/** Which of the scenarios are wanted, on which boards. */
export interface RunFilter {
  readonly only: readonly string[];
  readonly model: DeviceModelName | undefined;
  readonly link: LinkKind | undefined;
  readonly strategy: StrategyName | undefined;
  readonly seed: number | undefined;
  /** A device that is not ours; undefined for virtual boards. */
  readonly target: TargetSpec | undefined;
}

/** What is to be run, or why it cannot be: in some files, or in what was asked for. */
export type RunPlan =
  | { readonly ok: true; readonly runs: readonly ScenarioRun[] }
  | { readonly ok: false; readonly problems: readonly ScenarioProblem[] }
  | { readonly ok: false; readonly problems: readonly []; readonly sentence: string };

/** Makes the list of runs, and reads every image and key they need. */
export function planRuns(scenarios: readonly Scenario[], filter: RunFilter): RunPlan {
  const unfit = checkNames(scenarios, filter.only) ?? checkFilter(filter);
  if (unfit !== undefined) return refusePlan(unfit);
  const wanted = scenarios.filter(
    ({ name }) => filter.only.length === 0 || filter.only.includes(name),
  );
  const problems: ScenarioProblem[] = [];
  const runs: ScenarioRun[] = [];
  for (const scenario of wanted) {
    if (filter.target !== undefined) problems.push(...checkTargetFit(scenario, filter.target));
    const keys = readKeys(scenario);
    if (!keys.ok) {
      problems.push(problemAt(scenario, ['device', 'keys'], keys.detail));
      continue;
    }
    const entries = entriesOf(scenario, filter);
    const possible = entries.filter(({ fault }) => fault === undefined);
    const [impossible] = possible.length > 0 ? [] : entries;
    if (impossible?.fault !== undefined) {
      problems.push(problemAt(scenario, ['device', 'strategy'], impossible.fault));
    }
    for (const { entry } of possible) {
      const run = { ...entry, scenario, keys: keys.value };
      problems.push(...checkImages(run), ...checkFaults(run));
      runs.push(run);
    }
  }
  if (problems.length > 0) return { ok: false, problems: uniqueProblems(problems) };
  if (runs.length === 0) return refusePlan(nothingFits(filter));
  if (runs.length > RUNS_MAX) {
    return refusePlan(`${runs.length} runs, at most ${RUNS_MAX} at once; use --only or --model`);
  }
  return { ok: true, runs };
}

function refusePlan(sentence: string): RunPlan {
  return { ok: false, problems: [], sentence };
}

function checkNames(scenarios: readonly Scenario[], only: readonly string[]): string | undefined {
  const names = scenarios.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  const meant = closestWord(unknown, names);
  const help = meant === undefined ? `there are ${names.join(', ')}` : `did you mean ${meant}?`;
  return `there is no scenario "${unknown}"; ${help}`;
}

/** What no scenario could run on need not be told of each. */
function checkFilter({ model, strategy }: RunFilter): string | undefined {
  return model === undefined || strategy === undefined ? undefined : findFault(model, strategy);
}

function nothingFits({ model, link, strategy }: RunFilter): string {
  const words = [model, link, strategy].filter((word) => word !== undefined);
  return `no scenario is made for ${words.join(', ')}; see brickproof run --list`;
}

type MatrixEntry = Omit<ScenarioRun, 'scenario' | 'keys'>;

/** An entry, and why a bootloader cannot be built for it, if so. */
interface PlannedEntry {
  readonly entry: MatrixEntry;
  readonly fault: string | undefined;
}

function entriesOf(scenario: Scenario, filter: RunFilter): readonly PlannedEntry[] {
  return matrixOf(scenario, filter).map((entry) => {
    const { model, strategy, link } = entry;
    return { entry, fault: link === 'target' ? undefined : findFault(model, strategy) };
  });
}

/** Why MCUboot cannot be built so, if it cannot. */
function findFault(model: DeviceModelName, strategy: StrategyName): string | undefined {
  const checked = checkBoardStrategy(builtInBoard(model, strategy));
  return checked.ok ? undefined : `${model} does not do ${checked.detail}`;
}

function matrixOf(scenario: Scenario, filter: RunFilter): readonly MatrixEntry[] {
  const seed = filter.seed ?? scenario.seed;
  if (filter.target !== undefined) {
    // Of the matrix only the model matters: it says which samples are meant.
    const [firstModel] = scenario.models;
    const [strategy] = scenario.strategies;
    const model = filter.model ?? firstModel;
    if (model === undefined || strategy === undefined) return [];
    const images = new ImageShelf(model, scenario.folder);
    return [{ model, strategy, link: 'target', seed, images }];
  }
  return matching(scenario.models, filter.model).flatMap((model) => {
    const images = new ImageShelf(model, scenario.folder);
    return matching(scenario.links, filter.link).flatMap((link) =>
      matching(scenario.strategies, filter.strategy).map((strategy) => ({
        model,
        strategy,
        link,
        seed,
        images,
      })),
    );
  });
}

function matching<T>(values: readonly T[], wanted: T | undefined): readonly T[] {
  return wanted === undefined ? values : values.filter((value) => value === wanted);
}

function readKeys({ board }: Scenario): Verdict<readonly VerificationKey[], string> {
  if (board.keyPaths === undefined) return readSampleKeys();
  const keys: VerificationKey[] = [];
  for (const path of board.keyPaths) {
    const text = readFileText(path);
    if (!text.ok) return text;
    const key = loadVerificationKey(text.value);
    if (!key.ok) return reject('key-unusable', `${path} holds no usable key: ${key.detail}`);
    keys.push(key.value);
  }
  return accept(keys);
}

/** Every image must be there before anything is done, and be fit for its step. */
function checkImages(run: ScenarioRun): readonly ScenarioProblem[] {
  const { scenario, images } = run;
  const problems: ScenarioProblem[] = [];
  let uploaded: string | undefined;
  const second = secondImageOf(run);
  const found = second === undefined ? undefined : images.take(second);
  if (scenario.board.secondImage !== undefined && second === undefined) {
    const sentence = `a board of the model ${run.model} has one image; choose nrf-dual`;
    problems.push(problemAt(scenario, ['device', 'second-image'], sentence));
  }
  if (found?.ok === false) {
    problems.push(problemAt(scenario, ['device', 'second-image'], found.detail));
  }
  for (const step of scenario.steps) {
    const name = imageOf(step, uploaded);
    if (step.action.kind === 'upload') uploaded = step.action.image;
    if (name === undefined) continue;
    const image = images.take(name);
    const sentence = image.ok ? checkFit(step, image.value) : image.detail;
    if (sentence !== undefined) problems.push(problemAt(scenario, step.path, sentence));
  }
  return problems;
}

/** Every fault must have a place in the flash of the board. */
function checkFaults({ scenario, model, strategy }: ScenarioRun): readonly ScenarioProblem[] {
  const ofBoard = scenario.board.faults.map((fault, index): PlacedFault => ({
    fault,
    path: ['device', 'faults', index],
  }));
  return [...ofBoard, ...scenario.steps.flatMap(faultsOf)].flatMap(({ fault, path }) => {
    const read = readFault(fault, dividedFor(DEVICE_MODELS[model], strategy));
    return read.ok ? [] : [problemAt(scenario, path, `${read.detail} (on ${model})`)];
  });
}

interface PlacedFault {
  readonly fault: FaultDocument;
  readonly path: DocumentPath;
}

function faultsOf({ action, path }: Step): readonly PlacedFault[] {
  if (action.kind === 'cut' && action.cut.kind === 'operation') {
    return [{ fault: { 'power-cut': action.cut.cut }, path: [...path, 'power', 'cut'] }];
  }
  if (action.kind !== 'fault' || action.fault === 'off') return [];
  return [{ fault: action.fault, path: [...path, 'fault'] }];
}

function imageOf({ action }: Step, uploaded: string | undefined): string | undefined {
  if (action.kind === 'start' || action.kind === 'upload') return action.image;
  if (action.kind !== 'test' && action.kind !== 'confirm') return undefined;
  if (action.image === RUNNING_IMAGE) return undefined;
  return action.image === UPLOADED_IMAGE ? uploaded : action.image;
}

function checkFit(
  { action }: Step,
  image: { readonly bytes: Uint8Array; readonly hash: Uint8Array | undefined },
): string | undefined {
  const size = image.bytes.byteLength;
  if (action.kind === 'upload') {
    const beyond = [action.truncateBytes, action.tamperAt, action.stopAfterBytes].find(
      (bytes) => bytes !== undefined && bytes >= size,
    );
    if (beyond !== undefined) return `${beyond} is beyond the end: the image has ${size} bytes`;
    if (action.truncateBytes === 0) return 'nothing is left of an image truncated to 0 bytes';
  }
  const isNamed = action.kind === 'test' || action.kind === 'confirm';
  if (isNamed && image.hash === undefined) {
    return 'the image is too damaged to have a hash by which a device could know it';
  }
  return undefined;
}

function problemAt(scenario: Scenario, path: Step['path'], sentence: string): ScenarioProblem {
  return { file: scenario.file, ...scenario.placeOf(path), sentence };
}

function uniqueProblems(problems: readonly ScenarioProblem[]): readonly ScenarioProblem[] {
  const told = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...told.values()];
}
