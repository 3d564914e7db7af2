import { createHash } from 'node:crypto';
import { markup, Markup, type MarkupValue } from '../report/markup.js';
import { EXPLORE_PAGE_SCRIPT } from './explore-page-script.js';
import { EXPLORE_PAGE_STYLE } from './explore-page-style.js';
import type { ExploreReport, InvariantCount } from './explore-report.js';
import {
  INVARIANT_WORDS,
  countOf,
  explorationVerdict,
  figureRows,
  progressSentence,
  settingRows,
  type ExplorationVerdict,
} from './explore-words.js';
import { formatTrace } from './trace-markup.js';

const VERDICT_WORDS: Readonly<Record<ExplorationVerdict, string>> = {
  held: '✓ drained, all holds',
  broken: '✗ broken',
  unfinished: '! not drained',
};

/**
 * Explorations as one HTML page that needs nothing else: no network, and only the style and the
 * script that its policy has the hashes of. Without the script all steps of a trace are shown.
 */
export function formatExplorePage(reports: readonly ExploreReport[]): string {
  const document = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>Brickproof explore: ${summarize(reports)}</title>
<style>${new Markup(EXPLORE_PAGE_STYLE)}</style>
</head>
<body>
<h1>Brickproof explore: ${summarize(reports)}</h1>
${formatOverview(reports)}${reports.map(formatExploration)}<script>${new Markup(EXPLORE_PAGE_SCRIPT)}</script>
</body>
</html>
`;
  return document.text;
}

/** CSP level 3 §6.7: a style and a script are let in by the hash of their text. */
const POLICY: string = [
  `default-src 'none'`,
  `style-src '${hashSource(EXPLORE_PAGE_STYLE)}'`,
  `script-src '${hashSource(EXPLORE_PAGE_SCRIPT)}'`,
  `base-uri 'none'`,
  `form-action 'none'`,
].join('; ');

function hashSource(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}

function summarize(reports: readonly ExploreReport[]): string {
  const count = (verdict: ExplorationVerdict): number =>
    reports.filter((report) => explorationVerdict(report) === verdict).length;
  const parts = [
    [count('broken'), 'broken'],
    [count('unfinished'), 'not drained'],
    [count('held'), 'drained'],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return told.length === 0 ? 'nothing was explored' : told.join(', ');
}

function formatOverview(reports: readonly ExploreReport[]): Markup {
  const names = reports.slice(0, 1).flatMap((report) => figureRows(report).map(([name]) => name));
  return markup`<div class="scrolls" tabindex="0" role="region" aria-label="numbers of each exploration">
<table class="overview">
<thead><tr><th scope="col">exploration</th><th scope="col">result</th>${names.map((name) => markup`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>
${reports.map(formatOverviewRow)}</tbody>
</table>
</div>
`;
}

function formatOverviewRow(report: ExploreReport, index: number): Markup {
  const verdict = explorationVerdict(report);
  const figures = figureRows(report).map(([, value]) => markup`<td class="number">${value}</td>`);
  return markup`<tr><th scope="row"><a href="#exploration-${index + 1}">${nameOf(report)}</a></th><td class="${verdict}">${formatVerdict(report, index + 1)}</td>${figures}</tr>
`;
}

/** What was found, with the way to it. */
function formatVerdict(report: ExploreReport, number: number): MarkupValue {
  const words = VERDICT_WORDS[explorationVerdict(report)];
  if (report.counterexample === undefined) return words;
  return markup`<a href="#trace-${number}">${words}</a>`;
}

function nameOf({ settings }: ExploreReport): string {
  return `${settings.scene}, ${settings.strategy}`;
}

function formatExploration(report: ExploreReport, index: number): Markup {
  const { settings, counterexample } = report;
  const number = index + 1;
  return markup`<section class="exploration" id="exploration-${number}">
<h2>${nameOf(report)}</h2>
<p class="${explorationVerdict(report)}">${progressSentence(report)}</p>
<div class="facts">
<table class="settings">
<caption>settings</caption>
<tbody>
${settingRows(settings).map(([name, value]) => markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody>
</table>
<table class="invariants">
<caption>what must hold</caption>
<thead><tr><th scope="col">invariant</th><th scope="col" class="number">broken</th></tr></thead>
<tbody>
${report.invariants.map(formatInvariant)}</tbody>
</table>
</div>
${counterexample === undefined ? undefined : formatTrace(counterexample, settings, number)}</section>
`;
}

function formatInvariant({ name, violations }: InvariantCount): MarkupValue {
  const verdict: ExplorationVerdict = violations === 0 ? 'held' : 'broken';
  const times = violations === 0 ? 'never' : countOf(violations, 'time');
  return markup`<tr><th scope="row">${name} <span class="meaning">${INVARIANT_WORDS[name]}</span></th><td class="number ${verdict}">${times}</td></tr>
`;
}
