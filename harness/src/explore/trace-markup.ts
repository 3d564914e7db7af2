import { markup, type Markup, type MarkupValue } from '../report/markup.js';
import type {
  Counterexample,
  ExploreSettings,
  TraceBoot,
  TraceOperation,
  TraceSlot,
} from './explore-report.js';
import { countOf, formatCount } from './explore-words.js';
import { formatLegend, formatSlots, formatTrailers, imageMarks } from './slot-markup.js';
import { cutOperation, endWords, operationWords, placeWords, ranWords } from './trace-words.js';

/** One step of a trace as it is shown: the start, or a boot. */
interface TraceStep {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly boot: TraceBoot | undefined;
  readonly slots: readonly TraceSlot[];
  /** Undefined at the start. */
  readonly slotsBefore: readonly TraceSlot[] | undefined;
}

/** The way to a broken invariant, all its steps one below the other; a script shows one at a time. */
export function formatTrace(
  found: Counterexample,
  settings: ExploreSettings,
  explorationNumber: number,
): Markup {
  const id = `trace-${explorationNumber}`;
  const steps = stepsOf(found, id);
  const marks = imageMarks([found.start, ...found.boots.map(({ slots }) => slots)]);
  return markup`<section class="trace" id="${id}" tabindex="0" aria-labelledby="${id}-title">
<h3 id="${id}-title"><span class="broken">✗ ${found.invariant}</span> is broken after ${countOf(found.cuts, 'power cut')}</h3>
<p>${found.detail}</p>
<p>Replay it: <code>brickproof explore --replay ${found.replayId}</code></p>
<ol class="way" start="0">
${steps.map((step) => markup`<li><a href="#${step.id}">${step.title}</a></li>\n`)}</ol>
<div class="controls" hidden>
<button type="button" data-key="Home" aria-label="first step" title="first step (Home)">⇤</button>
<button type="button" data-key="ArrowLeft" aria-label="previous step" title="previous step (left arrow)">←</button>
<p class="status" role="status" aria-live="polite"><span class="counter"></span><span class="spoken"></span></p>
<button type="button" data-key="ArrowRight" aria-label="next step" title="next step (right arrow)">→</button>
<button type="button" data-key="End" aria-label="last step" title="last step (End)">⇥</button>
</div>
${formatLegend(marks)}${steps.map((step) => formatStep(step, found, settings, marks))}</section>
`;
}

function stepsOf({ start, boots }: Counterexample, id: string): readonly TraceStep[] {
  const first: TraceStep = {
    id: `${id}-step-0`,
    number: 0,
    title: 'Start: before the first boot',
    boot: undefined,
    slots: start,
    slotsBefore: undefined,
  };
  const others = boots.map((boot, index) => ({
    id: `${id}-step-${index + 1}`,
    number: index + 1,
    title: `Boot ${boot.number}: ${endWords(boot)}`,
    boot,
    slots: boot.slots,
    slotsBefore: index === 0 ? start : boots[index - 1]?.slots,
  }));
  return [first, ...others];
}

function formatStep(
  step: TraceStep,
  found: Counterexample,
  settings: ExploreSettings,
  marks: ReadonlyMap<string, string>,
): Markup {
  const { id, number, title, boot, slots, slotsBefore } = step;
  const cut = boot === undefined ? undefined : cutOperation(boot);
  return markup`<section class="step" id="${id}" aria-labelledby="${id}-title">
<h4 id="${id}-title"><span class="number-of-step">step ${number} of ${found.boots.length}</span> ${title}</h4>
${boot === undefined ? undefined : formatBoot(boot, found)}<div class="slots">
${formatSlots({ slots, slotsBefore, marks, settings, cut })}</div>
${formatTrailers(slots, slotsBefore)}${boot === undefined ? undefined : formatDetails(boot)}</section>
`;
}

function formatBoot(boot: TraceBoot, found: Counterexample): Markup {
  const cut = cutOperation(boot);
  const rows: readonly (readonly [name: string, value: string | undefined])[] = [
    ['found broken', boot.ended === 'violation' ? found.detail : undefined],
    ['read where the last cut was', boot.readAtLastCut],
    ['ran', ranWords(boot)],
    ['cut', cut === undefined ? undefined : operationWords(cut)],
    ['left of it', boot.tear],
    ['operations', formatCount(boot.operationCount)],
  ];
  return markup`<dl>
${rows.map(([name, value]) => (value === undefined ? undefined : markup`<dt>${name}</dt><dd>${value}</dd>\n`))}</dl>
`;
}

function formatDetails(boot: TraceBoot): Markup {
  return markup`<div class="details">
${formatOperations(boot)}${formatLog(boot)}</div>
`;
}

function formatOperations(boot: TraceBoot): MarkupValue {
  if (boot.lastOperations.length === 0) return undefined;
  const cut = cutOperation(boot);
  return markup`<div class="scrolls">
<table class="operations">
<caption>last operations</caption>
<thead><tr><th scope="col" class="number">number</th><th scope="col">kind</th><th scope="col">place</th><th scope="col" class="number">bytes</th><th scope="col">what</th></tr></thead>
<tbody>
${boot.lastOperations.map((operation) => formatOperation(operation, operation === cut))}</tbody>
</table>
</div>
`;
}

function formatOperation(operation: TraceOperation, isCut: boolean): Markup {
  const { index, kind, lengthBytes, what } = operation;
  const told = isCut ? markup`${what} <strong>✂ cut</strong>` : what;
  return markup`<tr class="${isCut ? 'cut' : 'done'}"><td class="number">${index}</td><td>${kind}</td><td><code>${placeWords(operation)}</code></td><td class="number">${kind === 'raise-counter' ? '' : lengthBytes}</td><td class="what">${told}</td></tr>
`;
}

function formatLog({ log }: TraceBoot): MarkupValue {
  if (log.length === 0) return undefined;
  return markup`<figure>
<figcaption>log</figcaption>
<pre>${log.join('\n')}</pre>
</figure>
`;
}
