import type { Variant } from '../variant.js';

/** Faults of swap-using-move. */
export const MOVE_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'move-noted-first',
    about: 'A sector is noted as moved before it is; a cut in between loses it.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-move.ts',
        find: '    () =>\n      copyOver(image, { from: primary',
        replace:
          '    () => {\n      writeStatus(image, status.index - 1);\n      return DONE;\n    },\n    () =>\n      copyOver(image, { from: primary',
      },
      {
        file: 'src/boot/swap-using-move.ts',
        find: '  writeStatus(image, status.index - 1);\n  status.index += 1;',
        replace: '  status.index += 1;',
      },
    ],
  },
  {
    name: 'move-first-half-unnoted',
    about:
      'That the new sector was copied down is not noted. A cut while the old one is copied to its place makes the next boot copy a sector that is half erased.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-move.ts',
        find: '    noteStep(image);\n    status.state = 2;',
        replace: '    status.state = 2;',
      },
    ],
  },
  {
    name: 'move-request-kept',
    about:
      'The mark in the secondary slot stays when a swap begins: a cut makes the swap begin again in the middle, and a finished one is followed by another.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-move.ts',
        find: '() => (status.index === 1 ? eraseTrailerOf(image, secondary) : DONE),',
        replace: '',
      },
    ],
  },
  {
    name: 'move-request-erased-first',
    about:
      'The mark in the secondary slot is erased before the primary one tells of the swap. A cut in between loses a revert: the image that failed its trial stays.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-move.ts',
        find: '() => (isFresh ? eraseTrailerOf(image, primary) : DONE),',
        replace:
          '() => (isFresh ? eraseTrailerOf(image, secondary) : DONE),\n    () => (isFresh ? eraseTrailerOf(image, primary) : DONE),',
      },
    ],
  },
  {
    name: 'move-revert-unprepared',
    about:
      'A revert erases the trailer that asks for it, and nothing else does meanwhile. A cut right after makes the image that failed its trial stay.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-move.ts',
        find: '() => prepareRevert(image),',
        replace: '',
      },
    ],
  },
];
