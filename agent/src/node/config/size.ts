import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

const FACTORS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 * 1024],
]);
const SIZE_PATTERN = /^(0x[0-9a-f]{1,12}|\d{1,15})(KiB|MiB)?$/i;

/**
 * Reads a size or a number as flags and files have them: `4096`, `0x1000`, `4KiB`, `1MiB`. Refuses
 * `size-malformed`.
 */
export function parseSize(text: string): Verdict<number, 'size-malformed'> {
  const match = SIZE_PATTERN.exec(text);
  const unit = (match?.[2] ?? '').replace(/^(k|m)ib$/i, (u) => `${u.charAt(0).toUpperCase()}iB`);
  const value = Number(match?.[1]) * (FACTORS.get(unit) ?? Number.NaN);
  return Number.isSafeInteger(value)
    ? accept(value)
    : reject('size-malformed', 'write a size as 4096, 0x1000, 4KiB or 1MiB');
}

/** A size for people: whole KiB or MiB where it is one, bytes otherwise. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [...FACTORS].reverse()) {
    if (factor > 1 && bytes >= factor && bytes % factor === 0) return `${bytes / factor} ${unit}`;
  }
  return `${bytes} bytes`;
}
