import { describe, expect, it } from 'vitest';
import { brokenIn, reportOf, type SceneCase, WORDS_OF_16 } from './explored-scene.js';

const CASES: readonly SceneCase[] = [
  {
    strategy: 'overwrite-only',
    flash: WORDS_OF_16,
    tears: ['one-bit'],
    statesMin: 2400,
    deepest: 6,
  },
  { strategy: 'direct-xip', flash: WORDS_OF_16, tears: ['prefix'], statesMin: 1200, deepest: 5 },
];

describe.each(CASES)('a store that is written to, $strategy', (options) => {
  it('is explored until nothing is left to try', () => {
    const report = reportOf('store', options);
    expect(report.drained).toBe(options.cutsMax === undefined);
    expect(report.states).toBeGreaterThanOrEqual(options.statesMin);
    expect(report.deepestNewCut).toBe(options.deepest);
    expect(brokenIn(report)).toEqual(options.broken ?? []);
  });
});
