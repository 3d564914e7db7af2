import type { SectorContents } from '@brickproof/bootloader-sim';
import type { EffectPool } from './effect-pool.js';

/** A range of bytes in a sector. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Thrown when bytes are looked at that were left out of the states: the sector has to be kept. */
export class LeftOutBytes extends Error {
  readonly sector: number;

  constructor(sector: number) {
    super(`bytes of sector ${sector} are looked at that were left out`);
    this.sector = sector;
  }
}

/** Neither erased value; what bytes are said to be that nobody looks at. */
const FILLER = 0xa5;

/**
 * What a sector counts as in a state. Most of what lies between header and trailer is only ever
 * copied, and hashed: either it is a sector of an image, or the hash will not be right whatever it
 * is. So of contents that are none that a device without power cuts would have, only those bytes
 * are kept that somebody may look at; that nobody looks at the others is checked at every read
 * (`LeftOutBytes`).
 */
export class CanonicalSectors {
  readonly #effects: EffectPool;
  readonly #keptRanges: (sector: number) => readonly ByteRange[] | 'all';
  /** By hash of their bytes: contents that are whole. */
  readonly #whole: Map<string, number> = new Map();
  readonly #known: Map<number, Map<number, number>> = new Map();
  /** Contents of which some bytes were left out, and the ranges that are true. */
  readonly #leftOut: Map<number, readonly ByteRange[]> = new Map();
  /** By contents: whether they were made of such that bytes were left out of. */
  readonly #isMadeOfThem: Map<number, boolean> = new Map();

  constructor(effects: EffectPool, keptRanges: (sector: number) => readonly ByteRange[] | 'all') {
    this.#effects = effects;
    this.#keptRanges = keptRanges;
  }

  /** These contents are those of a device without power cuts. */
  addWhole(content: number): void {
    const contents = this.#effects.contents.contents(content);
    const key = textOf(contents.bytes);
    if (this.#whole.has(key)) return;
    this.#whole.set(key, this.#effects.admit(allProgrammed(contents)));
  }

  /** What the contents of a sector count as. */
  canonical(sector: number, content: number): number {
    const kept = this.#keptRanges(sector);
    if (kept === 'all') return content;
    let known = this.#known.get(sector);
    if (known === undefined) {
      known = new Map();
      this.#known.set(sector, known);
    }
    const found = known.get(content);
    if (found !== undefined) return found;
    const made = this.#reduce(content, kept);
    known.set(content, made);
    return made;
  }

  /** Holds a read to what was kept. */
  guard(sector: number, content: number, range: ByteRange): void {
    const kept = this.#leftOut.get(content);
    if (kept === undefined) {
      if (this.#isDerived(content)) throw new LeftOutBytes(sector);
      return;
    }
    const isKept = kept.some(({ start, end }) => start <= range.start && range.end <= end);
    if (!isKept) throw new LeftOutBytes(sector);
  }

  #reduce(content: number, kept: readonly ByteRange[]): number {
    if (this.#leftOut.has(content)) return content;
    const contents = this.#effects.contents.contents(content);
    const { bytes, programmed, unstable } = contents;
    if (unstable === undefined && programmed.every((word) => word === 0)) return content;
    const whole = unstable === undefined ? this.#whole.get(textOf(bytes)) : undefined;
    if (whole !== undefined) return whole;
    const isOpen = kept.some(({ start, end }) =>
      unstable?.subarray(start, end).some((cells) => cells !== 0),
    );
    if (isOpen) return content;
    const reduced = new Uint8Array(bytes.byteLength).fill(FILLER);
    for (const { start, end } of kept) reduced.set(bytes.subarray(start, end), start);
    const left = this.#effects.admit(allProgrammed({ ...contents, bytes: reduced }));
    // What was copied from such contents may be no more than filler itself.
    if (this.#isDerived(content)) this.#leftOut.set(left, []);
    else if (!this.#leftOut.has(left)) this.#leftOut.set(left, kept);
    return left;
  }

  #isDerived(content: number): boolean {
    if (this.#leftOut.size === 0) return false;
    const known = this.#isMadeOfThem.get(content);
    if (known !== undefined) return known;
    const sources = this.#effects.sourcesOf(content);
    const isDerived = sources.some(
      (source) => this.#leftOut.has(source) || this.#isDerived(source),
    );
    this.#isMadeOfThem.set(content, isDerived);
    return isDerived;
  }
}

/** Such contents are always erased before anything is written there. */
function allProgrammed({ bytes, programmed }: SectorContents): SectorContents {
  const all = new Uint8Array(programmed.byteLength).fill(0xff);
  return { bytes, programmed: all, unstable: undefined };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
