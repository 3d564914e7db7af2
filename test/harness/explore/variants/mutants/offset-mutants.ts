import type { Variant } from '../variant.js';

/** Faults of swap-using-offset. */
export const OFFSET_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'offset-noted-first',
    about: 'A sector is noted as swapped out before it is; a cut in between loses it.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: '  if (status.state === 1) {\n',
        replace: '  if (status.state === 1) {\n    noteStep(image);\n',
      },
      {
        file: 'src/boot/swap-using-offset.ts',
        find: '    noteStep(image);\n    status.state = 2;',
        replace: '    status.state = 2;',
      },
    ],
  },
  {
    name: 'offset-second-half-unnoted',
    about:
      'That the new sector came to the primary slot is not noted. A cut while the next sector is swapped out makes the next boot bring back what lies there by then.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: '  noteStep(image);\n  status.index += 1;',
        replace: '  status.index += 1;',
      },
    ],
  },
  {
    name: 'offset-request-kept',
    about: 'The mark in the secondary slot stays when a swap begins.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: '    () => eraseTrailerOf(image, secondary),\n  );\n}\n\n/** The sectors',
        replace: '  );\n}\n\n/** The sectors',
      },
    ],
  },
  {
    name: 'offset-request-erased-first',
    about:
      'The mark in the secondary slot is erased before the primary one tells of the swap. A cut in between loses a revert: the image that failed its trial stays.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: "() => (status.source === 'primary' ? DONE : eraseTrailerOf(image, primary)),",
        replace:
          "() => eraseTrailerOf(image, secondary),\n    () => (status.source === 'primary' ? DONE : eraseTrailerOf(image, primary)),",
      },
    ],
  },
  {
    name: 'offset-revert-unprepared',
    about:
      'A revert erases the trailer that asks for it, and nothing else does meanwhile. A cut right after makes the image that failed its trial stay.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: '() => prepareRevert(image),',
        replace: '',
      },
    ],
  },
  {
    name: 'offset-revert-upwards',
    about:
      'A revert swaps from the first sector to the last, and so erases sectors that it has yet to bring back. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: 'const sector = reverting ? last - turn : turn;',
        replace: 'const sector = turn;',
      },
    ],
  },
];
