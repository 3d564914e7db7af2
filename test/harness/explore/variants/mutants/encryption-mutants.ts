import type { Variant } from '../variant.js';

const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;

/** Faults in how encrypted images are swapped. */
export const ENCRYPTION_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'content-keys-not-kept',
    about:
      'The keys of encrypted images are not kept in the trailer: a swap that was cut short cannot be gone on with.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['encrypted'],
    patches: [
      {
        file: 'src/boot/swap-algorithm.ts',
        find: '    () => writeContentKeys(image, area),\n',
        replace: '',
      },
    ],
  },
  {
    name: 'content-keys-not-moved',
    about:
      'The keys are left behind when the trailer goes from the scratch area to the primary slot. Shows where the image reaches into the sector of the trailer.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['encrypted'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '    () => writeContentKeys(image, primary),\n',
        replace: '',
      },
    ],
  },
  {
    name: 'cipher-without-place',
    about:
      'Each sector is decrypted as if it were the first: what arrives is not the image. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['encrypted'],
    patches: [
      {
        file: 'src/boot/copy-region.ts',
        find: 'range.toOffset - (range.shiftBytes ?? 0)',
        replace: '0',
      },
    ],
  },
];
