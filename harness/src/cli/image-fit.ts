import type { StrategyName } from '@brickproof/bootloader-sim';
import { boardCapacities, type StrategyCapacity } from '../board/board-capacity.js';
import type { BoardDefinition } from '../board/board-definition.js';
import type { JsonValue } from './outcome.js';
import { formatTable } from './table.js';

/** Whether an image fits a board, strategy by strategy: for people and for programs. */
export interface ImageFit {
  readonly text: string;
  readonly json: Readonly<Record<string, JsonValue>>;
}

/** Holds an image of a size to what a board has room for. */
export function fitOnBoard(
  sizeBytes: number,
  board: BoardDefinition,
  strategy: StrategyName | undefined,
): ImageFit {
  const capacities = boardCapacities(board, strategy);
  const images = Math.max(1, ...capacities.map((capacity) => largestOf(capacity).length));
  const header = [
    'strategy',
    ...Array.from({ length: images }, (_, index) => {
      return images === 1 ? 'largest image' : `largest image ${index}`;
    }),
    'trailer',
    'this image',
  ];
  const rows = capacities.map((capacity) => row(capacity, { sizeBytes, images }));
  return {
    text: `On ${board.model.name}:\n${formatTable([header, ...rows])}`,
    json: {
      board: {
        name: board.model.name,
        strategies: capacities.map((capacity) => toJson(capacity, sizeBytes)),
      },
    },
  };
}

function largestOf(capacity: StrategyCapacity): readonly number[] {
  return capacity.isBuildable ? capacity.maxImageSizesBytes : [];
}

function row(
  capacity: StrategyCapacity,
  shown: { readonly sizeBytes: number; readonly images: number },
): readonly string[] {
  const { strategy } = capacity;
  const { sizeBytes, images } = shown;
  if (!capacity.isBuildable) {
    const gaps = Array.from({ length: images + 1 }, () => '-');
    return [strategy, ...gaps, `cannot be built: ${capacity.reason}`];
  }
  const { maxImageSizesBytes, trailerSizeBytes } = capacity;
  return [
    strategy,
    ...maxImageSizesBytes.map((size) => `${size} bytes`),
    trailerSizeBytes === 0 ? '-' : `${trailerSizeBytes} bytes`,
    fitWords(sizeBytes, maxImageSizesBytes),
  ];
}

/** An image does not say which of a board's images it is. */
function fitWords(sizeBytes: number, largest: readonly number[]): string {
  const words = largest.map((size) => {
    return size < sizeBytes ? `is ${sizeBytes - size} bytes too large` : 'fits';
  });
  const [first = ''] = words;
  if (words.every((word) => word === first)) return first;
  return words.map((word, index) => `${word} as image ${index}`).join(', ');
}

function toJson(capacity: StrategyCapacity, sizeBytes: number): JsonValue {
  if (!capacity.isBuildable) return { ...capacity };
  const fits = capacity.maxImageSizesBytes.map((size) => sizeBytes <= size);
  return { ...capacity, fits };
}
