import { DEVICE_STRATEGIES } from '@brickproof/agent/node';
import type { StrategyName } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { factoryDisk } from './disk-device.js';
import { syncsAt } from './sync-place.js';
import { promisesBroken, runUntilCut } from './update-story.js';
import type { VolatileFileSystem } from './volatile-file-system.js';

const SEEDS_A_CUT = 6;
describe.each(DEVICE_STRATEGIES)('an update by %s breaks a promise', (strategy) => {
  const factory = factoryDisk();
  const whole = factory.afterPowerCut('nothing');
  runUntilCut(whole, strategy, {});

  it.each([
    'store-file',
    'store-folder',
    'slots-before-store',
    'after-header',
    'after-trailer',
  ] as const)('without the syncs at %s', (place) => {
    const ignoredSyncs = syncsAt(whole.operations, place);
    expect(ignoredSyncs.size).toBeGreaterThan(0);
    const count = whole.operations.length;
    expect(firstBroken(factory, { strategy, ignoredSyncs, count })).toBeDefined();
  });
});

/** The first promise that breaks; before the first sync that is left out nothing is different. */
function firstBroken(
  factory: VolatileFileSystem,
  options: {
    readonly strategy: StrategyName;
    readonly ignoredSyncs: ReadonlySet<number>;
    readonly count: number;
  },
): string | undefined {
  for (let cutAt = Math.min(...options.ignoredSyncs); cutAt < options.count; cutAt += 1) {
    const seeds = Array.from({ length: SEEDS_A_CUT }, (_, index) => ({
      seed: index * 977 + cutAt,
    }));
    const [first] = promisesBroken(factory, { ...options, cutAt }, seeds);
    if (first !== undefined) return first;
  }
  return undefined;
}
