import { NumberList } from './number-list.js';

/** One run from a state: what cells read as, and what the firmware did, if the run came so far. */
export interface RunDescription {
  readonly bootChoices: readonly number[];
  /** The session's name; undefined for a run that is cut while the bootloader runs. */
  readonly session: string | undefined;
  readonly sessionChoices: readonly number[];
}

/** How a state was reached: from a state, in a run, at an operation. */
export interface Arrival {
  readonly parent: number;
  readonly run: RunDescription;
  /** The operation in which the power went, counted in the boot or in the session; -1: at the end. */
  readonly operation: number;
  /** Which tear of the operation; -1: nothing of it was done. */
  readonly tear: number;
}

const UNKNOWN = 0;
const NOWHERE = -1;

/**
 * The states that are still to be explored, those with the fewest cuts first, and how each state
 * was reached.
 */
export class Frontier {
  readonly #layers: NumberList[] = [];
  #layer = 0;
  #cursor = 0;
  /** By state: cuts + 1. */
  readonly #cuts: NumberList = new NumberList();
  readonly #parents: NumberList = new NumberList();
  readonly #runs: NumberList = new NumberList();
  readonly #operations: NumberList = new NumberList();
  readonly #tears: NumberList = new NumberList();
  readonly #expanded: NumberList = new NumberList();
  readonly #knownRuns: RunDescription[] = [];
  readonly #runNumbers: Map<string, number> = new Map();
  readonly #cutsMax: number;
  readonly #canonical: (state: number) => number;
  #known = 0;
  #deepest = 0;
  #wasCut = false;

  constructor(cutsMax: number, canonical: (state: number) => number) {
    this.#cutsMax = cutsMax;
    this.#canonical = canonical;
  }

  /** How many states were reached. */
  get known(): number {
    return this.#known;
  }

  /** The most cuts that a new state took. */
  get deepestNewCut(): number {
    return this.#deepest;
  }

  /** Some states were left out for the cuts that they take. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** How many states wait that take as many cuts as the one that was given out last. */
  get waiting(): number {
    return (this.#layers[this.#layer]?.length ?? 0) - this.#cursor;
  }

  get cuts(): number {
    return this.#layer;
  }

  /** The number of a run, for `add`. */
  describeRun(run: RunDescription): number {
    const key = `${run.bootChoices.join()}|${run.session ?? ''}|${run.sessionChoices.join()}`;
    const known = this.#runNumbers.get(key);
    if (known !== undefined) return known;
    this.#runNumbers.set(key, this.#knownRuns.length);
    return this.#knownRuns.push(run) - 1;
  }

  /** A state was reached with so many cuts. Only the way with the fewest is kept, the first such. */
  add(
    found: number,
    cuts: number,
    arrival:
      | {
          readonly parent: number;
          readonly run: number;
          readonly operation: number;
          readonly tear: number;
        }
      | undefined,
  ): void {
    const state = this.#canonical(found);
    if (cuts > this.#cutsMax) {
      if (this.cutsOf(state) === undefined) this.#wasCut = true;
      return;
    }
    this.#makeRoom(state);
    const before = this.#cuts.at(state);
    if (before !== UNKNOWN && before <= cuts + 1) return;
    if (before === UNKNOWN) {
      this.#known += 1;
      this.#deepest = Math.max(this.#deepest, cuts);
    }
    this.#cuts.set(state, cuts + 1);
    this.#parents.set(state, arrival?.parent ?? NOWHERE);
    this.#runs.set(state, arrival?.run ?? NOWHERE);
    this.#operations.set(state, arrival?.operation ?? NOWHERE);
    this.#tears.set(state, arrival?.tear ?? NOWHERE);
    (this.#layers[cuts] ??= new NumberList()).push(state);
  }

  /** The next state to be explored; undefined when nothing is left. */
  next(): number | undefined {
    while (this.#layer < this.#layers.length) {
      const layer = this.#layers[this.#layer];
      if (layer === undefined || this.#cursor >= layer.length) {
        this.#layers[this.#layer] = new NumberList();
        this.#layer += 1;
        this.#cursor = 0;
        continue;
      }
      const state = layer.at(this.#cursor);
      this.#cursor += 1;
      if (this.#expanded.at(state) !== UNKNOWN) continue;
      this.#expanded.set(state, 1);
      return state;
    }
    return undefined;
  }

  /** The fewest cuts that lead to a state; undefined when none is known that does. */
  cutsOf(state: number): number | undefined {
    const cuts = this.#cuts.at(state);
    return cuts === UNKNOWN ? undefined : cuts - 1;
  }

  /** How a state was reached; undefined for the first one. */
  arrivalOf(state: number): Arrival | undefined {
    const parent = this.#parents.at(state);
    const run = this.#knownRuns[this.#runs.at(state)];
    if (parent === NOWHERE || run === undefined) return undefined;
    return { parent, run, operation: this.#operations.at(state), tear: this.#tears.at(state) };
  }

  #makeRoom(state: number): void {
    while (this.#cuts.length <= state) {
      this.#cuts.push(UNKNOWN);
      for (const list of [this.#parents, this.#runs, this.#operations, this.#tears]) {
        list.push(NOWHERE);
      }
      this.#expanded.push(UNKNOWN);
    }
  }
}
