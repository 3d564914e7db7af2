import { describe, expect, it } from 'vitest';
import {
  STRATEGY_NAMES,
  checkBootLayout,
  type BootSettings,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import { image } from './fixture.js';
import { EQUAL_SHAPE, SwapBench } from './swap-bench.js';

/** What a strategy says to settings, in a layout that fits every strategy. */
function saysTo(strategy: StrategyName, settings: BootSettings): string {
  const checked = checkBootLayout(
    strategy,
    new SwapBench(strategy, { ...EQUAL_SHAPE, settings }).environment,
  );
  return checked.ok ? 'ok' : checked.detail;
}

describe('the settings of a bootloader', () => {
  it.each(STRATEGY_NAMES)('are MCUboot defaults that %s can be built with', (strategy) => {
    expect(saysTo(strategy, {})).toBe('ok');
    expect(saysTo(strategy, { downgradePrevention: 'version', bootstrap: true })).toBe('ok');
  });

  it.each([
    ['direct-xip', { encryptionKeySizeBytes: 16 }, 'cannot be encrypted'],
    ['direct-xip', { downgradePrevention: 'none' }, 'the highest version always runs'],
    ['direct-xip', { downgradePrevention: 'security-counter' }, 'only where images are swapped'],
    [
      'overwrite-only',
      { downgradePrevention: 'security-counter' },
      'only where images are swapped',
    ],
    ['overwrite-only', { downgradePrevention: 'none' }, 'ok'],
    ['swap-using-move', { downgradePrevention: 'security-counter' }, 'ok'],
    ['swap-using-offset', { downgradePrevention: 'security-counter' }, 'ok'],
    ['swap-using-scratch', { downgradePrevention: 'none', encryptionKeySizeBytes: 32 }, 'ok'],
    ['swap-using-move', { maxImageSectors: 7 }, 'more sectors than allowed (8 of at most 7)'],
  ] as const)('under %s: %j is answered with %s', (strategy, settings, answer) => {
    expect(saysTo(strategy, settings)).toContain(answer);
  });
});

describe('a layout that MCUboot cannot be built for', () => {
  /** With slots of two sectors and a scratch area of one. */
  function benchOf(strategy: StrategyName, sectorSizeBytes: number, sectorsMax: number): SwapBench {
    return new SwapBench(strategy, {
      ...EQUAL_SHAPE,
      slotRuns: [{ count: 2, sizeBytes: sectorSizeBytes }],
      scratchRuns: [{ count: 1, sizeBytes: sectorSizeBytes }],
      settings: { maxImageSectors: sectorsMax },
    });
  }

  const SWAPS = STRATEGY_NAMES.filter((strategy) => strategy.startsWith('swap-'));

  it.each(SWAPS)(
    'is refused when %s has no room for its trailer, and nothing is changed by a boot',
    (name) => {
      const bench = benchOf(name, 4096, 2000);
      bench.install(image('1.0.0'));
      bench.offer(image('2.0.0'), { permanent: true });
      const refused = checkBootLayout(name, bench.environment);
      expect(refused).toMatchObject({ ok: false, code: 'boot-layout-invalid' });
      expect(refused.ok ? '' : refused.detail).toMatch(/its trailer alone needs \d+/);
      const { erases, writes } = bench.flash.statistics;
      // No image is small enough for what is left.
      expect(bench.boot()).toBe('boot-no-image');
      expect(bench.flash.statistics).toMatchObject({ erases, writes });
    },
  );

  it.each(STRATEGY_NAMES)('boots nothing under %s when slots are smaller than a header', (name) => {
    const bench = benchOf(name, 16, 2);
    expect(checkBootLayout(name, bench.environment)).toMatchObject({ ok: false });
    expect(bench.boot()).toBe('boot-no-image');
  });
});
