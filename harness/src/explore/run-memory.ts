import type { Effect, EffectPool } from './effect-pool.js';
import type { RunListener } from './explored-device.js';
import type { RunStep, StateContext, StateGraph } from './state-graph.js';

/** What a run touched first of a sector decides what it depends on. */
export interface TouchListener {
  /** The contents were looked at, copied, or written upon. */
  read(sector: number, content: number): void;
  /** They were erased, unseen. */
  erased(sector: number): void;
}

/** A step of a run that is remembered; an erase of contents that nobody had looked at is one of any. */
type RememberedStep =
  | { readonly kind: 'flash'; readonly effect: Effect; readonly sector: number }
  | { readonly kind: 'erase'; readonly sector: number }
  | { readonly kind: 'counters'; readonly counters: readonly number[] }
  | { readonly kind: 'position'; readonly position: number };

/** A run that is remembered. */
interface RememberedRun<Result> {
  readonly steps: readonly RememberedStep[];
  readonly result: Result;
  /** For each of the `MEETINGS`: from which states it was gone on with, and where that ended. */
  readonly ends: readonly Map<number, number>[];
}

/** What follows when a sector holds what it does. */
type Answer<Result> = Question<Result> | RememberedRun<Result>;

/** A sector that is looked at next, and what follows by what it holds: mostly there is one answer. */
class Question<Result> {
  readonly sector: number;
  #firstContent = NONE;
  #first: Answer<Result> | undefined;
  #others: Map<number, Answer<Result>> | undefined;

  constructor(sector: number) {
    this.sector = sector;
  }

  get(content: number): Answer<Result> | undefined {
    return content === this.#firstContent ? this.#first : this.#others?.get(content);
  }

  set(content: number, answer: Answer<Result>): void {
    if (this.#first === undefined || content === this.#firstContent) {
      this.#firstContent = content;
      this.#first = answer;
      return;
    }
    this.#others ??= new Map();
    this.#others.set(content, answer);
  }
}

/** After so many steps it is looked whether a state has met another one. */
const MEETINGS: readonly number[] = [2, 8, 32, 128, 512];

/** No contents. */
const NONE = -1;

/** Steps that are remembered at most, of all runs together. */
const REMEMBERED_STEPS_MAX = 12_000_000;

/**
 * Runs that need not be made again. What a device does depends on nothing but what it looks at: a
 * run is remembered with what it looked at, one sector after the other, and is the same for every
 * state that holds the same there. Its steps are then taken without running anything.
 */
export class RunMemory<Result> {
  readonly #graph: StateGraph;
  readonly #effects: EffectPool;
  readonly #roots: Map<string, Answer<Result>> = new Map();
  #steps = 0;

  constructor(graph: StateGraph, effects: EffectPool) {
    this.#graph = graph;
    this.#effects = effects;
  }

  /** Goes a run that is known for a state; undefined when none is. */
  follow(
    state: number,
    kind: string,
    listener: RunListener,
  ): { readonly result: Result; readonly end: number } | undefined {
    let at = this.#roots.get(kind);
    while (at instanceof Question) at = at.get(this.#graph.contentOf(state, at.sector));
    if (at === undefined) return undefined;
    return { result: at.result, end: this.#goSteps(at, state, listener) };
  }

  /**
   * Takes the steps of a run. States that differed come together when what they differed in is
   * erased: from there on all was done before, by whoever had no more cuts behind it.
   */
  #goSteps({ steps, ends }: RememberedRun<Result>, state: number, listener: RunListener): number {
    const passed: number[] = [];
    let end = state;
    let taken = 0;
    for (const step of steps) {
      if (taken === MEETINGS[passed.length]) {
        const known = ends[passed.length]?.get(end);
        if (known !== undefined) return noteEnds(ends, passed, known);
        passed.push(end);
      }
      end = this.#take(end, step, listener);
      taken += 1;
    }
    return noteEnds(ends, passed, end);
  }

  /** Remembers a run that was made. */
  remember(kind: string, recorded: RunRecording, result: Result): void {
    this.#steps += recorded.steps.length;
    if (this.#steps > REMEMBERED_STEPS_MAX) return;
    const ends = MEETINGS.map(() => new Map<number, number>());
    const run: RememberedRun<Result> = { steps: recorded.steps, result, ends };
    const [first, ...others] = recorded.reads;
    if (first === undefined) {
      this.#roots.set(kind, run);
      return;
    }
    let question = questionAt(this.#roots, kind, first.sector);
    let { content } = first;
    for (const read of others) {
      question = questionAt(question, content, read.sector);
      content = read.content;
    }
    question.set(content, run);
  }

  #take(state: number, step: RememberedStep, listener: RunListener): number {
    const taken = this.#stepOf(state, step);
    listener.step(taken, state);
    return this.#graph.take(state, taken, listener);
  }

  #stepOf(state: number, step: RememberedStep): RunStep {
    if (step.kind === 'flash') return step;
    if (step.kind === 'erase') {
      const { sector } = step;
      const effect = this.#effects.erase(this.#graph.contentOf(state, sector));
      return { kind: 'flash', effect, sector };
    }
    const before = this.#graph.context(state);
    const context: StateContext =
      step.kind === 'counters'
        ? { ...before, counters: step.counters }
        : { ...before, position: step.position };
    return { kind: 'context', context };
  }
}

function noteEnds(
  ends: readonly Map<number, number>[],
  passed: readonly number[],
  end: number,
): number {
  for (const [meeting, state] of passed.entries()) ends[meeting]?.set(state, end);
  return end;
}

function questionAt<Key, Result>(
  answers: {
    get(key: Key): Answer<Result> | undefined;
    set(key: Key, answer: Answer<Result>): unknown;
  },
  key: Key,
  sector: number,
): Question<Result> {
  const known = answers.get(key);
  if (known instanceof Question) {
    if (known.sector !== sector) throw new Error('equal runs look at different sectors');
    return known;
  }
  const made = new Question<Result>(sector);
  answers.set(key, made);
  return made;
}

/** Records a run: what it looked at first, and what it did. */
export class RunRecording implements TouchListener {
  readonly reads: { readonly sector: number; readonly content: number }[] = [];
  readonly steps: RememberedStep[] = [];
  readonly #touched: Set<number> = new Set();
  #unseen = -1;

  read(sector: number, content: number): void {
    if (this.#touched.has(sector)) return;
    this.#touched.add(sector);
    this.reads.push({ sector, content });
  }

  erased(sector: number): void {
    if (this.#touched.has(sector)) return;
    this.#touched.add(sector);
    this.#unseen = sector;
  }

  /** A step is about to be taken in a context. */
  step(step: RunStep, before: StateContext): void {
    if (step.kind === 'flash') {
      const isUnseen = step.effect.kind === 'erase' && step.sector === this.#unseen;
      this.#unseen = -1;
      this.steps.push(isUnseen ? { kind: 'erase', sector: step.sector } : step);
      return;
    }
    const { counters, position } = step.context;
    if (position !== before.position) this.steps.push({ kind: 'position', position });
    else this.steps.push({ kind: 'counters', counters });
  }
}
