import { describe, expect, it } from 'vitest';
import { brokenIn, exploreCase, WORDS_OF_8, WORDS_OF_16 } from './explored-scene.js';

const STRATEGIES = [
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
  'overwrite-only',
  'direct-xip',
] as const;
const SCENES = ['forged', 'forged-permanent', 'damaged', 'downgrade'] as const;
const CASES = SCENES.flatMap((scene) => STRATEGIES.map((strategy) => ({ scene, strategy }))).filter(
  ({ scene, strategy }) => scene !== 'downgrade' || strategy !== 'direct-xip',
);

describe.each(CASES)('an image that must never run: $scene, $strategy', ({ scene, strategy }) => {
  it.each([WORDS_OF_8, WORDS_OF_16])('is not run, whenever the power goes', (flash) => {
    const explored = exploreCase(scene, { strategy, flash });
    if (!explored.ok) throw new Error(explored.detail);
    expect(explored.value.drained).toBe(true);
    expect(brokenIn(explored.value)).toEqual([]);
    expect(explored.value.states).toBeGreaterThanOrEqual(4);
  });
});
