import { parseTarget, planRuns, readScenario, runAll } from '@brickproof/harness';
import type { ReportedRun, RunFilter, ScenarioRun } from '@brickproof/harness';
import { formatScenarioProblem } from '@brickproof/harness';

/** How a text is run: narrower than its matrix, or on a device that is not ours. */
export interface TextOptions extends Partial<Omit<RunFilter, 'target'>> {
  readonly target?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly file?: string;
}

/** What a text would run, or its problems as they are told. */
export function planText(
  text: string,
  options: TextOptions = {},
): { readonly runs: readonly ScenarioRun[]; readonly problems: readonly string[] } {
  const read = readScenario(text, options.file ?? 's.yaml');
  if (!read.ok) return { runs: [], problems: read.problems.map(formatScenarioProblem) };
  const spec = options.target === undefined ? undefined : parseTarget(options.target);
  if (spec?.ok === false) throw new Error(spec.detail);
  const plan = planRuns([read.scenario], {
    only: options.only ?? [],
    model: options.model,
    link: options.link,
    strategy: options.strategy,
    seed: options.seed,
    target: spec?.value,
  });
  if (plan.ok) return { runs: plan.runs, problems: [] };
  const problems = 'sentence' in plan ? [plan.sentence] : plan.problems.map(formatScenarioProblem);
  return { runs: [], problems };
}

/** Runs a text that has to be right in form. */
export async function runText(
  text: string,
  options: TextOptions = {},
): Promise<readonly ReportedRun[]> {
  const { runs, problems } = planText(text, options);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const report = await runAll(runs, {
    target: options.target === undefined ? undefined : { target: options.target, mqtt: {} },
    timeoutMs: options.timeoutMs ?? 60_000,
    signal: options.signal ?? new AbortController().signal,
  });
  return report.runs;
}

/** Steps on a usual board, as a whole scenario. The first step is in line 4. */
export function scenarioOf(steps: string, device = 'device: {}'): string {
  const list = steps.trim().split('\n');
  return `name: test\n${device}\nsteps:\n${list.map((line) => `  ${line.trimEnd()}`).join('\n')}\n`;
}

/** What became of steps: undefined when they held, otherwise where and why they did not. */
export async function failureOf(
  steps: string,
  device?: string,
  options: TextOptions = {},
): Promise<string | undefined> {
  const [run] = await runText(scenarioOf(steps, device), options);
  if (run === undefined) throw new Error('nothing was run');
  const { failure } = run;
  return failure && `${failure.line}: expected ${failure.expected}, found ${failure.found}`;
}
