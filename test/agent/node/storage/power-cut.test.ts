import { DEVICE_STRATEGIES } from '@brickproof/agent/node';
import { describe, expect, it } from 'vitest';
import { factoryDisk } from './disk-device.js';
import { promisesBroken, runUntilCut, stageAfterManyCuts } from './update-story.js';
import { mulberry32 } from './volatile-file-system.js';
import type { Loss } from './volatile-file-system.js';

const SEEDS_A_CUT = 4;
const ROUNDS = 100;

/** Everything that was not synced is gone, or kept, or some of it. */
function losses(cutAt: number): readonly Loss[] {
  const seeded = Array.from({ length: SEEDS_A_CUT }, (_, index) => ({ seed: index * 977 + cutAt }));
  return ['all', 'nothing', ...seeded];
}

describe.each(DEVICE_STRATEGIES)('%s on a disk that loses power', (strategy) => {
  const factory = factoryDisk();

  it('keeps every promise when the power goes, at any operation, whatever the disk forgot', () => {
    const whole = factory.afterPowerCut('nothing');
    expect(runUntilCut(whole, strategy, {}).progress.stage).toBe('done');
    expect(whole.operations.length).toBeGreaterThan(60);
    const broken = whole.operations.flatMap(({ index: cutAt }) =>
      promisesBroken(factory, { strategy, cutAt }, losses(cutAt)),
    );
    expect(broken).toEqual([]);
  });

  it('comes through when the power goes again and again, also while it recovers', () => {
    const random = mulberry32(20);
    for (let round = 0; round < ROUNDS; round += 1) {
      expect(stageAfterManyCuts(factory, strategy, random)).toBe('done');
    }
  });
});
