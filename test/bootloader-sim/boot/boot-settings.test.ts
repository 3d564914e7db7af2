import { describe, expect, it } from 'vitest';
import {
  STRATEGY_NAMES,
  checkBootLayout,
  type BootSettings,
  type StrategyName,
} from '@brickproof/bootloader-sim';
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
