import { describe, expect, it } from 'vitest';
import { brokenIn, reportOf, type SceneCase, WORDS_OF_16, WORDS_OF_8 } from './explored-scene.js';

/**
 * What is broken here is a finding in the swaps, and the same as in the scene `upgrade`: a copy-done
 * that lost a bit reads as a swap that is not under way, so the new image counts as confirmed
 * (`tried-first`); and a revert may lose its trailer before the other one says what is under way, so
 * the image that failed stays (`tried-once`).
 *
 * With swap-using-offset there is one more (`boots-something`, two cuts, nothing torn): a revert that
 * was cut and goes on writes the trailer of the secondary slot anew. Cut again before it erases that
 * trailer, it takes itself for a revert that has not begun, and nothing boots.
 */
const CASES: readonly SceneCase[] = [
  {
    strategy: 'swap-using-offset',
    flash: WORDS_OF_16,
    tears: ['prefix'],
    statesMin: 510,
    deepest: 6,
    broken: ['boots-something'],
  },
  {
    strategy: 'swap-using-move',
    flash: { ...WORDS_OF_8, sectorSizeBytes: 4096 },
    statesMin: 1860,
    deepest: 6,
    broken: ['tried-first', 'tried-once'],
  },
  {
    strategy: 'swap-using-scratch',
    flash: WORDS_OF_16,
    statesMin: 1440,
    deepest: 6,
    broken: ['tried-first', 'tried-once'],
  },
  { strategy: 'overwrite-only', statesMin: 156, deepest: 4 },
];

describe.each(CASES)('an encrypted upgrade, $strategy', (options) => {
  it('is explored until nothing is left to try', () => {
    const report = reportOf('encrypted', options);
    expect(report.drained).toBe(options.cutsMax === undefined);
    expect(report.states).toBeGreaterThanOrEqual(options.statesMin);
    expect(report.deepestNewCut).toBe(options.deepest);
    expect(brokenIn(report)).toEqual(options.broken ?? []);
  });
});
