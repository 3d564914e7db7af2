import type { Variant } from '../variant.js';

const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;
const UPGRADING = [
  'overwrite-only',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
] as const;

/** Faults in how the images of one board go together. */
export const MULTI_IMAGE_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'dependencies-unchecked',
    about: 'An image is upgraded without the other one that it needs. No cut is needed.',
    package: 'bootloader-sim',
    strategies: UPGRADING,
    scenes: ['multi-image'],
    patches: [
      {
        file: 'src/boot/upgrade-flow.ts',
        find: 'if (images.length > 1) settleDependencies(images, method);',
        replace: 'if (images.length > 4) settleDependencies(images, method);',
      },
    ],
  },
  {
    name: 'earlier-image-unreviewed',
    about:
      'A cut between the swaps of two images that come together makes the next boot revert the first one, since its trial seems to be over, and upgrade the second.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['multi-image'],
    patches: [
      {
        file: 'src/boot/upgrade-flow.ts',
        find: '    reviewEarlierImages(images, image);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'reverts-in-any-order',
    about:
      'An image is reverted before the one that needs it. A cut between the two leaves one that is without what it needs.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['multi-image'],
    patches: [
      {
        file: 'src/boot/upgrade-flow.ts',
        find: 'images.toSorted((a, b) => Number(b.revertsAlong) - Number(a.revertsAlong))',
        replace: 'images',
      },
    ],
  },
];
