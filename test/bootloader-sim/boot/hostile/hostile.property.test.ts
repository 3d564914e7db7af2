import { STRATEGY_NAMES } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { CHEAP, REAL } from './cheap-crypto.js';
import { expectHarmless } from './hostile-property.js';

/** A part of the hundred thousand that `test/peer/hostile-flash.test.ts` boots. */
const BOARDS = 4000;
const TIMEOUT_MS = 60_000;
const BOARDS_WITH_REAL_SIGNATURES = 200;

describe.each(STRATEGY_NAMES)('%s', (strategy) => {
  it(
    'stays within its areas and ends, and keeps what runs, whatever is in flash',
    () => {
      const { survivors } = expectHarmless(strategy, CHEAP, BOARDS);
      expect(survivors).toBeGreaterThan(BOARDS / 20);
    },
    TIMEOUT_MS,
  );

  it('does so with real signatures too', () => {
    const { survivors } = expectHarmless(strategy, REAL, BOARDS_WITH_REAL_SIGNATURES);
    expect(survivors).toBeGreaterThan(0);
  });
});
