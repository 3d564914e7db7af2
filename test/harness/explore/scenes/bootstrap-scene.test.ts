import { describe, expect, it } from 'vitest';
import { brokenIn, reportOf, type SceneCase, WORDS_OF_16 } from './explored-scene.js';

/**
 * What is broken with two of the swaps is a finding (one cut): where the first sector of the copy
 * lost a bit of the header's magic, the bootloader cannot read that header, and does not start over.
 */
const CASES: readonly SceneCase[] = [
  { strategy: 'swap-using-offset', statesMin: 18, deepest: 2, broken: ['boots-something'] },
  { strategy: 'swap-using-move', statesMin: 18, deepest: 2, broken: ['boots-something'] },
  { strategy: 'swap-using-scratch', flash: WORDS_OF_16, statesMin: 20, deepest: 2 },
  { strategy: 'overwrite-only', statesMin: 18, deepest: 2 },
];

describe.each(CASES)('an empty primary slot, $strategy', (options) => {
  it('is explored until nothing is left to try', () => {
    const report = reportOf('bootstrap', options);
    expect(report.drained).toBe(options.cutsMax === undefined);
    expect(report.states).toBeGreaterThanOrEqual(options.statesMin);
    expect(report.deepestNewCut).toBe(options.deepest);
    expect(brokenIn(report)).toEqual(options.broken ?? []);
  });
});
