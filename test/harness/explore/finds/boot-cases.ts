import { FULL, type FoundCase } from './found-case.js';

const UPGRADING = [
  'overwrite-only',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
] as const;
const ALL = ['direct-xip', ...UPGRADING] as const;

/** How faults in what decides whether an image may run are found. */
export const VERIFY_CASES: readonly FoundCase[] = [
  {
    variant: 'signature-unchecked',
    scene: 'forged',
    strategies: ALL,
    breaks: 'runs-verified-image',
    cuts: 0,
  },
  {
    variant: 'candidate-signature-unchecked',
    scene: 'forged',
    strategies: UPGRADING,
    breaks: 'boots-something',
    cuts: 0,
  },
  {
    variant: 'hash-unchecked',
    scene: 'damaged',
    strategies: ALL,
    breaks: 'runs-verified-image',
    cuts: 0,
  },
  {
    variant: 'security-counter-unchecked',
    scene: 'downgrade',
    strategies: UPGRADING,
    breaks: 'counter-never-lower',
    cuts: 0,
  },
];

const OVERWRITING = { scene: 'permanent', strategies: ['overwrite-only'] } as const;

/** How faults of overwrite-only are found. */
export const OVERWRITE_CASES: readonly FoundCase[] = [
  { ...OVERWRITING, variant: 'overwrite-mark-erased-first', breaks: 'boots-something', cuts: 1 },
  { ...OVERWRITING, variant: 'overwrite-forgotten-first', breaks: 'boots-something', cuts: 0 },
  { ...OVERWRITING, variant: 'overwrite-not-erased', breaks: 'arrives', cuts: 0 },
  {
    ...OVERWRITING,
    variant: 'overwrite-downgrade-unchecked',
    scene: 'older-version',
    settings: { downgradePrevention: 'version' },
    breaks: 'runs-verified-image',
    cuts: 0,
  },
];

const IN_PLACE = { scene: 'upgrade', strategies: ['direct-xip'] } as const;

/** How faults of direct-xip are found. */
export const DIRECT_XIP_CASES: readonly FoundCase[] = [
  { ...IN_PLACE, variant: 'xip-copy-done-unwritten', breaks: 'tried-once', cuts: 0 },
  { ...IN_PLACE, variant: 'xip-unconfirmed-kept', breaks: 'tried-once', cuts: 0 },
  {
    ...IN_PLACE,
    variant: 'xip-torn-copy-done-unset',
    tears: ['one-bit'],
    breaks: 'tried-once',
    cuts: 1,
  },
  { ...IN_PLACE, variant: 'xip-counter-raised-on-trial', breaks: 'boots-something', cuts: 0 },
  {
    ...IN_PLACE,
    variant: 'xip-lowest-version-first',
    scene: 'permanent',
    breaks: 'arrives',
    cuts: 0,
  },
];

/** How faults in how encrypted images are swapped are found. */
export const ENCRYPTION_CASES: readonly FoundCase[] = [
  {
    variant: 'content-keys-not-kept',
    scene: 'encrypted',
    strategies: ['swap-using-move'],
    breaks: 'boots-something',
    cuts: 1,
  },
  {
    variant: 'content-keys-not-moved',
    scene: 'encrypted',
    strategies: ['swap-using-scratch'],
    board: FULL,
    breaks: 'boots-something',
    cuts: 1,
  },
  {
    variant: 'cipher-without-place',
    scene: 'encrypted',
    strategies: ['swap-using-move'],
    breaks: 'boots-something',
    cuts: 0,
  },
];

/** How faults in how images go together are found. */
export const MULTI_IMAGE_CASES: readonly FoundCase[] = [
  {
    variant: 'dependencies-unchecked',
    scene: 'multi-image',
    strategies: ['overwrite-only'],
    breaks: 'runs-verified-image',
    cuts: 1,
  },
  {
    variant: 'earlier-image-unreviewed',
    scene: 'multi-image',
    strategies: ['swap-using-move'],
    board: { slotSizeBytes: 6144, sectorSizeBytes: 2048, imageSizeBytes: 1500 },
    // Without it, ours runs one image without the other as well, with more cuts.
    settings: { downgradePrevention: 'none', hardened: true },
    breaks: 'runs-verified-image',
    cuts: 1,
  },
];
