import { DIRECT_XIP_MUTANTS } from './mutants/direct-xip-mutants.js';
import { ENCRYPTION_MUTANTS } from './mutants/encryption-mutants.js';
import { MOVE_MUTANTS } from './mutants/move-mutants.js';
import { MULTI_IMAGE_MUTANTS } from './mutants/multi-image-mutants.js';
import { OFFSET_MUTANTS } from './mutants/offset-mutants.js';
import { OVERWRITE_MUTANTS } from './mutants/overwrite-mutants.js';
import { SCRATCH_MUTANTS } from './mutants/scratch-mutants.js';
import { STAGING_MUTANTS } from './mutants/staging-mutants.js';
import { STORE_MUTANTS } from './mutants/store-mutants.js';
import { SWAP_MUTANTS } from './mutants/swap-mutants.js';
import { TRIAL_MUTANTS } from './mutants/trial-mutants.js';
import { VERIFY_MUTANTS } from './mutants/verify-mutants.js';
import type { Variant } from './variant.js';

/** Bootloaders in which one check is left out, or two steps are in the wrong order. */
export const BOOTLOADER_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  ...VERIFY_MUTANTS,
  ...SWAP_MUTANTS,
  ...OFFSET_MUTANTS,
  ...MOVE_MUTANTS,
  ...SCRATCH_MUTANTS,
  ...OVERWRITE_MUTANTS,
  ...DIRECT_XIP_MUTANTS,
  ...ENCRYPTION_MUTANTS,
  ...MULTI_IMAGE_MUTANTS,
];

/** Agents of that kind. */
export const AGENT_MUTANTS: readonly Variant<'agent'>[] = [
  ...STAGING_MUTANTS,
  ...TRIAL_MUTANTS,
  ...STORE_MUTANTS,
];
