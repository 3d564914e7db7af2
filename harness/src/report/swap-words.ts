import type { StrategyName, SwapProgress, SwapType } from '@brickproof/bootloader-sim';

/** The names of the areas that images are swapped between. */
export interface SwapAreas {
  readonly primary: string;
  readonly secondary: string;
}

/** What the slots of an image are called, as areas. */
export function slotAreas(imageIndex: number): SwapAreas {
  return { primary: `slot${2 * imageIndex}`, secondary: `slot${2 * imageIndex + 1}` };
}

const KINDS: Readonly<Record<SwapType, string>> = {
  none: 'a swap of no known type',
  test: 'a swap on trial',
  permanent: 'a swap for good',
  revert: 'a swap back',
};

const ORDINALS: readonly string[] = ['first', 'second', 'third'];

/** A swap that was cut short: what it is, how far it came, what comes next. Each a sentence. */
export function swapSentences(
  strategy: StrategyName,
  swap: SwapProgress,
  areas: SwapAreas,
): readonly string[] {
  const { swapType, swapSizeBytes, source, headerPlaces, canResume } = swap;
  const where = source === 'primary' ? areas.primary : source;
  const [old, other] = headerPlaces.map(({ areaName, offset }) => {
    return `${areaName} at 0x${offset.toString(16)}`;
  });
  return [
    `${KINDS[swapType]} of ${swapSizeBytes} bytes is under way, noted in ${where}`,
    `${progressWords(strategy, swap, areas)}; next: ${nextWords(strategy, swap, areas)}`,
    ...(canResume
      ? [`the header that was in ${areas.primary} is in ${old ?? ''}, the other in ${other ?? ''}`]
      : ['a swap of that size does not fit: the bootloader leaves everything as it is']),
  ];
}

function progressWords(strategy: StrategyName, swap: SwapProgress, areas: SwapAreas): string {
  const { movedUp, swapped, turns } = swap;
  const swaps = `swapped ${swapped} of ${turns} ${unitOf(strategy).several}`;
  if (movedUp === undefined) return swaps;
  if (movedUp < turns) return `moved up ${movedUp} of ${turns} sectors of ${areas.primary}`;
  return `moved up all ${turns} sectors of ${areas.primary}, ${swaps}`;
}

function nextWords(strategy: StrategyName, swap: SwapProgress, areas: SwapAreas): string {
  const { movedUp, swapped, turns, step } = swap;
  // Sectors are moved up from the last one on.
  if (movedUp !== undefined && movedUp < turns) return `sector ${turns - movedUp} moves up`;
  if (swapped >= turns) return 'only the trailer is to be finished';
  const isFromEnd =
    strategy === 'swap-using-scratch' || (strategy === 'swap-using-offset' && swap.isRevert);
  const place = isFromEnd ? turns - swapped : swapped + 1;
  const steps = stepsOf(strategy, areas);
  return `${unitOf(strategy).one} ${place}, ${ORDINALS[step - 1] ?? `${step}.`} step (${steps[step - 1] ?? 'unknown'})`;
}

/** Swap-using-scratch moves as many sectors at once as its scratch area holds. */
function unitOf(strategy: StrategyName): { readonly one: string; readonly several: string } {
  return strategy === 'swap-using-scratch'
    ? { one: 'group of sectors', several: 'groups of sectors' }
    : { one: 'sector', several: 'sectors' };
}

/** What each step of a turn copies (docs/design.md, "Image swapping"). */
function stepsOf(strategy: StrategyName, { primary, secondary }: SwapAreas): readonly string[] {
  const away = `${primary} to ${secondary}`;
  const back = `${secondary} to ${primary}`;
  if (strategy === 'swap-using-move') return [back, away];
  if (strategy === 'swap-using-offset') return [away, back];
  return [`${secondary} to scratch`, away, `scratch to ${primary}`];
}
