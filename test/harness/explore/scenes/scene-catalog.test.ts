import type { StrategyName } from '@brickproof/bootloader-sim';
import { SCENE_NAMES, type SceneName } from '@brickproof/harness';
import { describe, expect, it } from 'vitest';
import { exploreCase, WORDS_OF_8 } from './explored-scene.js';

const UNFIT: readonly (readonly [SceneName, StrategyName])[] = [
  ['revert', 'overwrite-only'],
  ['second-upgrade', 'overwrite-only'],
  ['confirm', 'overwrite-only'],
  ['encrypted', 'direct-xip'],
  ['bootstrap', 'direct-xip'],
  ['downgrade', 'direct-xip'],
];

describe('the scenes', () => {
  it.each(UNFIT)('refuse %s with %s, and say why', (scene, strategy) => {
    const refused = exploreCase(scene, { strategy });
    expect(refused).toMatchObject({ ok: false, code: 'scene-unfit' });
    expect(!refused.ok && refused.detail).toContain(`${scene} cannot be played with ${strategy}: `);
  });

  it.each(SCENE_NAMES)('refuse an image for %s that no slot takes', (scene) => {
    const flash = { ...WORDS_OF_8, imageSizeBytes: 20_000 };
    const refused = exploreCase(scene, { strategy: 'swap-using-scratch', flash });
    expect(refused).toMatchObject({ ok: false, code: 'scene-image-size' });
  });

  it('come through a boot without a power cut, each of them', () => {
    for (const scene of SCENE_NAMES) {
      const explored = exploreCase(scene, { strategy: 'swap-using-scratch', cutsMax: 0 });
      if (!explored.ok) throw new Error(explored.detail);
      const { invariants } = explored.value;
      expect({ scene, broken: invariants.filter(({ violations }) => violations > 0) }).toEqual({
        scene,
        broken: [],
      });
    }
  });
});
