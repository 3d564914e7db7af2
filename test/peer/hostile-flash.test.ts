import { STRATEGY_NAMES } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { CHEAP } from '../bootloader-sim/boot/hostile/cheap-crypto.js';
import { expectHarmless } from '../bootloader-sim/boot/hostile/hostile-property.js';

const BOARDS = 100_000;
const TIMEOUT_MS = 600_000;

// It needs no peer, only time: the unit tests boot a part of these boards.
describe.each(STRATEGY_NAMES)('%s', (strategy) => {
  it(
    'stays within its areas and ends, and keeps what runs, in a hundred thousand random flashes',
    () => {
      const { survivors } = expectHarmless(strategy, CHEAP, BOARDS);
      expect(survivors).toBeGreaterThan(BOARDS / 20);
    },
    TIMEOUT_MS,
  );
});
