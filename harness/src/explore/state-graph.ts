import type { Effect, EffectPool, TornContents } from './effect-pool.js';
import { finishHash, InternTable, mixHash } from './intern-table.js';
import { NumberList } from './number-list.js';
import type { VectorPool } from './vector-pool.js';

/** What a device is beside its flash. */
export interface StateContext {
  /** The one-time-programmable security counters, one for each image. */
  readonly counters: readonly number[];
  /** How far the scene has come for those who look on; what it means, the scene knows. */
  readonly position: number;
}

/** One step of a run: an operation on flash, or a context that changes. */
export type RunStep =
  | { readonly kind: 'flash'; readonly effect: Effect; readonly sector: number }
  | { readonly kind: 'context'; readonly context: StateContext };

/** What the contents of a sector count as. */
export type CanonicalContent = (sector: number, content: number) => number;

/** What is told of each outcome of a step, when the step is taken for the first time. */
export interface StepOutcomes {
  /** The power goes before anything is done. */
  untouched(state: number): void;
  /** The power goes in the middle. */
  torn(state: number, index: number): void;
}

const UNKNOWN = -1;

/**
 * The states that a device can be in, each once: what its flash holds, and its context. A state is
 * a number. A step is an operation that happens in a state; each is tried with all its outcomes
 * once, however many runs take it.
 */
export class StateGraph {
  readonly #vectors: VectorPool;
  readonly #effects: EffectPool;
  readonly #roots: NumberList = new NumberList();
  readonly #contexts: NumberList = new NumberList();
  readonly #states: InternTable = new InternTable();
  readonly #knownContexts: StateContext[] = [];
  readonly #contextNumbers: Map<string, number> = new Map();
  readonly #steps: InternTable = new InternTable();
  readonly #stepFrom: NumberList = new NumberList();
  readonly #stepEffect: NumberList = new NumberList();
  readonly #stepSector: NumberList = new NumberList();
  readonly #stepTo: NumberList = new NumberList();
  /** By state: the one that it counts as, but for the store; -1 while that is not known. */
  readonly #canonical: NumberList = new NumberList();
  readonly #canonicalContent: CanonicalContent;
  /** How its store is counted; none where there is no store. */
  canonicalStore: { canonical(state: number): number } | undefined;
  #edges = 0;

  constructor(vectors: VectorPool, effects: EffectPool, canonicalContent: CanonicalContent) {
    this.#vectors = vectors;
    this.#effects = effects;
    this.#canonicalContent = canonicalContent;
  }

  get stateCount(): number {
    return this.#states.count;
  }

  /** The outcomes of all steps. */
  get edgeCount(): number {
    return this.#edges;
  }

  /** The state of a flash, given by what each sector holds, and its context. */
  intern(contents: ArrayLike<number>, context: StateContext): number {
    return this.#intern(this.#vectors.intern(contents), this.#internContext(context));
  }

  context(state: number): StateContext {
    const context = this.#knownContexts[this.#contexts.at(state)];
    if (context === undefined) throw new RangeError(`no state ${state}`);
    return context;
  }

  /** What each sector holds. */
  read(state: number, contents: Int32Array): void {
    this.#vectors.read(this.#roots.at(state), contents);
  }

  contentOf(state: number, sector: number): number {
    return this.#vectors.get(this.#roots.at(state), sector);
  }

  /** The state in which a sector holds something else. */
  withContent(state: number, sector: number, content: number): number {
    const root = this.#vectors.with(this.#roots.at(state), sector, content);
    return this.#intern(root, this.#contexts.at(state));
  }

  /** The state with the same flash in another context. */
  withContext(state: number, context: StateContext): number {
    return this.#intern(this.#roots.at(state), this.#internContext(context));
  }

  /** Takes a step, and answers the state that it leads to. */
  step(state: number, effect: Effect, sector: number, outcomes: StepOutcomes): number {
    const hash = finishHash(mixHash(mixHash(mixHash(0, state), effect.number), sector));
    // As `find`, without a function for each of the many steps that are known.
    for (let found = this.#steps.probe(hash, hash); found >= 0;) {
      const isSame =
        this.#stepFrom.at(found) === state &&
        this.#stepEffect.at(found) === effect.number &&
        this.#stepSector.at(found) === sector;
      if (isSame) return this.#stepTo.at(found);
      found = this.#steps.probe(hash, this.#steps.nextSlot);
    }
    const to = this.#after(state, sector, effect.applied);
    this.#steps.add(hash);
    this.#stepFrom.push(state);
    this.#stepEffect.push(effect.number);
    this.#stepSector.push(sector);
    this.#stepTo.push(to);
    this.#tryOutcomes(state, effect, sector, outcomes);
    return to;
  }

  /** Takes a step of a run, of either kind. */
  take(state: number, step: RunStep, outcomes: StepOutcomes): number {
    if (step.kind === 'flash') return this.step(state, step.effect, step.sector, outcomes);
    outcomes.untouched(state);
    return this.withContext(state, step.context);
  }

  /** The state that a torn operation leaves. */
  torn(state: number, sector: number, { contents }: TornContents): number {
    return this.#after(state, sector, contents);
  }

  #tryOutcomes(state: number, effect: Effect, sector: number, outcomes: StepOutcomes): void {
    const torn = this.#effects.tornBy(effect);
    this.#edges += torn.length + 2;
    outcomes.untouched(state);
    for (const [index, { contents }] of torn.entries()) {
      if (isSame(contents, effect.applied)) continue;
      outcomes.torn(this.#after(state, sector, contents), index);
    }
  }

  /** The state that stands for all that differ from it in nothing that matters. */
  canonical(state: number): number {
    const canonical = this.#canonicalSectors(state);
    return this.canonicalStore?.canonical(canonical) ?? canonical;
  }

  #canonicalSectors(state: number): number {
    const known = this.#canonical.at(state);
    if (known !== UNKNOWN) return known;
    let canonical = state;
    for (let sector = 0; sector < this.#vectors.length; sector += 1) {
      const content = this.contentOf(state, sector);
      canonical = this.withContent(canonical, sector, this.#canonicalContent(sector, content));
    }
    this.#canonical.set(state, canonical);
    return canonical;
  }

  /** Both the state and what it counts as change in these sectors alone. */
  #after(state: number, first: number, contents: readonly number[]): number {
    let root = this.#roots.at(state);
    for (const [index, content] of contents.entries()) {
      root = this.#vectors.with(root, first + index, content);
    }
    const after = this.#intern(root, this.#contexts.at(state));
    if (this.#canonical.at(after) !== UNKNOWN) return after;
    let canonical = this.#canonicalSectors(state);
    for (const [index, content] of contents.entries()) {
      const sector = first + index;
      canonical = this.withContent(canonical, sector, this.#canonicalContent(sector, content));
    }
    this.#canonical.set(after, canonical);
    return after;
  }

  #intern(root: number, context: number): number {
    const hash = finishHash(mixHash(mixHash(0, root), context));
    const found = this.#states.find(
      hash,
      (state) => this.#roots.at(state) === root && this.#contexts.at(state) === context,
    );
    if (found >= 0) return found;
    this.#roots.push(root);
    this.#contexts.push(context);
    this.#canonical.push(UNKNOWN);
    return this.#states.add(hash);
  }

  #internContext(context: StateContext): number {
    const key = `${context.position}/${context.counters.join()}`;
    const known = this.#contextNumbers.get(key);
    if (known !== undefined) return known;
    this.#contextNumbers.set(key, this.#knownContexts.length);
    return this.#knownContexts.push(context) - 1;
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((content, index) => content === b[index]);
}
