import type { Trailer, TrailerFlag, TrailerMagic, SwapType } from './trailer.js';
import type { BootEnvironment, BootSettings, StrategyName } from './upgrade-strategy.js';

/** One row: what both trailers must say (absent: anything), and what is to be done then. */
interface SwapTypeRow {
  readonly strategies?: 'swap-using-offset';
  readonly magicPrimary?: TrailerMagic;
  readonly magicSecondary?: TrailerMagic;
  readonly imageOkPrimary?: TrailerFlag;
  readonly imageOkSecondary?: TrailerFlag;
  readonly copyDonePrimary?: TrailerFlag | 'set-or-torn';
  readonly copyDoneSecondary?: TrailerFlag;
  readonly swapType: SwapType;
}

/**
 * The first row that fits decides (MCUboot docs/design.md, "Boot swap types"; bootutil_public.c,
 * boot_swap_tables). What the secondary slot asks for comes before what the primary one needs.
 */
const SWAP_TYPE_ROWS: readonly SwapTypeRow[] = [
  {
    // Swap-using-offset writes this trailer itself, so that a revert which was cut short is known.
    strategies: 'swap-using-offset',
    magicSecondary: 'good',
    imageOkSecondary: 'unset',
    copyDoneSecondary: 'set',
    swapType: 'revert',
  },
  { magicSecondary: 'good', imageOkSecondary: 'unset', swapType: 'test' },
  { magicSecondary: 'good', imageOkSecondary: 'set', swapType: 'permanent' },
  { magicPrimary: 'good', imageOkPrimary: 'unset', copyDonePrimary: 'set', swapType: 'revert' },
];

/** The same, where a copy-done that was half written tells as much as a whole one. */
const HARDENED_ROWS: readonly SwapTypeRow[] = SWAP_TYPE_ROWS.map((row) =>
  row.copyDonePrimary === 'set' ? { ...row, copyDonePrimary: 'set-or-torn' } : row,
);

/** The two trailers of an image. */
export interface TrailerPair {
  readonly primary: Trailer;
  readonly secondary: Trailer;
}

/** What the trailers of an image ask the bootloader to do (boot_swap_type_multi). */
export function decideSwapType(
  strategy: StrategyName,
  trailers: TrailerPair,
  { hardened = false }: Pick<BootSettings, 'hardened'> = {},
): SwapType {
  const { primary, secondary } = trailers;
  const row = (hardened ? HARDENED_ROWS : SWAP_TYPE_ROWS).find(
    (candidate) =>
      (candidate.strategies === undefined || candidate.strategies === strategy) &&
      fits(candidate.magicPrimary, primary.magic) &&
      fits(candidate.magicSecondary, secondary.magic) &&
      fits(candidate.imageOkPrimary, primary.imageOk) &&
      fits(candidate.imageOkSecondary, secondary.imageOk) &&
      (candidate.copyDonePrimary === 'set-or-torn'
        ? primary.copyDone !== 'unset'
        : fits(candidate.copyDonePrimary, primary.copyDone)) &&
      fits(candidate.copyDoneSecondary, secondary.copyDone),
  );
  return row?.swapType ?? 'none';
}

function fits<T>(wanted: T | undefined, found: T): boolean {
  return wanted === undefined || wanted === found;
}

/** MCUboot's words for the swap types. */
const SWAP_TYPE_WORDS: Readonly<Record<SwapType, string>> = {
  none: 'none',
  test: 'test',
  permanent: 'perm',
  revert: 'revert',
};

/** Tells the log what an image's trailers ask for. */
export function logSwapType(
  environment: Pick<BootEnvironment, 'log'>,
  imageIndex: number,
  swapType: SwapType,
): void {
  environment.log('info', `Image index: ${imageIndex}, Swap type: ${SWAP_TYPE_WORDS[swapType]}`);
}
