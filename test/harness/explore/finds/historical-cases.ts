import { FULL, type FoundCase } from './found-case.js';

const EQUAL_SECTORS = ['swap-using-offset', 'swap-using-move'] as const;

/** The magic that prepares a revert, torn. */
export const TORN_MAGIC: FoundCase = {
  variant: 'mcuboot-1966',
  scene: 'revert',
  strategies: EQUAL_SECTORS,
  tears: ['prefix'],
  breaks: 'settles',
  cuts: 1,
};

/** How each fault that MCUboot had is found. */
export const HISTORICAL_CASES: readonly FoundCase[] = [
  {
    variant: 'mcuboot-480',
    scene: 'revert',
    strategies: ['swap-using-scratch'],
    board: FULL,
    breaks: 'tried-once',
    cuts: 2,
  },
  {
    variant: 'mcuboot-829',
    scene: 'first-upgrade',
    strategies: EQUAL_SECTORS,
    breaks: 'boots-something',
    cuts: 1,
  },
  {
    variant: 'mcuboot-1588',
    scene: 'permanent',
    strategies: ['swap-using-move'],
    breaks: 'boots-something',
    cuts: 1,
  },
  TORN_MAGIC,
  {
    variant: 'mcuboot-2169',
    scene: 'revert',
    strategies: ['swap-using-offset'],
    breaks: 'boots-something',
    cuts: 1,
  },
  {
    variant: 'mcuboot-2811',
    scene: 'bootstrap',
    strategies: ['swap-using-move'],
    breaks: 'confirmed-stays',
    cuts: 0,
  },
  {
    variant: 'mcuboot-1708',
    scene: 'older-version',
    strategies: [...EQUAL_SECTORS, 'swap-using-scratch'],
    settings: { downgradePrevention: 'version' },
    breaks: 'runs-verified-image',
    cuts: 0,
  },
];
