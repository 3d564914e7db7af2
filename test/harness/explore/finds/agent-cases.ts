import type { FoundBoard, FoundCase } from './found-case.js';

/** A store in sectors as small as they may be. */
const STORE_BOARD: FoundBoard = {
  slotSizeBytes: 4096,
  sectorSizeBytes: 1024,
  writeAlignBytes: 4,
  imageSizeBytes: 1000,
};

/** How faults in how the agent takes images, and sees them through their trial, are found. */
export const UPDATE_CASES: readonly FoundCase[] = [
  {
    variant: 'end-of-upload-unnoted',
    scene: 'download',
    strategies: ['overwrite-only'],
    breaks: 'settles',
    cuts: 1,
  },
  {
    variant: 'confirmed-without-self-test',
    scene: 'upgrade',
    strategies: ['direct-xip', 'swap-using-move'],
    breaks: 'tried-once',
    cuts: 1,
  },
  {
    variant: 'first-image-alone-confirmed',
    scene: 'multi-image',
    strategies: ['swap-using-scratch'],
    breaks: 'confirmed-stays',
    cuts: 1,
  },
];

const STORED = {
  scene: 'store',
  strategies: ['overwrite-only'],
  board: STORE_BOARD,
  breaks: 'store-keeps',
} as const;

/** How faults in how the store is kept in flash are found. */
export const STORE_CASES: readonly FoundCase[] = [
  { ...STORED, variant: 'record-unchecked', tears: ['prefix'], cuts: 1 },
  { ...STORED, variant: 'sector-header-unchecked', tears: ['prefix'], cuts: 1 },
  { ...STORED, variant: 'header-before-records', cuts: 1 },
  { ...STORED, variant: 'active-sector-erased', cuts: 1 },
  { ...STORED, variant: 'generation-not-raised', cuts: 1 },
  { ...STORED, variant: 'not-compacted-whole', cuts: 1 },
];
