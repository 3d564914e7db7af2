import { describe, expect, it } from 'vitest';
import { INVARIANT_NAMES } from '../../../harness/src/explore/run-exploration.js';
import {
  exploreFor,
  expectFound,
  requestOf,
  rowsOf,
  variantNamed,
  type FoundCase,
} from './finds/found-case.js';
import { HISTORICAL_CASES, TORN_MAGIC } from './finds/historical-cases.js';
import { MOVE_CASES, OFFSET_CASES, SCRATCH_CASES, SWAP_CASES } from './finds/swap-cases.js';
import { HISTORICAL_VARIANTS } from './variants/historical.js';

const CASES = [
  ...HISTORICAL_CASES,
  ...SWAP_CASES,
  ...OFFSET_CASES,
  ...MOVE_CASES,
  ...SCRATCH_CASES,
];

describe('the explorer finds', () => {
  it.each(rowsOf(CASES))('%s, and of ours nothing does', (_, found, strategy) =>
    expectFound(found, strategy),
  );

  it('every fault that MCUboot had', () => {
    const found = new Set(HISTORICAL_CASES.map(({ variant }) => variant));
    expect([...found].sort()).toEqual(HISTORICAL_VARIANTS.map(({ name }) => name).sort());
  });
});

describe('cuts between whole operations', () => {
  const whole: FoundCase = { ...TORN_MAGIC, tears: [] };
  const invariants = INVARIANT_NAMES.filter((name) => name !== 'no-stray-error');

  it.each(whole.strategies)('never show mcuboot-1966 with %s', async (strategy) => {
    const variant = await variantNamed(whole.variant);
    for (const invariant of invariants) {
      const missed = exploreFor(invariant, requestOf(whole, strategy), variant);
      expect(missed, invariant).toEqual({ stoppedBy: undefined, cuts: undefined });
    }
  });
});
