import { STRATEGY_NAMES } from '@brickproof/bootloader-sim';
import type { Variant } from '../variant.js';

const UPGRADING = [
  'overwrite-only',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
] as const;

/** Faults in what decides whether an image may run. */
export const VERIFY_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'signature-unchecked',
    about: 'An image that a stranger signed runs. No cut is needed.',
    package: 'bootloader-sim',
    strategies: STRATEGY_NAMES,
    scenes: ['forged'],
    patches: [
      {
        file: 'src/image/verify.ts',
        find: 'checkSignatures(image, tlvs.value, policy.keys, crypto)',
        replace: 'checkSignatures(image, tlvs.value, [], crypto)',
      },
    ],
  },
  {
    name: 'candidate-signature-unchecked',
    about:
      'The signature of a candidate is not looked at before it takes the place of what runs, but only when it is to run: nothing does. No cut is needed.',
    package: 'bootloader-sim',
    strategies: UPGRADING,
    scenes: ['forged'],
    patches: [
      {
        file: 'src/boot/verify-slot.ts',
        find: 'keys: environment.keys,',
        replace: 'keys: slot === 1 ? [] : environment.keys,',
      },
    ],
  },
  {
    name: 'hash-unchecked',
    about:
      'The bytes of an image are not held to the hash that it carries and that is signed: a damaged one runs. No cut is needed for a damaged candidate.',
    package: 'bootloader-sim',
    strategies: STRATEGY_NAMES,
    scenes: ['forged'],
    patches: [
      {
        file: 'src/image/verify.ts',
        find: 'equalBytes(hash, claimed.value)\n    ? accept(hash)',
        replace: 'claimed.ok\n    ? accept(claimed.value)',
      },
    ],
  },
  {
    name: 'security-counter-unchecked',
    about: 'An image with a lower security counter than the device has runs. No cut is needed.',
    package: 'bootloader-sim',
    strategies: STRATEGY_NAMES,
    scenes: ['downgrade'],
    patches: [
      {
        file: 'src/image/verify.ts',
        find: 'return minimum === undefined || counter >= minimum',
        replace: 'return minimum === undefined || counter >= 0',
      },
    ],
  },
];
