import {
  formatImageVersion,
  type BootOutcome,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import type { CryptoKit } from './cheap-crypto.js';
import { hostileBoards } from './hostile-arbitraries.js';
import { hostileFlash, runHostile, type HostileBoard, type HostileRun } from './hostile-board.js';
import { survivorsOf, type Survivor } from './survivors.js';

/** How many boards were booted, and how often it was known what had to run. */
export interface PropertyCounts {
  readonly boards: number;
  readonly survivors: number;
}

/**
 * Boots boards with anything in their flash, twice each, and a third time after a power cut. Fails
 * when a boot throws, reads, writes or erases outside of an area, does more than
 * `hostile-board.ts` allows, or loses an image that nothing has put in question.
 */
export function expectHarmless(
  strategy: StrategyName,
  kit: CryptoKit,
  numRuns: number,
): PropertyCounts {
  let survivors = 0;
  fc.assert(
    fc.property(hostileBoards(strategy), (board) => {
      const flash = hostileFlash(board, kit);
      const expected = survivorsOf(board, flash, kit);
      const run = runHostile(board, kit, flash);
      if (expected === undefined) return;
      survivors += 1;
      expectSurvivors(board, run, expected);
    }),
    { numRuns },
  );
  return { boards: numRuns, survivors };
}

function expectSurvivors(
  { cuts, cutEffect }: HostileBoard,
  { outcomes }: HostileRun,
  expected: readonly Survivor[],
): void {
  // A half-erased sector in the middle of a swap is a matter of its own.
  const isTorn = cuts.length > 2 && cutEffect === 'weak';
  if (isTorn && expected.includes('any')) return;
  for (const outcome of outcomes) {
    if (outcome === 'cut') continue;
    if (!outcome.ok) throw new Error(`nothing runs any more: ${outcome.detail}`);
    expectImages(outcome.value, expected);
  }
}

function expectImages(booted: BootOutcome, expected: readonly Survivor[]): void {
  for (const [index, { slot, image }] of [booted, ...booted.others].entries()) {
    const survivor = expected[index];
    if (survivor === undefined || survivor === 'any') continue;
    const version = formatImageVersion(image.header.version);
    if (slot === survivor.slot && version.startsWith(survivor.version)) continue;
    throw new Error(`image ${index} runs from slot ${slot} in version ${version}`);
  }
}
