import type { Paint } from '../report/paint.js';
import type { Counterexample, ExploreReport, TraceBoot, TraceSlot } from './explore-report.js';
import {
  INVARIANT_WORDS,
  countOf,
  cutsWords,
  explorationVerdict,
  figureRows,
  progressSentence,
} from './explore-words.js';
import {
  cutOperation,
  endWords,
  operationWords,
  ranWords,
  slotWords,
  trailerFields,
} from './trace-words.js';

const INDENT = '  ';
/** As many as the longest name of a row has. */
const NAME_CHARACTERS = 10;
/** A boot's log is told from its end: that is where it went wrong. */
const LOG_LINES_MAX = 8;

/** A line that is not painted yet. */
interface Line {
  readonly look: keyof Paint | 'plain';
  readonly text: string;
}

/** An exploration as people read it: its result, and the way to what it found broken. */
export function formatExploration(report: ExploreReport, paint: Paint): string {
  const { counterexample } = report;
  const trace = counterexample === undefined ? [] : traceSections(counterexample);
  return paintSections([resultLines(report), ...trace], paint);
}

/** The way to what was found broken, alone. */
export function formatCounterexample(found: Counterexample, paint: Paint): string {
  return paintSections(traceSections(found), paint);
}

function paintSections(sections: readonly (readonly Line[])[], paint: Paint): string {
  return sections
    .map((lines) => lines.map((line) => paintLine(line, paint)).join('\n'))
    .join('\n\n');
}

/** Firmware may log anything: nothing of it may move the cursor or choose colours. */
function paintLine({ look, text }: Line, paint: Paint): string {
  const printable = text.replace(/\p{Cc}/gu, '?');
  return look === 'plain' ? printable : paint[look](printable);
}

function resultLines(report: ExploreReport): readonly Line[] {
  const { scene, strategy } = report.settings;
  const title = `${scene}, ${strategy}, power cuts: ${cutsWords(report.settings)}`;
  const rest = figureRows(report)
    .filter(([name]) => REST_FIGURES.includes(name))
    .map(([name, value]) => `${name} ${value}`);
  return [
    { look: 'heading', text: title },
    ...brokenLines(report),
    {
      look: explorationVerdict(report) === 'held' ? 'good' : 'bad',
      text: indent(progressSentence(report)),
    },
    { look: 'faint', text: indent(rest.join(', ')) },
  ];
}

/** What the sentence does not tell already. */
const REST_FIGURES: readonly string[] = [
  'deepest new cut',
  'boots to settle',
  'time',
  'peak memory',
];

function brokenLines({ invariants }: ExploreReport): readonly Line[] {
  return invariants
    .filter(({ violations }) => violations > 0)
    .map(({ name, violations }) => {
      const found = `BROKEN ${name} (${INVARIANT_WORDS[name]}), found ${countOf(violations, 'time')}`;
      return { look: 'bad', text: indent(found) };
    });
}

function traceSections(found: Counterexample): readonly (readonly Line[])[] {
  const { invariant, detail, cuts, start, boots, replayId } = found;
  return [
    [
      { look: 'bad', text: `${invariant} is broken after ${countOf(cuts, 'power cut')}` },
      plain(indent(detail)),
    ],
    [
      { look: 'heading', text: 'Start' },
      ...start.flatMap((slot) => slotRows(slot, undefined)).map(plain),
    ],
    ...boots.map((boot, index) => {
      return bootLines(boot, index === 0 ? start : (boots[index - 1]?.slots ?? []));
    }),
    [{ look: 'heading', text: `replay it: brickproof explore --replay ${replayId}` }],
  ];
}

function bootLines(boot: TraceBoot, before: readonly TraceSlot[]): readonly Line[] {
  const { number, operationCount, readAtLastCut, tear, slots } = boot;
  const cut = cutOperation(boot);
  const operations = countOf(operationCount, 'operation');
  return [
    {
      look: boot.ended === 'violation' ? 'bad' : 'heading',
      text: `Boot ${number}, ${operations}: ${endWords(boot)}`,
    },
    ...(readAtLastCut === undefined ? [] : [plain(row('reads', readAtLastCut))]),
    ...logRows(boot.log).map((text) => ({ look: 'faint', text }) as const),
    plain(row('ran', ranWords(boot))),
    ...(cut === undefined ? [] : [cutLine('cut', operationWords(cut))]),
    ...(tear === undefined ? [] : [cutLine('left of it', tear)]),
    ...slots.flatMap((slot, index) => slotRows(slot, before[index])).map(plain),
  ];
}

function logRows(log: readonly string[]): readonly string[] {
  const hidden = Math.max(0, log.length - LOG_LINES_MAX);
  const shown = log.slice(hidden);
  const lines = hidden === 0 ? shown : [`(${countOf(hidden, 'line')} before)`, ...shown];
  return lines.map((line, index) => row(index === 0 ? 'log' : '', line));
}

/** A slot in two lines, of which those are left out that say what was said before. */
function slotRows(slot: TraceSlot, before: TraceSlot | undefined): readonly string[] {
  const words = slotWords(slot);
  const trailer = trailerWords(slot);
  const isSameTrailer = before !== undefined && trailerWords(before) === trailer;
  if (isSameTrailer && slotWords(before) === words) return [];
  return [row(slot.name, words), ...(isSameTrailer ? [] : [row('', trailer)])];
}

function trailerWords(slot: TraceSlot): string {
  const fields = [...trailerFields(slot)].map(([name, value]) => `${name} ${value}`);
  return `trailer: ${fields.join(', ')}`;
}

function plain(text: string): Line {
  return { look: 'plain', text };
}

function cutLine(name: string, value: string): Line {
  return { look: 'bad', text: row(name, value) };
}

function row(name: string, value: string): string {
  return indent(`${name.padEnd(NAME_CHARACTERS)} ${value}`);
}

function indent(line: string): string {
  return `${INDENT}${line}`;
}
