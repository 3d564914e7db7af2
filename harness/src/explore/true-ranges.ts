import type { EffectPool, Origin } from './effect-pool.js';

/** A range of bytes in a sector. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Which bytes of contents are those that the device would really have there. */
export type TrueRanges = readonly ByteRange[] | 'all';

/**
 * Follows filler on its way: contents of which bytes were left out, and all that was made of them
 * since, by writing upon them or by copying them elsewhere.
 */
export class FillerTracks {
  readonly #effects: EffectPool;
  readonly #known: Map<number, TrueRanges> = new Map();

  constructor(effects: EffectPool) {
    this.#effects = effects;
  }

  /** These contents have filler everywhere but in some ranges. Fewer ranges win. */
  mark(content: number, ranges: readonly ByteRange[]): void {
    const known = this.#known.get(content);
    if (known === undefined || known === 'all' || ranges.length < known.length) {
      this.#known.set(content, ranges);
    }
  }

  /** Whether some bytes were left out of these very contents. */
  isMarked(content: number): boolean {
    const known = this.#known.get(content);
    return known !== undefined && known !== 'all';
  }

  /** The bytes of contents that are true. */
  trueRanges(content: number): TrueRanges {
    const known = this.#known.get(content);
    if (known !== undefined) return known;
    const origin = this.#effects.originOf(content);
    const ranges = origin === undefined ? 'all' : this.#rangesOf(origin);
    this.#known.set(content, ranges);
    return ranges;
  }

  /** Whether all bytes of a range are true. */
  isTrue(content: number, range: ByteRange): boolean {
    const ranges = this.trueRanges(content);
    return ranges === 'all' || ranges.some((one) => contains(one, range));
  }

  #rangesOf({ effect, tear }: Origin): TrueRanges {
    const bases = effect.base.map((base) => this.trueRanges(base));
    if (effect.kind === 'erase') return tear === undefined ? 'all' : (bases[0] ?? 'all');
    const owner = this.#effects.data.ownerOf(effect.data);
    const isDataTrue = owner === undefined || this.trueRanges(owner) === 'all';
    if (isDataTrue && bases.every((base) => base === 'all')) return 'all';
    // What was written over several sectors at once is not followed any further.
    const [base = 'all', ...others] = bases;
    if (others.length > 0) return [];
    const { byteLength } = this.#effects.data.bytes(effect.data);
    const written: ByteRange = { start: effect.offset, end: effect.offset + byteLength };
    if (!isDataTrue) return without(base, written);
    return base === 'all' || tear !== undefined ? base : joined([...base, written]);
  }
}

function contains(one: ByteRange, other: ByteRange): boolean {
  return one.start <= other.start && other.end <= one.end;
}

function without(ranges: TrueRanges, gap: ByteRange): readonly ByteRange[] {
  const all = ranges === 'all' ? [{ start: 0, end: Infinity }] : ranges;
  return all
    .flatMap(({ start, end }) => [
      { start, end: Math.min(end, gap.start) },
      { start: Math.max(start, gap.end), end },
    ])
    .filter(({ start, end }) => start < end);
}

/** Ranges that touch each other are one. */
export function joined(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const whole: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = whole.at(-1);
    if (last === undefined || range.start > last.end) whole.push(range);
    else whole[whole.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
  }
  return whole;
}
