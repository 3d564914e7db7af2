import type { Variant } from '../variant.js';

const EQUAL_SECTORS = ['swap-using-offset', 'swap-using-move'] as const;
const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;

/** Faults in what all swaps have in common. */
export const SWAP_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'image-ok-ignored',
    about: 'An image goes back though it was confirmed. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-type.ts',
        find: "magicPrimary: 'good', imageOkPrimary: 'unset', copyDonePrimary: 'set'",
        replace: "magicPrimary: 'good', copyDonePrimary: 'set'",
      },
    ],
  },
  {
    name: 'trial-never-reverts',
    about: 'An image that nobody confirmed stays. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-type.ts',
        find: "copyDonePrimary: 'set', swapType: 'revert' },\n];",
        replace: "copyDonePrimary: 'set', swapType: 'none' },\n];",
      },
    ],
  },
  {
    name: 'copy-done-forgotten',
    about:
      'A swap is not flagged as finished, so that the next boot finishes it first: an image on trial runs a second time. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: '    () => writeCopyDone(image.primary),\n  );',
        replace: '  );',
      },
    ],
  },
  {
    name: 'resumed-copy-done-forgotten',
    about:
      'A swap that was cut short is not flagged as finished when it is: the image on trial runs again and again.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: "() => (image.status.swapType === 'none' ? DONE : writeCopyDone(image.primary)),",
        replace: '',
      },
    ],
  },
  {
    name: 'reverted-image-unconfirmed',
    about:
      'The image that a revert brings back is not confirmed: the next boot goes back from it, to the image that failed its trial. The other swaps do without the flag: by move it comes with what prepares the revert, by offset nothing lies where a revert takes it from. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: "() => (decision === 'test' ? DONE : setImageOk(image)),",
        replace: "() => (decision !== 'permanent' ? DONE : setImageOk(image)),",
      },
    ],
  },
  {
    name: 'counter-raised-on-trial',
    about:
      'The security counter rises to that of an image on trial; the one to go back to may not run any more. Shows when the new image has the higher counter. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/upgrade-flow.ts',
        find: "  if (trailer.magic === 'good' && trailer.imageOk !== 'set') return;\n",
        replace: '  void trailer;\n',
      },
    ],
  },
  {
    name: 'downgrade-unchecked',
    about: 'An image that is older than the one that runs replaces it. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['downgrade'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: "if (decision !== 'revert' && isDowngrade(image)) {",
        replace: 'if (decision === undefined && isDowngrade(image)) {',
      },
    ],
  },
  {
    name: 'swap-size-of-primary',
    about:
      'As much is swapped as the primary image needs: a new image that takes more sectors arrives without its end. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['permanent', 'upgrade'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: 'Math.max(measure(image, 0), measure(image, 1))',
        replace: 'Math.min(measure(image, 0), Math.max(measure(image, 0), measure(image, 1)))',
      },
    ],
  },
  {
    name: 'swap-size-of-secondary-trailer',
    about:
      'The size of a swap that was cut short is read from the secondary slot, whose trailer has none: the swap is not gone on with, and nothing runs.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-algorithm.ts',
        find: 'return readSwapSize(statusArea(image), image.format);',
        replace: 'return readSwapSize(image.secondary, image.format);',
      },
    ],
  },
  {
    name: 'swap-not-erased',
    about:
      'Sectors are copied to where nothing was erased, which flash refuses. A swap stops halfway at every boot. No cut is needed.',
    package: 'bootloader-sim',
    strategies: EQUAL_SECTORS,
    scenes: ['permanent', 'revert'],
    patches: [
      {
        file: 'src/boot/copy-region.ts',
        find: 'const erased = eraseRange(range.to, range.toOffset, range.sizeBytes);',
        replace: 'const erased: Verdict<void> = DONE;',
      },
    ],
  },
  {
    name: 'resumed-step-late',
    about: 'A swap that was cut short is gone on with behind the step that was not done.',
    package: 'bootloader-sim',
    strategies: EQUAL_SECTORS,
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-status.ts',
        find: 'if (isWritten(area, entries, number - 1)) return number;',
        replace:
          'if (isWritten(area, entries, number - 1)) return Math.min(number + 1, entries.count);',
      },
    ],
  },
  {
    name: 'resumed-step-early',
    about:
      'A swap that was cut short is gone on with at the step before, whose source the next step may have begun to erase.',
    package: 'bootloader-sim',
    strategies: EQUAL_SECTORS,
    scenes: ['permanent', 'upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/swap-status.ts',
        find: 'if (isWritten(area, entries, number - 1)) return number;',
        replace: 'if (isWritten(area, entries, number - 1)) return number - 1;',
      },
    ],
  },
  {
    name: 'trailer-erased-forwards',
    about:
      'What is erased to remove a trailer is erased from its start, so that the magic goes last. A cut leaves a magic over contents that are gone: in the scratch area, where it has several sectors and the image reaches into the sector of the trailer.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['permanent', 'upgrade', 'revert', 'second-upgrade'],
    patches: [
      {
        file: 'src/boot/swap-trailer.ts',
        find: '(area.eraseUnits ?? area.sectors).toReversed()) {\n    if (unit.offset < offset) break;',
        replace: 'area.eraseUnits ?? area.sectors) {\n    if (unit.offset < offset) continue;',
      },
    ],
  },
];
