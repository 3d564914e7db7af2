import { explorationToJson } from '../explore/explore-json.js';
import type { ExploreReport } from '../explore/explore-report.js';
import { formatExploration } from '../explore/explore-text.js';
import {
  countOf,
  explorationVerdict,
  formatCount,
  progressSentence,
} from '../explore/explore-words.js';
import type { Paint } from '../report/paint.js';
import { EXIT } from './exit-status.js';
import { failed, held, type CliOutcome, type JsonValue } from './outcome.js';
import { formatTable } from './table.js';

/** An exploration that was made. */
export interface NamedReport {
  readonly name: string;
  readonly report: ExploreReport;
}

/** One that cannot be. */
export interface LeftOut {
  readonly name: string;
  readonly code: string;
  readonly reason: string;
}

/** What became of everything that was asked for. */
export interface ExploreResult {
  readonly reports: readonly NamedReport[];
  readonly leftOut: readonly LeftOut[];
  /** How many were not begun when they were stopped. */
  readonly notBegun: number;
  readonly wasStopped: boolean;
}

/** So many ways to a broken invariant are told; the page and the JSON object have all. */
const TRACES_MAX = 3;

/** How the command ends: well when everything drained and every invariant held. */
export function exploreOutcome(result: ExploreResult, paint: Paint): CliOutcome {
  const { reports, leftOut, notBegun } = result;
  const [first] = reports;
  const isOne = first !== undefined && reports.length + leftOut.length + notBegun === 1;
  const json = isOne ? explorationToJson(first.report) : matrixToJson(result);
  const text = isOne ? formatExploration(first.report, paint) : formatMatrix(result, paint);
  const failure = failureOf(result);
  if (failure === undefined) return held(json, text);
  const outcome = failed(EXIT.failed, failure.code, failure.sentence);
  return { ...outcome, json: { ...outcome.json, ...json }, text };
}

/** One exploration as a line, for those who watch. */
export function formatReportLine({ name, report }: NamedReport, paint: Paint): string {
  const verdict = explorationVerdict(report);
  const broken = brokenNames(report);
  const words = broken === '' ? '' : `BROKEN ${broken}; `;
  const line = `${MARKS[verdict]} ${name}: ${words}${progressSentence(report)}`;
  return verdict === 'held' ? paint.good(line) : paint.bad(line);
}

const MARKS = { held: '✓', broken: '✗', unfinished: '!' } as const;

function failureOf({
  reports,
  notBegun,
  wasStopped,
}: ExploreResult): { readonly code: string; readonly sentence: string } | undefined {
  const total = reports.length + notBegun;
  const of = total === 1 ? 'the exploration' : `of ${countOf(total, 'exploration')}`;
  const some = (count: number): string => (total === 1 ? of : `${count} ${of}`);
  const broken = reports.filter(({ report }) => explorationVerdict(report) === 'broken').length;
  const undrained = reports.filter(({ report }) => !report.drained).length + notBegun;
  const parts = [
    ...(broken === 0 ? [] : [`${some(broken)} found a broken invariant`]),
    ...(undrained === 0 ? [] : [`${some(undrained)} did NOT DRAIN: not everything was tried`]),
  ];
  if (wasStopped)
    return { code: 'explore-stopped', sentence: ['it was stopped', ...parts].join('; ') };
  if (parts.length === 0) return undefined;
  const code = broken > 0 ? 'explore-broken' : 'explore-not-drained';
  return { code, sentence: parts.join('; ') };
}

interface Totals {
  readonly drained: number;
  readonly states: number;
  readonly edges: number;
  readonly merged: number;
  readonly boots: number;
  readonly sharedBoots: number;
  readonly deepestNewCut: number;
}

function totalsOf(reports: readonly NamedReport[]): Totals {
  const sum = (of: (report: ExploreReport) => number): number =>
    reports.reduce((total, { report }) => total + of(report), 0);
  return {
    drained: reports.filter(({ report }) => report.drained).length,
    states: sum(({ states }) => states),
    edges: sum(({ edges }) => edges),
    merged: sum(({ merged }) => merged),
    boots: sum(({ boots }) => boots),
    sharedBoots: sum(({ sharedBoots }) => sharedBoots),
    deepestNewCut: Math.max(0, ...reports.map(({ report }) => report.deepestNewCut)),
  };
}

function matrixToJson(result: ExploreResult): Readonly<Record<string, JsonValue>> {
  const { reports, leftOut, notBegun } = result;
  return {
    explorations: reports.map(({ report }) => explorationToJson(report)),
    leftOut: leftOut.map((one) => ({ ...one })),
    notBegun,
    ...totalsOf(reports),
  };
}

function formatMatrix({ reports, leftOut, notBegun }: ExploreResult, paint: Paint): string {
  const traced = reports.filter(({ report }) => report.counterexample !== undefined);
  const hidden = traced.length - TRACES_MAX;
  return [
    ...traced.slice(0, TRACES_MAX).map(({ report }) => formatExploration(report, paint)),
    ...(hidden > 0
      ? [`${countOf(hidden, 'more way')} to a broken invariant: --html or --json shows all.`]
      : []),
    formatTable([HEADER, ...reports.map(rowOf)]),
    ...(leftOut.length === 0 ? [] : [formatLeftOut(leftOut)]),
    formatTotals(reports, notBegun),
  ]
    .map((part) => `\n${part}`)
    .join('\n');
}

const HEADER = ['exploration', 'result', 'states', 'edges', 'boots', 'deepest cut', 'time'];

const RESULTS = { held: 'drained', unfinished: 'NOT DRAINED' } as const;

function rowOf({ name, report }: NamedReport): readonly string[] {
  const { states, edges, boots, deepestNewCut, seconds } = report;
  const verdict = explorationVerdict(report);
  const result = verdict === 'broken' ? `BROKEN ${brokenNames(report)}` : RESULTS[verdict];
  const numbers = [states, edges, boots, deepestNewCut].map(formatCount);
  return [name, result, ...numbers, `${seconds.toFixed(1)} s`];
}

function formatLeftOut(leftOut: readonly LeftOut[]): string {
  const rows = leftOut.map(({ name, reason }) => [`  ${name}`, reason]);
  return `${countOf(leftOut.length, 'exploration')} left out:\n${formatTable(rows)}`;
}

function formatTotals(reports: readonly NamedReport[], notBegun: number): string {
  const { drained, states, edges, boots, deepestNewCut } = totalsOf(reports);
  const counts = [
    countOf(states, 'state'),
    countOf(edges, 'edge'),
    countOf(boots, 'boot'),
    `deepest cut ${formatCount(deepestNewCut)}`,
  ];
  return `drained ${drained} of ${reports.length + notBegun}: ${counts.join(', ')}`;
}

function brokenNames({ invariants }: ExploreReport): string {
  return invariants
    .filter(({ violations }) => violations > 0)
    .map(({ name }) => name)
    .join(', ');
}
