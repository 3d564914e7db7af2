import type { Variant } from '../variant.js';

/** Faults of overwrite-only. */
export const OVERWRITE_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'overwrite-mark-erased-first',
    about:
      'The mark of the candidate is erased before it is copied. A cut in the middle of the copy leaves half an image, and nothing that asks for the rest.',
    package: 'bootloader-sim',
    strategies: ['overwrite-only'],
    scenes: ['permanent'],
    patches: [
      {
        file: 'src/boot/copy-image.ts',
        find: '() => eraseRange(primary, 0, totalSizeBytes),',
        replace:
          '() => eraseRange(secondary, trailerFirstSectorOffset(secondary, image.format), 1),\n    () => eraseRange(primary, 0, totalSizeBytes),',
      },
    ],
  },
  {
    name: 'overwrite-forgotten-first',
    about:
      'The candidate is forgotten, header and mark, as soon as half of it was copied. A cut after that leaves half an image.',
    package: 'bootloader-sim',
    strategies: ['overwrite-only'],
    scenes: ['permanent'],
    patches: [
      {
        file: 'src/boot/copy-image.ts',
        find: 'return copyRegion(image, { ...range, sizeBytes: copiedBytes });',
        replace:
          'const half = Math.ceil(copiedBytes / 2 / primary.writeAlignBytes) * primary.writeAlignBytes;\n      return inOrder(\n        () => copyRegion(image, { ...range, sizeBytes: half }),\n        () => forgetCandidate(image),\n        () => copyRegion(image, { ...range, fromOffset: image.secondaryOffset + half, toOffset: half, sizeBytes: copiedBytes - half }),\n      );',
      },
    ],
  },
  {
    name: 'overwrite-not-erased',
    about:
      'The candidate is copied to where nothing was erased, which flash refuses: the old image stays, and every boot tries again. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['overwrite-only'],
    scenes: ['permanent'],
    patches: [
      {
        file: 'src/boot/copy-image.ts',
        find: '() => eraseRange(primary, 0, totalSizeBytes),',
        replace: '',
      },
    ],
  },
  {
    name: 'overwrite-downgrade-unchecked',
    about: 'An image that is older than the one that runs replaces it. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['overwrite-only'],
    scenes: ['downgrade'],
    patches: [
      {
        file: 'src/boot/prepare-image.ts',
        find: 'if (method.algorithm === undefined && isDowngrade(image)) {',
        replace: 'if (method.algorithm !== undefined && isDowngrade(image)) {',
      },
    ],
  },
];
