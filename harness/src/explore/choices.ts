/** One place in a run where something was free to be this or that. */
interface ChoicePoint {
  readonly taken: number;
  /** What else it could have been; more than `changesMax` allows is left out. */
  readonly others: readonly number[];
}

/**
 * Whatever a run leaves open: what a cell reads as that is not stable. A run is told the beginning
 * of its choices; from there on each place answers as it did before, or with 0.
 */
export class Choices {
  readonly #told: readonly number[];
  readonly #changesMax: number;
  readonly #points: ChoicePoint[] = [];
  readonly #remembered: Map<number, number> = new Map();
  #changes = 0;

  /** The same place may answer differently this often in a run. */
  constructor(told: readonly number[], changesMax: number) {
    this.#told = told;
    this.#changesMax = changesMax;
  }

  /** All choices that were made. */
  get taken(): readonly number[] {
    return this.#points.map(({ taken }) => taken);
  }

  /** Chooses one of `count` possibilities at a place. */
  choose(place: number, count: number): number {
    const before = this.#remembered.get(place);
    const usual = before ?? 0;
    const taken = this.#told[this.#points.length] ?? usual;
    const mayDiffer = before === undefined || this.#changes < this.#changesMax;
    const others: number[] = [];
    for (let other = 0; mayDiffer && other < count; other += 1) {
      if (other !== taken) others.push(other);
    }
    if (before !== undefined && taken !== before) this.#changes += 1;
    this.#remembered.set(place, taken);
    this.#points.push({ taken, others });
    return taken;
  }

  /** The beginnings of all runs that differ from this one first where it was not told. */
  others(): readonly (readonly number[])[] {
    const beginnings: (readonly number[])[] = [];
    for (let index = this.#told.length; index < this.#points.length; index += 1) {
      const before = this.taken.slice(0, index);
      for (const other of this.#points[index]?.others ?? []) beginnings.push([...before, other]);
    }
    return beginnings;
  }
}
