import { summarizeWear } from '../fault/wear.js';
import { markup, Markup, type MarkupValue } from './markup.js';
import {
  countVerdict,
  formatSeconds,
  groupByScenario,
  type ReportedFailure,
  type ReportedRun,
  type RunReport,
} from './run-report.js';

const STYLE = new Markup(`
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 0; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
  th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
  td.time { font-variant-numeric: tabular-nums; }
  .held { color: #18794e; } .failed { color: #cd2b31; font-weight: 600; } .not-run { color: #946800; }
  .file { color: #888; font-size: .85rem; }
  pre { background: #8881; padding: .75rem; overflow-x: auto; margin: .5rem 0; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0 1rem; }
  dt { color: #888; } dd { margin: 0; overflow-wrap: anywhere; }
`);

const WORDS = { held: 'held', failed: 'did not hold', 'not-run': 'not run' } as const;

/** The report as one HTML page that needs nothing else: no script, no network. */
export function formatHtml(report: RunReport): string {
  const { runs, startedAt, durationMs } = report;
  const document = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Brickproof: ${summarize(runs)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Brickproof: ${summarize(runs)}</h1>
<p>${startedAt}, ${formatSeconds(durationMs)}</p>
${groupByScenario(runs).map(formatScenario)}
</body>
</html>
`;
  return document.text;
}

function summarize(runs: readonly ReportedRun[]): string {
  const failed = countVerdict(runs, 'failed');
  const stopped = countVerdict(runs, 'not-run');
  const rest = stopped === 0 ? '' : `, ${stopped} not run`;
  return failed === 0
    ? `${countVerdict(runs, 'held')} of ${runs.length} held${rest}`
    : `${failed} of ${runs.length} did not hold${rest}`;
}

function formatScenario(runs: readonly [first: ReportedRun, ...others: ReportedRun[]]): Markup {
  const [{ scenario, description, file }] = runs;
  return markup`<section>
<h2>${scenario}</h2>
<p>${description} <span class="file">${file}</span></p>
<table>
<thead><tr><th>board</th><th>verdict</th><th>steps</th><th>time</th><th>board time</th><th>erases</th></tr></thead>
<tbody>
${runs.map(formatRow)}</tbody>
</table>
${runs.map(formatFailure)}</section>
`;
}

function formatRow(run: ReportedRun): Markup {
  const { entry, verdict, stepsDone, stepCount, durationMs, boardMs, wear } = run;
  return markup`<tr><td>${entry}</td><td class="${verdict}">${WORDS[verdict]}</td><td>${stepsDone} of ${stepCount}</td><td class="time">${formatSeconds(durationMs)}</td><td class="time">${formatSeconds(boardMs)}</td><td class="time">${summarizeWear(wear)}</td></tr>
`;
}

function formatFailure({ entry, file, failure }: ReportedRun): MarkupValue {
  if (failure === undefined) return undefined;
  return markup`<h3>${entry}</h3>
<dl>
<dt>at</dt><dd>${file}:${failure.line}:${failure.column}</dd>
<dt>expected</dt><dd>${failure.expected}</dd>
<dt>found</dt><dd>${failure.found}</dd>
<dt>replay</dt><dd><code>${failure.replay}</code></dd>
</dl>
${formatConsole(failure)}`;
}

function formatConsole({ console }: ReportedFailure): MarkupValue {
  if (console.length === 0) return undefined;
  return markup`<pre>${console.join('\n')}</pre>
`;
}
