import {
  decodeRecord,
  decodeSectorHeader,
  encodeRecord,
  encodeSectorHeader,
  sectorHeaderSizeBytes,
  type PlacedRecord,
} from '@brickproof/agent';
import type { SectorContents } from '@brickproof/bootloader-sim';
import type { EffectPool } from './effect-pool.js';
import type { StateGraph } from './state-graph.js';
import type { FlashCells } from './tears.js';

const CONTENTS_LIMIT = 2 ** 26;

/** How much of a store is told apart: all of it, or only what its values say. */
export type StoreDetail = 'whole' | 'values';

/**
 * A store counts its sectors and records up for ever, and only ever compares those numbers: so
 * states are the same that differ in nothing but where they count from. Each is taken for the one
 * in which the oldest whole sector is the first, and the first record of each sector too.
 *
 * With the detail `values`, whatever else is in the store is left out as well: records that were
 * replaced, and the remains of what was torn. It is erased before anything is written there; that
 * it is, and that nobody takes it for a record, is shown where the detail is `whole`.
 */
export class CanonicalStore {
  readonly #graph: StateGraph;
  readonly #effects: EffectPool;
  readonly #sectors: readonly [number, number];
  readonly #detail: StoreDetail;
  readonly #known: Map<number, readonly [number, number]> = new Map();

  /** A store in two sectors of the flash. */
  constructor(
    graph: StateGraph,
    effects: EffectPool,
    options: { readonly sectors: readonly [number, number]; readonly detail: StoreDetail },
  ) {
    this.#graph = graph;
    this.#effects = effects;
    this.#sectors = options.sectors;
    this.#detail = options.detail;
  }

  /** The state that stands for this one. */
  canonical(state: number): number {
    const [first, second] = this.#sectors;
    const a = this.#graph.contentOf(state, first);
    const b = this.#graph.contentOf(state, second);
    const [x, y] = this.#pair(a, b);
    const half = x === a ? state : this.#graph.withContent(state, first, x);
    return y === b ? half : this.#graph.withContent(half, second, y);
  }

  #pair(a: number, b: number): readonly [number, number] {
    const key = a * CONTENTS_LIMIT + b;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const pair = this.#detail === 'whole' ? this.#renumberBoth(a, b) : this.#valuesOf(a, b);
    this.#known.set(key, pair);
    return pair;
  }

  #renumberBoth(a: number, b: number): readonly [number, number] {
    const [first, second] = [this.#generation(a), this.#generation(b)];
    const isBoth = first > 0 && second > 0;
    return [
      this.#renumbered(a, isBoth && first > second ? 2 : 1),
      this.#renumbered(b, isBoth && second > first ? 2 : 1),
    ];
  }

  #valuesOf(a: number, b: number): readonly [number, number] {
    const [one, other] = [this.#contents(a), this.#contents(b)];
    // What flickers may be read either way.
    if (one.unstable !== undefined || other.unstable !== undefined) return this.#renumberBoth(a, b);
    const [first, second] = [this.#generation(a), this.#generation(b)];
    const format = this.#effects.cells;
    const nothing = this.#effects.admit(emptied(one, format));
    if (first === 0 && second === 0) return [nothing, nothing];
    const newest = first > second ? one : other;
    return [this.#effects.admit(valuesAlone(newest, format)), nothing];
  }

  /** 0 for a sector without a whole header. */
  #generation(content: number): number {
    const { bytes } = this.#contents(content);
    const header = bytes.subarray(0, sectorHeaderSizeBytes(this.#effects.cells));
    return decodeSectorHeader(header) ?? 0;
  }

  #renumbered(content: number, generation: number): number {
    const contents = this.#contents(content);
    if (contents.unstable !== undefined || this.#generation(content) === 0) return content;
    return this.#effects.admit(renumber(contents, generation, this.#effects.cells));
  }

  #contents(content: number): SectorContents {
    return this.#effects.contents.contents(content);
  }
}

/** A sector that holds nothing, and has to be erased. */
function emptied(
  { bytes, programmed }: SectorContents,
  { erasedValue }: FlashCells,
): SectorContents {
  return {
    bytes: new Uint8Array(bytes.byteLength).fill(erasedValue),
    programmed: new Uint8Array(programmed.byteLength).fill(0xff),
    unstable: undefined,
  };
}

/** A sector with the values that it says, each once, in the order in which they were first set. */
function valuesAlone(contents: SectorContents, format: FlashCells): SectorContents {
  const values = new Map<number, Uint8Array>();
  for (const { key, deleted, value } of records(contents, format)) {
    if (deleted) values.delete(key);
    else values.set(key, value);
  }
  const alone = emptied(contents, format);
  alone.bytes.set(encodeSectorHeader(1, format));
  let at = sectorHeaderSizeBytes(format);
  let sequence = 0;
  for (const [key, value] of values) {
    sequence += 1;
    const record = encodeRecord({ key, value, sequence }, format);
    alone.bytes.set(record, at);
    at += record.byteLength;
  }
  return alone;
}

function renumber(
  contents: SectorContents,
  generation: number,
  format: FlashCells,
): SectorContents {
  const bytes = contents.bytes.slice();
  bytes.set(encodeSectorHeader(generation, format));
  let at = sectorHeaderSizeBytes(format);
  let sequence = 0;
  for (const { key, deleted, value, end } of records(contents, format)) {
    sequence += 1;
    bytes.set(encodeRecord({ key, value: deleted ? undefined : value, sequence }, format), at);
    at = end;
  }
  return { ...contents, bytes };
}

/** The records of a sector as the store reads them. */
function* records({ bytes }: SectorContents, format: FlashCells): Generator<PlacedRecord> {
  let sequence = 0;
  for (let at = sectorHeaderSizeBytes(format); ;) {
    const record = decodeRecord(bytes, at, format);
    if (record === undefined || record.sequence <= sequence) return;
    yield record;
    sequence = record.sequence;
    at = record.end;
  }
}
