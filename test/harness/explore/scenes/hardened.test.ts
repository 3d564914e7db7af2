import { SCENE_NAMES, type SceneName } from '@brickproof/harness';
import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import {
  WORDS_OF_16,
  WORDS_OF_4,
  WORDS_OF_8,
  brokenIn,
  exploreCase,
  type SceneFlash,
} from './explored-scene.js';

const STEADY = ['prefix', 'one-bit', 'mixed', 'weak-erase'] as const;

const FLASHES: readonly SceneFlash[] = [WORDS_OF_4, WORDS_OF_8, WORDS_OF_16];

/** Their own tests have more of them, or they are too large to be explored with every tear. */
const ELSEWHERE: readonly SceneName[] = ['store', 'download', 'multi-image'];

const CASES = SCENE_NAMES.filter((scene) => !ELSEWHERE.includes(scene)).flatMap((scene) =>
  STRATEGY_NAMES.map((strategy): readonly [SceneName, StrategyName] => [scene, strategy]),
);

/** Of one sector: what is left of an upload may look like an image. */
const ONE_SECTOR: SceneFlash = {
  slotSizeBytes: 16_384,
  sectorSizeBytes: 4096,
  writeAlignBytes: 8,
  imageSizeBytes: 4000,
};

describe('a hardened bootloader', () => {
  it.each(['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const)(
    'keeps two images that need each other together: %s',
    (strategy) => {
      const options = { strategy, flash: ONE_SECTOR, hardened: true };
      const explored = exploreCase('multi-image', options);
      if (!explored.ok) throw new Error(explored.detail);
      expect(explored.value.stoppedBy).toBeUndefined();
      expect(brokenIn(explored.value)).toEqual([]);
    },
  );

  it.each(CASES)('drains without a finding: %s, %s', (scene, strategy) => {
    for (const flash of FLASHES) {
      const explored = exploreCase(scene, { strategy, flash, tears: STEADY, hardened: true });
      if (!explored.ok) {
        expect(explored.code).toBe('scene-unfit');
        continue;
      }
      expect(explored.value.stoppedBy).toBeUndefined();
      expect(brokenIn(explored.value)).toEqual([]);
    }
  });
});
