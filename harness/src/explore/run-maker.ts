import { Choices } from './choices.js';
import type { ExploredDevice, RunListener } from './explored-device.js';
import type { Frontier, RunDescription } from './frontier.js';
import { RunRecording, type RunMemory } from './run-memory.js';
import type { RunStep, StateGraph } from './state-graph.js';

/** Runs from one state that differ in what cells read as that are not stable. */
export const RUNS_PER_STATE_MAX = 4_096;

/** Where runs start, and what they are. */
export interface RunOrigin {
  readonly state: number;
  /** The state that the device was switched on in; the same one, or from before the boot. */
  readonly parent: number;
  readonly cuts: number;
  /** Tells runs apart that start alike: a boot, or which session in which context. */
  readonly kind: string;
  /** The run as others may make it again, given its choices. */
  readonly describe: (told: readonly number[]) => RunDescription;
}

/** A run that was made. */
export interface MadeRun<Result> {
  readonly result: Result;
  readonly description: RunDescription;
  readonly end: number;
  /** It was like another one, and was not made. */
  readonly isRemembered: boolean;
}

/** The parts that runs are made with. */
export interface RunParts {
  readonly graph: StateGraph;
  readonly device: ExploredDevice;
  readonly frontier: Frontier;
  /** How often the same cells may read differently within one run. */
  readonly flickersMax: number;
}

/**
 * Makes all runs from a state: one, and one more for each way in which cells may read otherwise.
 * Undefined when there are more than `RUNS_PER_STATE_MAX`.
 */
export function makeRuns<Result>(
  parts: RunParts,
  origin: RunOrigin,
  memory: RunMemory<Result>,
  run: () => Result,
): readonly MadeRun<Result>[] | undefined {
  const description = origin.describe([]);
  const watch = new RunWatch(parts, origin, description);
  const followed = memory.follow(origin.state, origin.kind, watch);
  if (followed !== undefined) return [{ ...followed, description, isRemembered: true }];
  const recording = new RunRecording();
  const runs = makeAll(parts, origin, recording, run);
  const [only] = runs ?? [];
  if (only !== undefined && runs?.length === 1)
    memory.remember(origin.kind, recording, only.result);
  return runs;
}

function makeAll<Result>(
  parts: RunParts,
  origin: RunOrigin,
  recording: RunRecording,
  run: () => Result,
): readonly MadeRun<Result>[] | undefined {
  const { device, flickersMax } = parts;
  const runs: MadeRun<Result>[] = [];
  const pending: (readonly number[])[] = [[]];
  for (let told = pending.pop(); told !== undefined; told = pending.pop()) {
    if (runs.length === RUNS_PER_STATE_MAX) return undefined;
    const choices = new Choices(told, flickersMax);
    const description = origin.describe(told);
    const isFirst = runs.length === 0;
    const listener = new RunWatch(parts, origin, description, isFirst ? recording : undefined);
    const begun = { choices, listener };
    device.begin(origin.state, isFirst ? { ...begun, touches: recording } : begun);
    runs.push({ result: run(), description, end: device.state, isRemembered: false });
    pending.push(...choices.others());
  }
  return runs;
}

/** Watches one run, and tells the frontier of every state that a cut leaves. */
class RunWatch implements RunListener {
  readonly #parts: RunParts;
  readonly #origin: RunOrigin;
  readonly #description: RunDescription;
  readonly #recording: RunRecording | undefined;
  #run: number | undefined;
  #operation = -1;

  constructor(
    parts: RunParts,
    origin: RunOrigin,
    description: RunDescription,
    recording?: RunRecording,
  ) {
    this.#recording = recording;
    this.#parts = parts;
    this.#origin = origin;
    this.#description = description;
  }

  step(step: RunStep, state: number): void {
    this.#operation += 1;
    this.#recording?.step(step, this.#parts.graph.context(state));
  }

  untouched(state: number): void {
    this.#arrive(state, -1);
  }

  torn(state: number, index: number): void {
    this.#arrive(state, index);
  }

  #arrive(state: number, tear: number): void {
    const { frontier } = this.#parts;
    const { parent, cuts } = this.#origin;
    this.#run ??= frontier.describeRun(this.#description);
    frontier.add(state, cuts + 1, { parent, run: this.#run, operation: this.#operation, tear });
  }
}
