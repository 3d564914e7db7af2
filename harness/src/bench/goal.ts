/** One figure and what it has to be. */
export interface Goal {
  readonly name: string;
  readonly measured: number;
  readonly unit: string;
  /** `at-least` or `at-most` the limit; `none` for a figure that is told and not judged. */
  readonly bound: 'at-least' | 'at-most' | 'none';
  readonly limit: number | undefined;
  readonly held: boolean;
  /** How it was measured, in a sentence. */
  readonly note: string;
}

/** A figure that is judged. */
export function goal(options: {
  readonly name: string;
  readonly measured: number;
  readonly unit: string;
  readonly bound: 'at-least' | 'at-most';
  readonly limit: number;
  readonly note: string;
}): Goal {
  const { measured, bound, limit } = options;
  // Not a number, from a measurement that went wrong, holds nothing.
  const held = bound === 'at-least' ? measured >= limit : measured <= limit;
  return { ...options, held };
}

/** A figure beside the goals, for the reader. */
export function figure(options: Pick<Goal, 'name' | 'measured' | 'unit' | 'note'>): Goal {
  return { ...options, bound: 'none', limit: undefined, held: true };
}

/** The middle of some numbers: what one slow run does not move. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? NaN : (lower + upper) / 2;
}
