import type { AreaWear } from '../fault/wear.js';

/** How a scenario came out on one entry of its matrix. */
export type RunVerdict = 'held' | 'failed' | 'not-run';

/** Why a scenario did not hold. */
export interface ReportedFailure {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  readonly found: string;
  /** The last lines of the console, oldest first. */
  readonly console: readonly string[];
  /** What to type to see it again. */
  readonly replay: string;
}

/** One scenario on one entry of its matrix. */
export interface ReportedRun {
  readonly scenario: string;
  readonly description: string;
  readonly file: string;
  /** The entry: `nrf-equal, serial`. */
  readonly entry: string;
  readonly seed: number;
  readonly verdict: RunVerdict;
  readonly durationMs: number;
  /** The time that passed on the board's clock. */
  readonly boardMs: number;
  readonly stepsDone: number;
  readonly stepCount: number;
  readonly failure: ReportedFailure | undefined;
  /** How often the sectors of its flash were erased; empty where that cannot be seen. */
  readonly wear: readonly AreaWear[];
}

/** What `brickproof run` found. */
export interface RunReport {
  /** When it began, as ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly runs: readonly ReportedRun[];
}

/** How many runs came out so. */
export function countVerdict(runs: readonly ReportedRun[], verdict: RunVerdict): number {
  return runs.filter((run) => run.verdict === verdict).length;
}

/** The runs of each scenario, in the order in which they first come. */
export function groupByScenario(
  runs: readonly ReportedRun[],
): readonly (readonly [first: ReportedRun, ...others: ReportedRun[]])[] {
  const groups = new Map<string, [ReportedRun, ...ReportedRun[]]>();
  for (const run of runs) {
    const key = `${run.file}\n${run.scenario}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  return [...groups.values()];
}

/** Milliseconds as seconds, for people. */
export function formatSeconds(durationMs: number): string {
  return `${(durationMs / MS_PER_SECOND).toFixed(2)} s`;
}

const MS_PER_SECOND = 1_000;
