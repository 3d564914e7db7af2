import type { ReportedRun, RunReport } from '../report/run-report.js';
import { createRealBench, type RealTarget } from './real-device.js';
import { runScenario, type BenchFactory, type ScenarioResult } from './run-scenario.js';
import { describeEntry, replayCommand, secondImageOf, type ScenarioRun } from './scenario-run.js';
import { createVirtualBench } from './virtual-device.js';

/** How a list of runs is gone through. */
export interface RunAllOptions {
  /** The target of runs on a device that is not ours. */
  readonly target: RealTarget | undefined;
  readonly timeoutMs: number;
  /** Stops the run that is under way too; it counts as not run. */
  readonly signal: AbortSignal;
  readonly onStart?: (run: ScenarioRun) => void;
  readonly onEnd?: (run: ReportedRun) => void;
}

/** Runs one after the other, each on a device of its own. */
export async function runAll(
  runs: readonly ScenarioRun[],
  options: RunAllOptions,
): Promise<RunReport> {
  const startedAt = new Date().toISOString();
  const startedMs = performance.now();
  const reported: ReportedRun[] = [];
  for (const run of runs) {
    if (isStopped(options)) {
      reported.push(reportNotRun(run));
      continue;
    }
    options.onStart?.(run);
    const result = await runScenario(run, createBenchFactory(options.target), options);
    const wasStopped = isStopped(options) && result.failure !== undefined;
    const one = wasStopped ? reportNotRun(run) : reportResult(result, options.target?.target);
    reported.push(one);
    options.onEnd?.(one);
  }
  return { startedAt, durationMs: performance.now() - startedMs, runs: reported };
}

function isStopped({ signal }: RunAllOptions): boolean {
  return signal.aborted;
}

function createBenchFactory(target: RealTarget | undefined): BenchFactory {
  return (run, signal) => {
    const { model, strategy, link, seed, keys, scenario } = run;
    if (link !== 'target') {
      const { board } = scenario;
      const otherImages = takeOtherImages(run);
      return createVirtualBench({ model, strategy, link, seed, keys, board, otherImages }, signal);
    }
    if (target === undefined) throw new Error('a run on a target that nobody named');
    return createRealBench(target, signal);
  };
}

/** The plan has seen that they are there. */
function takeOtherImages(run: ScenarioRun): readonly Uint8Array[] {
  const name = secondImageOf(run);
  if (name === undefined) return [];
  const image = run.images.take(name);
  if (!image.ok) throw new Error(image.detail);
  return [image.value.bytes];
}

function reportNotRun(run: ScenarioRun): ReportedRun {
  const { scenario, seed } = run;
  return {
    scenario: scenario.name,
    description: scenario.description,
    file: scenario.file,
    entry: describeEntry(run),
    seed,
    verdict: 'not-run',
    durationMs: 0,
    boardMs: 0,
    stepsDone: 0,
    stepCount: scenario.steps.length,
    failure: undefined,
    wear: [],
  };
}

function reportResult(result: ScenarioResult, target: string | undefined): ReportedRun {
  const { run, failure, stepsDone, durationMs, boardMs, wear } = result;
  return {
    ...reportNotRun(run),
    verdict: failure === undefined ? 'held' : 'failed',
    stepsDone,
    durationMs,
    boardMs,
    wear,
    failure: failure === undefined ? undefined : { ...failure, replay: replayCommand(run, target) },
  };
}
