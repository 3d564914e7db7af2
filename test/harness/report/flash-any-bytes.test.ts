import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PLAIN, flashToJson, formatFlash } from '@brickproof/harness';
import { anyDump, snapshotOf } from '../../bootloader-sim/boot/any-dump.js';
import { SwapBench } from '../../bootloader-sim/boot/swap-bench.js';
import { reportOf } from './flash-board.js';

const RUNS = 1_000;
const TIMEOUT_MS = 120_000;

describe('a flash that may hold anything', () => {
  it(
    'is drawn for people and told to programs, whatever it holds',
    () => {
      fc.assert(
        fc.property(anyDump, fc.constantFrom([0], [3], 'none' as const), (dump, counters) => {
          const bench = new SwapBench(dump.strategy, dump.shape, snapshotOf(dump));
          const report = reportOf(bench, { counters });
          const text = formatFlash(report, PLAIN);
          expect(text).toMatch(/^bench, /);
          // What is drawn is no more than letters and three kinds of blocks, whatever the bytes.
          expect(text).toMatch(/^[\n\x20-\x7e…·█▒]*$/);
          expect(text).not.toMatch(/undefined|NaN|\[object/);
          const json = JSON.stringify(flashToJson(report));
          expect(JSON.parse(json)).toEqual(flashToJson(report));
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'foretells what the boot then does, whatever it holds',
    () => {
      fc.assert(
        fc.property(anyDump, (dump) => {
          const bench = new SwapBench(dump.strategy, dump.shape, snapshotOf(dump));
          const { next, unbuildable } = reportOf(bench);
          expect(next === undefined).toBe(unbuildable !== undefined);
          if (next === undefined) return;
          const { booted, isTrial } = next;
          const foretold = booted.ok
            ? `${booted.value.image.header.version.major}.0.0`
            : booted.code;
          expect(bench.boot()).toBe(foretold);
          // A trial that nobody confirms is over at the boot after.
          if (isTrial) expect(bench.boot()).not.toBe(foretold);
        }),
        { numRuns: 200 },
      );
    },
    TIMEOUT_MS,
  );
});
