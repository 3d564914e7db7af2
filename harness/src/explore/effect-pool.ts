import {
  DONE,
  type FlashRejectCode,
  type SectorContents,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { ContentPool } from './content-pool.js';
import { highestProgrammed, type LastWordRegion } from './last-word-region.js';
import { NumberList } from './number-list.js';
import {
  SectorBench,
  tearsOf,
  type FlashCells,
  type SectorOperation,
  type Tear,
  type TearKind,
} from './tears.js';
import { WriteData } from './write-data.js';

/** An operation on the contents of a few neighbouring sectors, and what becomes of them. */
export interface Effect {
  readonly number: number;
  readonly kind: 'write' | 'erase';
  /** In the first sector. */
  readonly offset: number;
  /** A number of `WriteData`; -1 for an erase. */
  readonly data: number;
  /** What the sectors count as while it happens: torn words that are forgotten count as whole. */
  readonly base: readonly number[];
  /** What they hold when it succeeds. */
  applied: readonly number[];
  readonly refused: Verdict<void, FlashRejectCode>;
  /** What they may hold when it is torn, in the order of its tears; undefined until asked for. */
  torn: readonly TornContents[] | undefined;
  /** What its outcomes count as once their torn words are forgotten; undefined: as themselves. */
  readonly healing: Healing | undefined;
}

/** A torn word of a region counts as whole; or the outcomes of an effect as those of another. */
type Healing = 'whole' | Effect;

/** One torn outcome of an effect. */
export interface TornContents {
  readonly tear: Tear;
  readonly contents: readonly number[];
}

/** How a content number came about. */
export interface Origin {
  readonly effect: Effect;
  readonly tear: Tear | undefined;
  readonly sector: number;
}

/** A write to a sector with a region, by its data's number. */
interface RegionWrite {
  readonly offset: number;
  readonly data: number;
  readonly region: LastWordRegion | undefined;
}

const PLACES_LIMIT = 2 ** 26;
const NO_DATA = -1;

/**
 * Everything that operations make of the contents of sectors, found out once: contents and
 * operations come again and again, in one state after another.
 *
 * In a `LastWordRegion` a torn word is forgotten as soon as a word behind it is written: from then
 * on it counts as whole, or each cut within a swap's status would double the number of states.
 * Whoever reads it all the same has to be given everything that it may hold (`ExploredFlash`).
 */
export class EffectPool {
  readonly contents: ContentPool;
  readonly data: WriteData;
  readonly #bench: SectorBench;
  readonly #kinds: readonly TearKind[];
  readonly #effects: Effect[] = [];
  readonly #writes: Map<number, Map<number, Effect>> = new Map();
  readonly #wideWrites: Map<string, Effect> = new Map();
  readonly #erases: Map<number, Effect> = new Map();
  readonly #origins: (Origin | undefined)[] = [];
  /** For each of the contents: the same without torn words in its region. */
  readonly #healed: NumberList = new NumberList();

  constructor(options: { readonly cells: FlashCells; readonly tears: readonly TearKind[] }) {
    this.#bench = new SectorBench(options.cells);
    this.#kinds = options.tears;
    this.contents = new ContentPool((content) => this.#makeAgain(content));
    this.data = new WriteData(this.contents);
  }

  get cells(): FlashCells {
    return this.#bench.cells;
  }

  /** The number of contents that an exploration starts from. */
  admit(contents: SectorContents): number {
    const content = this.#intern(contents, undefined);
    this.contents.pin(content);
    return content;
  }

  effect(number: number): Effect {
    const effect = this.#effects[number];
    if (effect === undefined) throw new RangeError(`no effect ${number}`);
    return effect;
  }

  /** A write to sectors that hold `before`; the region is that of the first sector. */
  write(
    before: readonly number[],
    place: { readonly offset: number; readonly region: LastWordRegion | undefined },
    bytes: Uint8Array,
  ): Effect {
    const data = this.data.intern(bytes);
    const { offset, region } = place;
    const [first = 0] = before;
    if (before.length > 1) {
      const key = `${before.join()}/${offset}/${data}`;
      const known = this.#wideWrites.get(key);
      if (known !== undefined) return known;
      const made = this.#make({ kind: 'write', offset, data, base: before });
      this.#wideWrites.set(key, made);
      return made;
    }
    const owner = first * 2 + (region === undefined ? 0 : 1);
    let known = this.#writes.get(owner);
    if (known === undefined) {
      known = new Map();
      this.#writes.set(owner, known);
    }
    const key = offset * PLACES_LIMIT + data;
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = this.#makeWrite(first, { offset, data, region });
    known.set(key, made);
    return made;
  }

  /** The erase of a sector. */
  erase(before: number): Effect {
    const known = this.#erases.get(before);
    if (known !== undefined) return known;
    const made = this.#make({ kind: 'erase', offset: 0, data: NO_DATA, base: [before] });
    this.#erases.set(before, made);
    return made;
  }

  /** What may be left of an effect that is torn. */
  tornBy(effect: Effect): readonly TornContents[] {
    if (effect.torn !== undefined) return effect.torn;
    const operation = this.#operationOf(effect);
    const base = effect.base.map((content) => this.contents.contents(content));
    const torn = tearsOf(operation, this.#kinds, this.cells).map((tear): TornContents => {
      const sectors = this.#bench.tear(base, operation, tear);
      const contents = sectors.map((torn, sector) => this.#intern(torn, { effect, tear, sector }));
      return { tear, contents };
    });
    this.#healTorn(effect, torn);
    effect.torn = torn;
    return torn;
  }

  /** The same contents without torn words in the region of their sector. */
  healed(content: number): number {
    return this.#healed.at(content);
  }

  /** What contents were made by; undefined for those that an exploration starts from. */
  originOf(content: number): Origin | undefined {
    return this.#origins[content];
  }

  #healTorn({ healing, applied }: Effect, torn: readonly TornContents[]): void {
    if (healing === undefined) return;
    const alike = healing === 'whole' ? undefined : this.tornBy(healing);
    for (const [index, { contents }] of torn.entries()) {
      const as = alike === undefined ? applied[0] : alike[index]?.contents[0];
      this.#heal(contents[0], as);
    }
  }

  #makeWrite(before: number, write: RegionWrite): Effect {
    const { offset, data, region } = write;
    const made = { kind: 'write', offset, data } as const;
    if (region === undefined) return this.#make({ ...made, base: [before] });
    const healed = this.healed(before);
    if (this.#isBehindAll(before, offset, region)) {
      return this.#make({ ...made, base: [healed], healing: 'whole' });
    }
    if (healed === before) return this.#make({ ...made, base: [before] });
    const alike = this.write([healed], { offset, region }, this.data.bytes(data));
    return this.#make({ ...made, base: [before], healing: alike });
  }

  #isBehindAll(before: number, offset: number, region: LastWordRegion): boolean {
    if (offset < region.start || offset >= region.end) return false;
    const { writeAlignBytes } = this.cells;
    const highest = highestProgrammed(this.contents.contents(before), region, writeAlignBytes);
    return highest < Math.floor(offset / writeAlignBytes);
  }

  #make(options: {
    readonly kind: 'write' | 'erase';
    readonly offset: number;
    readonly data: number;
    readonly base: readonly number[];
    readonly healing?: Healing;
  }): Effect {
    const { base, healing } = options;
    const number = this.#effects.length;
    const done = this.#bench.apply(
      base.map((content) => this.contents.contents(content)),
      this.#operationOf(options),
    );
    const made = { ...options, number, healing, torn: undefined };
    const effect: Effect = done.ok
      ? { ...made, applied: [], refused: DONE }
      : { ...made, applied: base, refused: done };
    this.#effects.push(effect);
    if (!done.ok) return effect;
    const applied = done.value.map((contents, sector) => {
      const content = this.#intern(contents, { effect, tear: undefined, sector });
      this.contents.pin(content);
      return content;
    });
    if (typeof healing === 'object') this.#heal(applied[0], healing.applied[0]);
    effect.applied = applied;
    return effect;
  }

  #operationOf({ kind, offset, data }: Pick<Effect, 'kind' | 'offset' | 'data'>): SectorOperation {
    return kind === 'erase' ? { kind } : { kind, offset, data: this.data.bytes(data) };
  }

  /** The number of contents; those that are new count as themselves until told otherwise. */
  #intern(contents: SectorContents, origin: Origin | undefined): number {
    const content = this.contents.intern(contents);
    if (content === this.#origins.length) {
      this.#origins.push(origin);
      this.#healed.push(content);
    }
    return content;
  }

  #heal(content: number | undefined, as: number | undefined): void {
    if (content === undefined || as === undefined) return;
    if (this.#healed.at(content) === content) this.#healed.set(content, this.#healed.at(as));
  }

  #makeAgain(content: number): SectorContents {
    const origin = this.#origins[content];
    if (origin === undefined) throw new RangeError(`contents ${content} come from nowhere`);
    const { effect, tear, sector } = origin;
    const base = effect.base.map((before) => this.contents.contents(before));
    const operation = this.#operationOf(effect);
    if (tear !== undefined) return sectorOf(this.#bench.tear(base, operation, tear), sector);
    const applied = this.#bench.apply(base, operation);
    if (!applied.ok) throw new Error(applied.detail);
    return sectorOf(applied.value, sector);
  }
}

function sectorOf(sectors: readonly SectorContents[], index: number): SectorContents {
  const contents = sectors[index];
  if (contents === undefined) throw new RangeError(`no sector ${index}`);
  return contents;
}
