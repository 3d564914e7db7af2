import { FULL, HALF_FULL, type FoundCase } from './found-case.js';

const EQUAL_SECTORS = ['swap-using-offset', 'swap-using-move'] as const;

/** How faults that all swaps may have are found. */
export const SWAP_CASES: readonly FoundCase[] = [
  {
    variant: 'image-ok-ignored',
    scene: 'upgrade',
    strategies: ['swap-using-move'],
    breaks: 'runs-unasked',
    cuts: 0,
  },
  {
    variant: 'trial-never-reverts',
    scene: 'revert',
    strategies: EQUAL_SECTORS,
    breaks: 'tried-once',
    cuts: 0,
  },
  {
    variant: 'copy-done-forgotten',
    scene: 'upgrade',
    strategies: ['swap-using-move'],
    breaks: 'tried-first',
    cuts: 0,
  },
  {
    variant: 'resumed-copy-done-forgotten',
    scene: 'upgrade',
    strategies: ['swap-using-move'],
    breaks: 'tried-first',
    cuts: 1,
  },
  {
    variant: 'counter-raised-on-trial',
    scene: 'upgrade',
    strategies: ['swap-using-move'],
    breaks: 'tried-once',
    cuts: 0,
  },
  {
    variant: 'downgrade-unchecked',
    scene: 'older-version',
    strategies: [...EQUAL_SECTORS, 'swap-using-scratch'],
    settings: { downgradePrevention: 'version' },
    breaks: 'runs-verified-image',
    cuts: 0,
  },
  {
    variant: 'swap-size-of-primary',
    scene: 'permanent',
    strategies: ['swap-using-move'],
    board: { ...HALF_FULL, imageSizeBytes: 1500, newImageSizeBytes: 3000 },
    breaks: 'boots-something',
    cuts: 0,
  },
  {
    variant: 'swap-size-of-secondary-trailer',
    scene: 'permanent',
    strategies: ['swap-using-move'],
    breaks: 'boots-something',
    cuts: 1,
  },
  {
    variant: 'swap-not-erased',
    scene: 'permanent',
    strategies: ['swap-using-move'],
    breaks: 'arrives',
    cuts: 0,
  },
  ...(['resumed-step-late', 'resumed-step-early'] as const).map((variant): FoundCase => ({
    variant,
    scene: 'revert',
    strategies: EQUAL_SECTORS,
    breaks: 'boots-something',
    cuts: 1,
  })),
];

const BY_OFFSET = { scene: 'revert', strategies: ['swap-using-offset'] } as const;

/** How faults of swap-using-offset are found: in its revert, which goes the other way round. */
export const OFFSET_CASES: readonly FoundCase[] = [
  { ...BY_OFFSET, variant: 'offset-noted-first', breaks: 'boots-something', cuts: 1 },
  { ...BY_OFFSET, variant: 'offset-second-half-unnoted', breaks: 'boots-something', cuts: 1 },
  { ...BY_OFFSET, variant: 'offset-request-kept', breaks: 'boots-something', cuts: 1 },
  { ...BY_OFFSET, variant: 'offset-request-erased-first', breaks: 'tried-once', cuts: 1 },
  { ...BY_OFFSET, variant: 'offset-revert-unprepared', breaks: 'tried-once', cuts: 1 },
  { ...BY_OFFSET, variant: 'offset-revert-upwards', breaks: 'boots-something', cuts: 0 },
];

const BY_MOVE = { scene: 'revert', strategies: ['swap-using-move'] } as const;

/** How faults of swap-using-move are found. */
export const MOVE_CASES: readonly FoundCase[] = [
  { ...BY_MOVE, variant: 'move-noted-first', breaks: 'boots-something', cuts: 1 },
  { ...BY_MOVE, variant: 'move-first-half-unnoted', breaks: 'boots-something', cuts: 1 },
  { ...BY_MOVE, variant: 'move-request-kept', breaks: 'boots-something', cuts: 1 },
  { ...BY_MOVE, variant: 'move-request-erased-first', breaks: 'tried-once', cuts: 1 },
  { ...BY_MOVE, variant: 'move-revert-unprepared', breaks: 'tried-once', cuts: 1 },
];

const BY_SCRATCH = { scene: 'revert', strategies: ['swap-using-scratch'], board: FULL } as const;

/** How faults of swap-using-scratch are found: with a trailer that moves, too. */
export const SCRATCH_CASES: readonly FoundCase[] = [
  { ...BY_SCRATCH, variant: 'reverted-image-unconfirmed', breaks: 'tried-once', cuts: 1 },
  { ...BY_SCRATCH, variant: 'trailer-erased-forwards', breaks: 'boots-something', cuts: 1 },
  {
    ...BY_SCRATCH,
    variant: 'scratch-status-not-first',
    board: HALF_FULL,
    cutsMax: 1,
    breaks: 'tried-once',
    cuts: 1,
  },
  {
    ...BY_SCRATCH,
    variant: 'scratch-status-left',
    board: HALF_FULL,
    breaks: 'arrives',
    cuts: 0,
  },
  { ...BY_SCRATCH, variant: 'scratch-trailer-left', breaks: 'boots-something', cuts: 1 },
  { ...BY_SCRATCH, variant: 'scratch-erased-forwards', breaks: 'boots-something', cuts: 1 },
  { ...BY_SCRATCH, variant: 'scratch-noted-first', breaks: 'boots-something', cuts: 1 },
  { ...BY_SCRATCH, variant: 'scratch-last-step-unnoted', breaks: 'boots-something', cuts: 1 },
  { ...BY_SCRATCH, variant: 'scratch-resumed-late', breaks: 'boots-something', cuts: 1 },
  { ...BY_SCRATCH, variant: 'scratch-request-kept', breaks: 'tried-once', cuts: 0 },
];
