import type { FlashNoise, OneBitShort } from './fault.js';
import type { ErasedValue, SectorContents } from './geometry.js';

const BITS_PER_BYTE = 8;

/** Marks words as programmed, from the first up to, not including, the end. */
export function markProgrammed(programmed: Uint8Array, firstWord: number, endWord: number): void {
  for (let word = firstWord; word < endWord; word += 1) {
    programmed[word >> 3] = (programmed[word >> 3] ?? 0) | (1 << (word & 7));
  }
}

/** The first set bit from `first` up to, not including, `end`; whole clear bytes are skipped. */
export function firstSetBit(bits: Uint8Array, first: number, end: number): number | undefined {
  for (let bit = first; bit < end;) {
    const byte = bits[bit >> 3] ?? 0;
    if (byte === 0) {
      bit = (bit | 7) + 1;
      continue;
    }
    if ((byte & (1 << (bit & 7))) !== 0) return bit;
    bit += 1;
  }
  return undefined;
}

/**
 * A sector in which the cells that these bytes would have programmed are unstable, beside those
 * that were before. Their bits stay as erased in `bytes`: equal states look equal.
 */
export function withUnstable(
  contents: SectorContents,
  data: Uint8Array,
  at: { readonly start: number; readonly erasedValue: ErasedValue },
): SectorContents {
  const { start, erasedValue } = at;
  if (data.every((byte) => byte === erasedValue)) return contents;
  const unstable = contents.unstable ?? new Uint8Array(contents.bytes.byteLength);
  for (const [index, byte] of data.entries()) {
    unstable[start + index] = (unstable[start + index] ?? 0) | (byte ^ erasedValue);
  }
  return { ...contents, unstable };
}

/** The bytes of a range as this read happens to see them; a copy. */
export function readUnstable(
  contents: SectorContents,
  range: { readonly start: number; readonly end: number; readonly sectorOffset: number },
  noise: FlashNoise,
): Uint8Array {
  const bytes = contents.bytes.slice(range.start, range.end);
  if (contents.unstable === undefined) return bytes;
  for (const index of bytes.keys()) {
    const cells = contents.unstable[range.start + index] ?? 0;
    if (cells === 0) continue;
    const programmed = noise(range.sectorOffset + range.start + index);
    bytes[index] = (bytes[index] ?? 0) ^ (cells & programmed);
  }
  return bytes;
}

/** The data of a write that leaves one bit as erased; the same data when it programs nothing. */
export function withoutOneBit(
  data: Uint8Array,
  effect: OneBitShort,
  cells: { readonly writeAlignBytes: number; readonly erasedValue: ErasedValue },
): Uint8Array {
  const { writeAlignBytes: align, erasedValue } = cells;
  const words = data.byteLength / align;
  const bits = align * BITS_PER_BYTE;
  const firstWord = Math.min(effect.word ?? words - 1, words - 1);
  for (let step = 0; step < words; step += 1) {
    const word = (firstWord - step + words) % words;
    for (let bit = effect.bit ?? 0, tried = 0; tried < bits; bit += 1, tried += 1) {
      const byte = word * align + ((bit % bits) >> 3);
      const mask = 1 << (bit & 7);
      if ((((data[byte] ?? 0) ^ erasedValue) & mask) === 0) continue;
      return data.with(byte, (data[byte] ?? 0) ^ mask);
    }
  }
  return data;
}
