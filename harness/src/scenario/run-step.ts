import type { DocumentPath } from '@brickproof/agent/node';
import { findMismatches, type Mismatch } from './conditions.js';
import type { ConditionsDocument } from './condition-schema.js';
import { isRefusal, nameRefusal, type Refusal } from './refusal-code.js';
import type { ImageShelf, ShelvedImage } from './image-shelf.js';
import type { BoardControls, ScenarioDevice, TalkResult } from './scenario-device.js';
import {
  RUNNING_IMAGE,
  UPLOADED_IMAGE,
  type MarkStep,
  type Step,
  type UploadStep,
} from './step.js';
import { alterImage, uploadStepImage } from './upload-image.js';

/** What a step did not do: where it says so, what was expected there, and what was found. */
export interface StepFailure {
  readonly path: DocumentPath;
  readonly expected: string;
  readonly found: string;
}

/** What steps share: the device, its images, and what happened so far. */
export interface StepContext {
  readonly device: ScenarioDevice;
  readonly images: ImageShelf;
  lastRefusal: Refusal | undefined;
  uploaded: string | undefined;
}

type StepOutcome = Promise<StepFailure | undefined>;

/** Does one step. What comes back is why it does not hold, if it does not. */
export function runStep(step: Step, context: StepContext): StepOutcome {
  const { action } = step;
  switch (action.kind) {
    case 'start':
    case 'note':
      return Promise.resolve(undefined);
    case 'upload':
      return runUpload(step, action, context);
    case 'test':
    case 'confirm':
      return runMark(step, action, context);
    case 'erase':
      return runErase(step, action, context);
    case 'reset':
      return runReset(step, action, context);
    case 'wait':
      return context.device.pass(action.durationMs).then(() => undefined);
    case 'wait-until':
      return runWaitUntil(step, action, context);
    case 'expect':
      return runExpect(step, action.conditions, context);
    default:
      return runControl(step, context.device.controls);
  }
}

async function runControl(
  { action, path }: Step,
  controls: BoardControls | undefined,
): StepOutcome {
  if (controls === undefined) throw new Error(`step ${action.kind} on a device that is not ours`);
  if (action.kind === 'power') {
    await (action.to === 'on' ? controls.powerOn() : controls.powerOff());
  } else if (action.kind === 'cut') {
    const isPlanned = controls.planCut(action.cut, [...path, 'power', 'cut']);
    if (!isPlanned) return { path, expected: 'room for one more cut', found: 'too many that wait' };
  } else if (action.kind === 'fault') {
    const isOn = controls.switchFault(action.fault, [...path, 'fault']);
    if (!isOn) return { path, expected: 'room for one more fault', found: 'too many at once' };
  } else if (action.kind === 'link') {
    const done = await controls.setLink(action.to);
    if (!done.ok) return { path, expected: `the link to go ${action.to}`, found: done.detail };
  }
  return undefined;
}

async function runUpload(step: Step, upload: UploadStep, context: StepContext): StepOutcome {
  const bytes = alterImage(take(context, upload.image).bytes, upload);
  context.uploaded = upload.image;
  const { result, resumedFrom, sentBytes } = await uploadStepImage(
    (ask) => context.device.talk('upload', ask),
    { bytes, step: upload },
  );
  const path = [...step.path, 'upload'];
  const resumed = checkResumed(upload.resumes, resumedFrom);
  if (resumed !== undefined) return { path: [...path, 'resumes'], ...resumed };
  const { stopAfterBytes } = upload;
  if (stopAfterBytes === undefined) return checkAnswer({ path, result, step: upload }, context);
  if (!result.ok && result.code === 'upload-aborted') return undefined;
  if (!result.ok) return checkAnswer({ path, result, step: upload }, context);
  const expected = `the upload to stop after ${stopAfterBytes} bytes`;
  return { path, expected, found: `all ${sentBytes} bytes taken` };
}

function checkResumed(
  expected: UploadStep['resumes'],
  found: number | undefined,
): Omit<StepFailure, 'path'> | undefined {
  if (expected === undefined) return undefined;
  const holds = typeof expected === 'number' ? found === expected : expected === (found ?? 0) > 0;
  if (holds) return undefined;
  const words = expected === true ? 'somewhere after the start' : `byte ${Number(expected)}`;
  return {
    expected: `the upload to go on from ${words}`,
    found: found === undefined ? 'no byte taken' : `byte ${found}`,
  };
}

async function runMark(step: Step, mark: MarkStep, context: StepContext): StepOutcome {
  const hash =
    mark.image === RUNNING_IMAGE ? undefined : take(context, imageOf(mark, context)).hash;
  const result = await context.device.talk('mark', (client) => {
    if (mark.kind === 'confirm') return client.imageConfirm(hash);
    return client.imageTest(hash ?? new Uint8Array(0));
  });
  return checkAnswer({ path: [...step.path, mark.kind], result, step: mark }, context);
}

async function runErase(
  step: Step,
  erase: Extract<Step['action'], { kind: 'erase' }>,
  context: StepContext,
): StepOutcome {
  const result = await context.device.talk('other', (client) => client.imageErase(erase.slot));
  return checkAnswer({ path: [...step.path, 'erase'], result, step: erase }, context);
}

async function runReset(
  step: Step,
  reset: Extract<Step['action'], { kind: 'reset' }>,
  context: StepContext,
): StepOutcome {
  const { device } = context;
  const path = [...step.path, 'reset'];
  if (reset.how === 'pin') {
    await device.controls?.pressReset();
    return undefined;
  }
  const result = await device.talk('other', (client) => client.reset());
  const failure = checkAnswer({ path, result, step: reset }, context);
  if (failure !== undefined || !result.ok) return failure;
  const didReset = await device.awaitReset();
  return didReset ? undefined : { path, expected: 'the device to reset', found: 'that it did not' };
}

async function runWaitUntil(
  step: Step,
  wait: Extract<Step['action'], { kind: 'wait-until' }>,
  context: StepContext,
): StepOutcome {
  let mismatches: readonly Mismatch[] = [];
  const didHold = await context.device.pass(wait.withinMs, async () => {
    mismatches = await mismatchesNow(wait.conditions, context);
    return mismatches.length === 0;
  });
  if (didHold) return undefined;
  const path = [...step.path, 'wait-until'];
  const seconds = wait.withinMs / MS_PER_SECOND;
  const { expected, found } = joinMismatches(mismatches);
  return { path, expected: `${expected}, within ${seconds} s`, found };
}

async function runExpect(
  step: Step,
  conditions: ConditionsDocument,
  context: StepContext,
): StepOutcome {
  const mismatches = await mismatchesNow(conditions, context);
  const [first] = mismatches;
  if (first === undefined) return undefined;
  return { path: [...step.path, 'expect', first.key], ...joinMismatches(mismatches) };
}

async function mismatchesNow(
  conditions: ConditionsDocument,
  { device, lastRefusal }: StepContext,
): Promise<readonly Mismatch[]> {
  const observation = await device.observe();
  return findMismatches(conditions, { observation, console: device.console, lastRefusal });
}

function joinMismatches(mismatches: readonly Mismatch[]): Omit<StepFailure, 'path'> {
  return {
    expected: mismatches.map(({ expected }) => expected).join(', '),
    found: mismatches.map(({ found }) => found).join(', '),
  };
}

/** Holds what the device answered against what the step expects of it. */
function checkAnswer(
  answer: {
    readonly path: DocumentPath;
    readonly result: TalkResult<unknown>;
    readonly step: { readonly kind: string; readonly refused: readonly string[] | undefined };
  },
  context: StepContext,
): StepFailure | undefined {
  const { path, result, step } = answer;
  const refusal = result.ok ? undefined : nameRefusal(result);
  if (refusal !== undefined) context.lastRefusal = refusal;
  const found = refusal === undefined ? 'that it was done' : `${refusal.code} (${refusal.detail})`;
  if (step.refused === undefined) {
    if (refusal === undefined) return undefined;
    return { path, expected: `the ${step.kind} to be done`, found };
  }
  if (refusal !== undefined && isRefusal(refusal.code, step.refused)) return undefined;
  const expected = `the ${step.kind} to be refused with ${step.refused.join(' or ')}`;
  return { path: [...path, 'refused'], expected, found };
}

function imageOf(mark: MarkStep, { uploaded }: StepContext): string {
  return mark.image === UPLOADED_IMAGE ? (uploaded ?? '') : mark.image;
}

/** Every image was read before the scenario began. */
function take({ images }: StepContext, name: string): ShelvedImage {
  const image = images.take(name);
  if (!image.ok) throw new Error(`image ${name}: ${image.detail}`);
  return image.value;
}

const MS_PER_SECOND = 1_000;
