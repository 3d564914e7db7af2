import {
  NorFlash,
  createFlashGeometry,
  type ErasedValue,
  type FlashEffect,
  type FlashGeometry,
  type FlashRejectCode,
  type SectorContents,
  type Verdict,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';

/**
 * What may be left of an operation in which the power goes, beside all of it and nothing of it.
 *
 * | tear | what is left |
 * | --- | --- |
 * | `prefix` | the first words of a write |
 * | `one-bit` | a write without one bit of one word |
 * | `mixed` | a word of which half the bits are written, behind those before it; or a whole write so |
 * | `weak-erase` | an erase that reads as erased, or with half of its bits erased; nothing can be written before the sector is erased again |
 * | `stale-erase` | the same, and it reads as before |
 * | `flicker` | words of a write, or a sector, that read differently at every read |
 *
 * All but the last say the same at every read. They are the rows of the table at `FlashEffect`.
 */
export type TearKind = 'prefix' | 'one-bit' | 'mixed' | 'weak-erase' | 'stale-erase' | 'flicker';

/** All tears, for people to choose from. */
export const TEAR_KINDS: readonly TearKind[] = [
  'prefix',
  'one-bit',
  'mixed',
  'weak-erase',
  'stale-erase',
  'flicker',
];

/** Those of a flash that says the same at every read, and takes what it seems to take. */
export const STEADY_TEARS: readonly TearKind[] = ['prefix', 'one-bit', 'mixed', 'weak-erase'];

/** In longer writes, words are torn in three places only: the first, the middle and the last. */
export const TORN_WORDS_MAX = 16;

/** Every other bit: cells of a torn word are half programmed, those of a torn erase half erased. */
export const HALF_OF_BITS = 0x55;
const ALL_BITS = 0xff;

/** The cells that sectors are made of. */
export interface FlashCells {
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
}

/** An operation on a few neighbouring sectors; the offset counts from the start of the first. */
export type SectorOperation =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: 'erase' };

/** What is left of an operation: an effect of the fault model, and how its unstable cells settle. */
export interface Tear {
  readonly effect: FlashEffect;
  /** Which of the unstable cells read as programmed from now on; undefined: they flicker. */
  readonly settled: number | undefined;
}

/** Carries out operations on a few sectors, with the flash that everything else runs on. */
export class SectorBench {
  readonly cells: FlashCells;
  /** By the sizes of the sectors. */
  readonly #geometries: Map<string, FlashGeometry> = new Map();

  constructor(cells: FlashCells) {
    this.cells = cells;
  }

  /** The sectors after an operation that succeeds, or its refusal. */
  apply(
    sectors: readonly SectorContents[],
    operation: SectorOperation,
  ): Verdict<readonly SectorContents[], FlashRejectCode> {
    const flash = this.#flashOf(sectors);
    const done = run(flash, operation);
    return done.ok ? { ok: true, value: flash.snapshot().sectors } : done;
  }

  /** The sectors after an operation that was torn so. */
  tear(
    sectors: readonly SectorContents[],
    operation: SectorOperation,
    { effect, settled }: Tear,
  ): readonly SectorContents[] {
    const flash = this.#flashOf(sectors);
    flash.watch(() => ({ kind: 'failure', effect }));
    run(flash, operation);
    const torn = flash.snapshot().sectors;
    return settled === undefined ? torn : torn.map((contents) => settle(contents, settled));
  }

  #flashOf(sectors: readonly SectorContents[]): NorFlash {
    const sizes = sectors.map(({ bytes }) => bytes.byteLength);
    const key = sizes.join();
    const known = this.#geometries.get(key);
    if (known !== undefined) return new NorFlash({ geometry: known, sectors });
    const sectorRuns = sizes.map((sizeBytes) => ({ count: 1, sizeBytes }));
    const geometry = createFlashGeometry({ sectorRuns, ...this.cells });
    if (!geometry.ok) throw new Error(geometry.detail);
    this.#geometries.set(key, geometry.value);
    return new NorFlash({ geometry: geometry.value, sectors });
  }
}

function run(flash: NorFlash, operation: SectorOperation): Verdict<void, FlashRejectCode> {
  return operation.kind === 'write'
    ? flash.write(operation.offset, operation.data)
    : flash.erase(0, flash.geometry.sizeBytes);
}

/** Every tear of these kinds that an operation may suffer. */
export function tearsOf(
  operation: SectorOperation,
  kinds: readonly TearKind[],
  cells: FlashCells,
): readonly Tear[] {
  return operation.kind === 'erase'
    ? eraseTears(kinds)
    : writeTears(operation.data.byteLength / cells.writeAlignBytes, kinds);
}

function eraseTears(kinds: readonly TearKind[]): readonly Tear[] {
  const tears: Tear[] = [];
  if (kinds.includes('weak-erase')) {
    for (const settled of [0, HALF_OF_BITS]) tears.push({ effect: 'weak', settled });
  }
  if (kinds.includes('stale-erase')) tears.push({ effect: 'weak', settled: ALL_BITS });
  if (kinds.includes('flicker')) tears.push({ effect: 'weak', settled: undefined });
  return tears;
}

function writeTears(words: number, kinds: readonly TearKind[]): readonly Tear[] {
  const tears: Tear[] = [];
  const steady = (effect: FlashEffect): Tear => ({ effect, settled: HALF_OF_BITS });
  if (kinds.includes('prefix')) {
    for (const word of tornWords(words)) {
      if (word > 0) tears.push({ effect: { kind: 'prefix', words: word }, settled: 0 });
    }
  }
  for (const word of tornWords(words)) {
    if (kinds.includes('one-bit')) {
      tears.push({ effect: { kind: 'one-bit-short', word }, settled: 0 });
    }
    const effect = { kind: 'unstable', firstWord: word, words: 1 } as const;
    if (kinds.includes('mixed')) tears.push(steady(effect));
    if (kinds.includes('flicker')) tears.push({ effect, settled: undefined });
  }
  if (words > 1 && kinds.includes('mixed')) tears.push(steady({ kind: 'unstable' }));
  return tears;
}

function tornWords(words: number): readonly number[] {
  if (words > TORN_WORDS_MAX) return [0, Math.floor(words / 2), words - 1];
  return Array.from({ length: words }, (_, word) => word);
}

/** Makes unstable cells say the same from now on. */
function settle(contents: SectorContents, pattern: number): SectorContents {
  const { bytes, programmed, unstable } = contents;
  if (unstable === undefined) return contents;
  const settled = bytes.slice();
  for (const [index, cells] of unstable.entries()) {
    settled[index] = (settled[index] ?? 0) ^ (cells & pattern);
  }
  return { bytes: settled, programmed, unstable: undefined };
}
