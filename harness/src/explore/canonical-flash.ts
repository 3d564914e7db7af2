import type { SectorContents } from '@brickproof/bootloader-sim';
import type { EffectPool } from './effect-pool.js';
import { FillerTracks, joined, type ByteRange } from './true-ranges.js';

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
  readonly #wholeNumbers: Set<number> = new Set();
  readonly #known: Map<number, Map<number, number>> = new Map();
  readonly #tracks: FillerTracks;

  constructor(effects: EffectPool, keptRanges: (sector: number) => readonly ByteRange[] | 'all') {
    this.#effects = effects;
    this.#keptRanges = keptRanges;
    this.#tracks = new FillerTracks(effects);
  }

  /** These contents are those of a device without power cuts. */
  addWhole(content: number): void {
    const contents = this.#effects.contents.contents(content);
    const key = textOf(contents.bytes);
    if (this.#whole.has(key)) return;
    const whole = this.#effects.admit(allProgrammed(contents));
    this.#whole.set(key, whole);
    this.#wholeNumbers.add(whole);
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
    if (!this.#tracks.isTrue(content, range)) throw new LeftOutBytes(sector);
  }

  /** Holds a write without an erase to words of which is known whether they were written. */
  guardWrite(sector: number, content: number, range: ByteRange): void {
    const isKnown = !this.#wholeNumbers.has(content) && this.#tracks.isTrue(content, range);
    if (!isKnown && this.#keptRanges(sector) !== 'all') throw new LeftOutBytes(sector);
  }

  #reduce(content: number, kept: readonly ByteRange[]): number {
    if (this.#tracks.isMarked(content)) return content;
    const contents = this.#effects.contents.contents(content);
    const { bytes, unstable } = contents;
    const whole = unstable === undefined ? this.#whole.get(textOf(bytes)) : undefined;
    if (whole !== undefined) return whole;
    const isOpen = kept.some(({ start, end }) =>
      unstable?.subarray(start, end).some((cells) => cells !== 0),
    );
    if (isOpen) return content;
    const reduced = new Uint8Array(bytes.byteLength).fill(FILLER);
    for (const { start, end } of kept) reduced.set(bytes.subarray(start, end), start);
    const left = this.#effects.admit(this.#withPrograms(contents, reduced, kept));
    // What was copied from such contents may be filler itself.
    const isTrue = (range: ByteRange): boolean => this.#tracks.isTrue(content, range);
    this.#tracks.mark(left, joined(kept.filter(isTrue)));
    return left;
  }

  /** Words that are kept may still be written; of the others nobody may say whether they could. */
  #withPrograms(
    { programmed }: SectorContents,
    bytes: Uint8Array,
    kept: readonly ByteRange[],
  ): SectorContents {
    const { writeAlignBytes } = this.#effects.cells;
    const words = new Uint8Array(programmed.byteLength).fill(0xff);
    for (const { start, end } of kept) {
      const first = Math.ceil(start / writeAlignBytes);
      for (let word = first; (word + 1) * writeAlignBytes <= end; word += 1) {
        const bit = 1 << (word & 7);
        const isProgrammed = ((programmed[word >> 3] ?? 0) & bit) !== 0;
        if (!isProgrammed) words[word >> 3] = (words[word >> 3] ?? 0) & ~bit;
      }
    }
    return { bytes, programmed: words, unstable: undefined };
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
