import { seededRandom } from '@brickproof/bootloader-sim';
import { isSweptWhole, type CaseBoard } from './boards.js';

/** Cuts that are tried on a board that is not swept as a whole, beside the first and the last. */
const SAMPLED_CUTS = 7;

/**
 * After how many operations of a boot the power goes: after each, on one shape for each strategy;
 * spread evenly on the others.
 */
export function cutsOf(spec: CaseBoard, operations: number): readonly number[] {
  const step = isSweptWhole(spec) ? 1 : Math.max(1, (operations - 1) / (SAMPLED_CUTS + 1));
  const cuts = new Set<number>([operations - 1]);
  for (let cut = 0; cut < operations; cut += step) cuts.add(Math.floor(cut));
  return [...cuts];
}

/** After how many operations each of several boots ends, the same for each seed. */
export function randomCuts(seed: number, count: number, operations: number): readonly number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => 1 + Math.floor((random() * operations) / 2));
}
