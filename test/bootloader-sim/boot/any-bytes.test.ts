import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkBootLayout, describeFlash, equalSnapshots } from '@brickproof/bootloader-sim';
import { DUMP_SHAPES, anyDump, snapshotOf } from './any-dump.js';
import { SwapBench } from './swap-bench.js';

const RUNS = 1_000;
const TIMEOUT_MS = 120_000;
/** More than any boot of these flashes takes: two images of 8 KiB, moved twice, word by word. */
const OPERATIONS_MAX = 400;

describe('a flash that may hold anything', () => {
  it('is one that MCUboot can be built for', () => {
    for (const shape of DUMP_SHAPES) {
      for (const strategy of [
        'swap-using-offset',
        'swap-using-move',
        'swap-using-scratch',
      ] as const) {
        const { environment } = new SwapBench(strategy, shape);
        expect(checkBootLayout(strategy, environment), `${strategy}, ${shape.name}`).toMatchObject({
          ok: true,
        });
      }
    }
  });

  it(
    'is described, whatever it holds, and stays as it is',
    () => {
      fc.assert(
        fc.property(anyDump, (dump) => {
          const snapshot = snapshotOf(dump);
          const bench = new SwapBench(dump.strategy, dump.shape, snapshot);
          const found = describeFlash(dump.strategy, bench.environment);
          expect(found.images).toHaveLength(1);
          expect(equalSnapshots(bench.flash.snapshot(), snapshot)).toBe(true);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'is booted or refused, and the boot comes to an end',
    () => {
      fc.assert(
        fc.property(anyDump, (dump) => {
          const bench = new SwapBench(dump.strategy, dump.shape, snapshotOf(dump));
          const before = bench.flash.statistics;
          expect(bench.boot()).toMatch(/^(1\.0\.0|2\.0\.0|boot-no-image)$/);
          const { erases, writes } = bench.flash.statistics;
          expect(erases - before.erases + writes - before.writes).toBeLessThan(OPERATIONS_MAX);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});
