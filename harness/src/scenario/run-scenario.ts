import type { AreaWear } from '../fault/wear.js';
import type { DeviceBench, ScenarioDevice } from './scenario-device.js';
import { runStep, type StepContext, type StepFailure } from './run-step.js';
import type { ScenarioRun } from './scenario-run.js';

/** Why a scenario did not hold. */
export interface ScenarioFailure {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  readonly found: string;
  /** The last lines of the console, oldest first. */
  readonly console: readonly string[];
}

/** What became of one run. */
export interface ScenarioResult {
  readonly run: ScenarioRun;
  /** Undefined when everything held. */
  readonly failure: ScenarioFailure | undefined;
  readonly stepsDone: number;
  readonly durationMs: number;
  /** How long it took on the board's clock. */
  readonly boardMs: number;
  /** Empty on a device that is not ours. */
  readonly wear: readonly AreaWear[];
}

/** What stops a run before its end. */
export interface RunLimits {
  /** Ends the run when the user wants it. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Makes the device of a run. */
export type BenchFactory = (run: ScenarioRun, signal: AbortSignal) => DeviceBench;

const CONSOLE_LINES_TOLD = 12;
const MS_PER_SECOND = 1_000;

/** Runs a scenario once, on a device of its own. */
export async function runScenario(
  run: ScenarioRun,
  createBench: BenchFactory,
  limits: RunLimits,
): Promise<ScenarioResult> {
  const startedMs = performance.now();
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  const signal = AbortSignal.any([limits.signal, timeout]);
  const story = new Story(run, createBench(run, signal), signal);
  const failure = await story.tell();
  const cut = describeStop(limits, timeout);
  return {
    run,
    failure: failure === undefined || cut === undefined ? failure : { ...failure, found: cut },
    stepsDone: story.stepsDone,
    boardMs: story.boardMs,
    wear: story.wear,
    durationMs: performance.now() - startedMs,
  };
}

function describeStop({ signal, timeoutMs }: RunLimits, timeout: AbortSignal): string | undefined {
  if (signal.aborted) return 'that the run was stopped';
  const seconds = timeoutMs / MS_PER_SECOND;
  return timeout.aborted
    ? `no end within ${seconds} s; raise --timeout if it needs more`
    : undefined;
}

class Story {
  readonly #run: ScenarioRun;
  readonly #bench: DeviceBench;
  readonly #signal: AbortSignal;
  stepsDone = 0;
  boardMs = 0;
  wear: readonly AreaWear[] = [];

  constructor(run: ScenarioRun, bench: DeviceBench, signal: AbortSignal) {
    this.#run = run;
    this.#bench = bench;
    this.#signal = signal;
  }

  async tell(): Promise<ScenarioFailure | undefined> {
    const { scenario, images } = this.#run;
    const [first] = scenario.steps;
    if (first?.action.kind !== 'start') throw new Error('a scenario without a start');
    const image = images.take(first.action.image);
    if (!image.ok) throw new Error(image.detail);
    const device = await this.#bench.start(image.value.bytes);
    if (!device.ok) {
      const path = [...first.path, 'start'];
      const failure = { path, expected: 'the firmware to start', found: device.detail };
      return this.#fail(failure, device.console);
    }
    try {
      return await this.#runSteps(device.value);
    } finally {
      this.boardMs = device.value.nowMs();
      this.wear = device.value.controls?.wear ?? [];
      await device.value.close();
    }
  }

  async #runSteps(device: ScenarioDevice): Promise<ScenarioFailure | undefined> {
    const { scenario, images } = this.#run;
    const context: StepContext = { device, images, lastRefusal: undefined, uploaded: undefined };
    for (const step of scenario.steps) {
      const failure = this.#signal.aborted
        ? { path: step.path, expected: 'the step to be done', found: 'that the run was stopped' }
        : await runStep(step, context);
      if (failure !== undefined) return this.#fail(failure, device.console.lines);
      this.stepsDone += 1;
    }
    const waiting = device.controls?.waiting;
    if (waiting === undefined) return undefined;
    return this.#fail({ ...waiting, found: 'that it never happened' }, device.console.lines);
  }

  #fail({ path, expected, found }: StepFailure, console: readonly string[] = []): ScenarioFailure {
    const place = this.#run.scenario.placeOf(path);
    return { ...place, expected, found, console: console.slice(-CONSOLE_LINES_TOLD) };
  }
}
