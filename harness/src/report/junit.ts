import { markup, type Markup } from './markup.js';
import { countVerdict, groupByScenario, type ReportedRun, type RunReport } from './run-report.js';

/**
 * The report as JUnit XML, in the form that Jenkins, GitLab and GitHub's actions read: a suite for
 * each scenario, a test case for each entry of its matrix.
 */
export function formatJunit(report: RunReport): string {
  const { runs, durationMs } = report;
  const suites = groupByScenario(runs).map((group) => formatSuite(group, report.startedAt));
  const document = markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="brickproof run" tests="${runs.length}" failures="${countVerdict(runs, 'failed')}" errors="0" skipped="${countVerdict(runs, 'not-run')}" time="${seconds(durationMs)}">
${suites}</testsuites>
`;
  return document.text;
}

function formatSuite(
  runs: readonly [first: ReportedRun, ...others: ReportedRun[]],
  startedAt: string,
): Markup {
  const [{ scenario, file }] = runs;
  const durationMs = runs.reduce((sum, run) => sum + run.durationMs, 0);
  // The schema of Jenkins takes no fractions and no zone.
  const timestamp = startedAt.slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
  return markup`  <testsuite name="${scenario}" tests="${runs.length}" failures="${countVerdict(runs, 'failed')}" errors="0" skipped="${countVerdict(runs, 'not-run')}" time="${seconds(durationMs)}" timestamp="${timestamp}" file="${file}">
${runs.map(formatCase)}  </testsuite>
`;
}

function formatCase(run: ReportedRun): Markup {
  const { scenario, entry, file, failure, durationMs } = run;
  const line = failure === undefined ? undefined : markup` line="${failure.line}"`;
  const head = markup`    <testcase name="${entry}" classname="${scenario}" time="${seconds(durationMs)}" file="${file}"${line}`;
  if (failure !== undefined) {
    return markup`${head}>
      <failure type="expectation" message="${`expected ${failure.expected}, found ${failure.found}`}">${describe(run)}</failure>
    </testcase>
`;
  }
  if (run.verdict === 'not-run')
    return markup`${head}><skipped message="the run was stopped"/></testcase>
`;
  return markup`${head}/>
`;
}

function describe({ file, failure }: ReportedRun): string {
  if (failure === undefined) return '';
  const { line, column, expected, found, console, replay } = failure;
  return [
    `${file}:${line}:${column}: expected ${expected}`,
    `found ${found}`,
    ...console.map((text) => `| ${text}`),
    `replay: ${replay}`,
  ].join('\n');
}

function seconds(durationMs: number): string {
  return (durationMs / MS_PER_SECOND).toFixed(3);
}

const MS_PER_SECOND = 1_000;
