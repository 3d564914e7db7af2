import type { Variant } from '../variant.js';

/** Faults of swap-using-scratch. */
export const SCRATCH_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'scratch-status-not-first',
    about:
      'A swap is not noted in the scratch area before the trailer of the primary slot is erased. A cut right after loses a revert: the image that failed its trial stays.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: 'keepsRequest(image) ? DONE : writeStatusTrailer(image, scratch);',
        replace: 'status.usesScratch ? writeStatusTrailer(image, scratch) : DONE;',
      },
    ],
  },
  {
    name: 'scratch-status-left',
    about:
      'What was noted in the scratch area is not erased when the primary slot tells the same: the copy to the scratch area runs into it, and no image is ever swapped. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '    () => writeStatusTrailer(image, primary),\n    () => scratch.erase(0, scratch.sizeBytes),',
        replace: '    () => writeStatusTrailer(image, primary),',
      },
    ],
  },
  {
    name: 'scratch-trailer-left',
    about:
      'A trailer that was kept in the scratch area stays there. Shows where the image reaches into the sector of the trailer.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: 'return movesTrailer ? eraseBackwards(scratch, 0) : DONE;',
        replace: 'return DONE;',
      },
    ],
  },
  {
    name: 'scratch-erased-forwards',
    about:
      'The scratch area is erased from its start, so that a cut leaves its trailer over sectors that are gone. Shows where the image reaches into the sector of the trailer, and the scratch area has several sectors.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: 'return movesTrailer ? eraseBackwards(scratch, 0) : DONE;',
        replace: 'return movesTrailer ? scratch.erase(0, scratch.sizeBytes) : DONE;',
      },
    ],
  },
  {
    name: 'scratch-noted-first',
    about:
      'A sector is noted as copied to the scratch area before it is; a cut in between loses it.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '    () => copyRegion(image, { ...from, to: scratch, toOffset: 0, sizeBytes }),',
        replace:
          '    () => {\n      noteStep(image);\n      return DONE;\n    },\n    () => copyRegion(image, { ...from, to: scratch, toOffset: 0, sizeBytes }),',
      },
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '  noteStep(image);\n  status.state = 2;',
        replace: '  status.state = 2;',
      },
    ],
  },
  {
    name: 'scratch-last-step-unnoted',
    about:
      'That a turn is over is not noted; the next boot copies what the scratch area holds by then.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '  status.usesScratch = false;\n  noteStep(image);',
        replace: '  status.usesScratch = false;',
      },
    ],
  },
  {
    name: 'scratch-resumed-late',
    about: 'A swap that was cut short is gone on with behind the step that was not done.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '  status.index = Math.floor(entry / STATES_PER_TURN) + 1;',
        replace:
          '  status.index = Math.floor((entry + 1) / STATES_PER_TURN) + 1;\n  status.state = ((entry + 1) % STATES_PER_TURN) + 1;\n  return;',
      },
    ],
  },
  {
    name: 'scratch-request-kept',
    about:
      'The mark in the secondary slot stays when a swap begins: a finished one is followed by another. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-using-scratch.ts',
        find: '() => (status.index === 1 ? eraseTrailerOf(image, secondary) : DONE),',
        replace: '',
      },
    ],
  },
];
