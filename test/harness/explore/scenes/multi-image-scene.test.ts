import { describe, expect, it } from 'vitest';
import { brokenIn, reportOf, type SceneCase, WORDS_OF_16, WORDS_OF_8 } from './explored-scene.js';

/**
 * What is broken is a finding, and the same that shows in the scene `revert`. With swap-using-move
 * (one cut, nothing torn): the revert of image 0 has written the trailer of its secondary slot, and
 * not yet erased the one of its primary slot; then the mark reads as one for good, the old image is
 * erased as a downgrade, and image 1 alone is reverted. With swap-using-scratch (two cuts, nothing
 * torn): the revert of image 1 goes on, erases the scratch area, and with it all that says that there
 * is a revert. Either way a new image stays beside an old one that it does not go with.
 *
 * The swaps that move images leave too many states to try all: there it is one cut, anywhere.
 */
const CASES: readonly SceneCase[] = [
  {
    strategy: 'swap-using-offset',
    flash: WORDS_OF_16,
    tears: ['prefix'],
    cutsMax: 1,
    statesMin: 96,
    deepest: 1,
  },
  {
    strategy: 'swap-using-move',
    flash: WORDS_OF_16,
    tears: ['prefix'],
    cutsMax: 1,
    statesMin: 114,
    deepest: 1,
    broken: ['runs-verified-image'],
  },
  {
    strategy: 'swap-using-scratch',
    flash: { ...WORDS_OF_8, sectorSizeBytes: 4096, imageSizeBytes: 3000 },
    tears: ['prefix'],
    statesMin: 498,
    deepest: 4,
    broken: ['runs-verified-image', 'settles'],
  },
  { strategy: 'overwrite-only', statesMin: 456, deepest: 5 },
  { strategy: 'direct-xip', flash: WORDS_OF_16, statesMin: 84, deepest: 4 },
];

describe.each(CASES)('two images that need each other, $strategy', (options) => {
  it('is explored until nothing is left to try', () => {
    const report = reportOf('multi-image', options);
    expect(report.drained).toBe(options.cutsMax === undefined);
    expect(report.states).toBeGreaterThanOrEqual(options.statesMin);
    expect(report.deepestNewCut).toBe(options.deepest);
    expect(brokenIn(report)).toEqual(options.broken ?? []);
  });
});
