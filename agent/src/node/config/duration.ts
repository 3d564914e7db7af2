import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

const FACTORS_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['min', 60_000],
  ['h', 3_600_000],
]);
const DURATION_PATTERN = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|min|h)$/;

/** Reads a time as files have it, in milliseconds: `250 ms`, `10s`, `1.5 min`. Refuses `duration-malformed`. */
export function parseDuration(text: string): Verdict<number, 'duration-malformed'> {
  const match = DURATION_PATTERN.exec(text);
  // 1.001 s is 1001 ms, though not in binary fractions.
  const value = roundToWhole(Number(match?.[1]) * (FACTORS_MS.get(match?.[2] ?? '') ?? Number.NaN));
  return Number.isSafeInteger(value)
    ? accept(value)
    : reject('duration-malformed', 'write a time as 250ms, 10s, 5min or 1h');
}

/** Writes a time in the largest unit that says it exactly. */
export function formatDuration(durationMs: number): string {
  const exact = [...FACTORS_MS].reverse().find(([, factor]) => durationMs % factor === 0);
  const [unit, factor] = durationMs === 0 || exact === undefined ? ['ms', 1] : exact;
  return `${durationMs / factor}${unit}`;
}

/** As a part of the value: far above what binary fractions lose, far below a thousandth. */
const ROUNDING_MAX = 1e-12;

/** The whole number that was meant; what is no whole number of milliseconds stays as it is. */
function roundToWhole(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value - whole) <= ROUNDING_MAX * Math.max(1, value) ? whole : value;
}
