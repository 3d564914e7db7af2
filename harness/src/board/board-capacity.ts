import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import { checkBoardStrategy, type BoardDefinition } from './board-definition.js';

/** What a strategy has room for on a board, or why MCUboot cannot be built so. */
export type StrategyCapacity =
  | {
      readonly strategy: StrategyName;
      readonly isBuildable: true;
      /** The largest image of each of the board's images, in bytes. */
      readonly maxImageSizesBytes: readonly number[];
      /** What a swap keeps at the end of each slot; 0 where nothing is swapped. */
      readonly trailerSizeBytes: number;
      /** Where an upload starts in the secondary slot. */
      readonly uploadOffsetBytes: number;
    }
  | { readonly strategy: StrategyName; readonly isBuildable: false; readonly reason: string };

/** What each strategy has room for on a board; in the order of their names, or of one alone. */
export function boardCapacities(
  board: BoardDefinition,
  only?: StrategyName,
): readonly StrategyCapacity[] {
  // The place in a file is of no use here: most rows are not what the file asks for.
  const anywhere = { ...board, strategyPlace: undefined };
  const strategies = only === undefined ? STRATEGY_NAMES : [only];
  return strategies.map((strategy) => {
    const checked = checkBoardStrategy(anywhere, strategy);
    if (checked.ok) return { strategy, isBuildable: true, ...checked.value };
    return { strategy, isBuildable: false, reason: checked.detail.replace(`${strategy}: `, '') };
  });
}
