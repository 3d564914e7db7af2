import type { Variant } from './variant.js';

const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;
const EQUAL_SECTORS = ['swap-using-offset', 'swap-using-move'] as const;

/**
 * Faults that MCUboot had, each named for its number in MCUboot's tracker, put into our own
 * bootloader.
 */
export const HISTORICAL_VARIANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'mcuboot-480',
    about:
      'That a swap is a revert is forgotten when it is resumed, so the image that it brought back is not confirmed. A revert that was cut short once some of it was swapped is followed by another swap, and the image that failed its trial runs again. Where the firmware that came back would confirm itself, a second cut before that is needed.',
    package: 'bootloader-sim',
    strategies: ['swap-using-scratch'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: "return swapType === 'revert' || swapType === 'permanent' ? setImageOk(image) : DONE;",
        replace: "return swapType === 'permanent' ? setImageOk(image) : DONE;",
      },
    ],
  },
  {
    name: 'mcuboot-829',
    about:
      'The trailer of an image that was programmed with one, flagged as confirmed and not as copied, is taken for the status of a swap, and so is not made anew when a swap begins: it has no swap size. A cut once a sector was noted as moved leaves a swap that cannot be gone on with, and nothing to run.',
    package: 'bootloader-sim',
    strategies: EQUAL_SECTORS,
    scenes: ['leftover-trailer'],
    patches: [
      {
        file: 'src/boot/swap-algorithm.ts',
        find: "primary.magic === 'good' && primary.copyDone === 'unset' && secondary.magic !== 'good';",
        replace: "primary.magic === 'good' && primary.copyDone === 'unset';",
      },
    ],
  },
  {
    name: 'mcuboot-1588',
    about:
      'Once the primary image has been moved up, its header is still looked for where it was. A cut after the first sector of the primary slot was erased, and before the copy to it is noted, leaves a swap whose headers cannot be read, and nothing to run.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['upgrade', 'revert', 'permanent'],
    patches: [
      {
        file: 'src/boot/swap-using-move.ts',
        find: 'const isMoved = slot === 0 && status.index > last;',
        replace: 'const isMoved = slot === 0 && status.index > Number.MAX_SAFE_INTEGER;',
      },
    ],
  },
  {
    name: 'mcuboot-1966',
    about:
      'A revert is begun only while the secondary slot has no magic at all. A cut that tears the magic which prepares the revert leaves one that is neither erased nor good: nothing goes back any more, and the image that failed its trial runs for ever. Cuts that leave a write out or let it through do not show it.',
    package: 'bootloader-sim',
    strategies: EQUAL_SECTORS,
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-type.ts',
        find: "{ magicPrimary: 'good', imageOkPrimary: 'unset', copyDonePrimary: 'set', swapType: 'revert' },",
        replace:
          "{ magicPrimary: 'good', magicSecondary: 'unset', imageOkPrimary: 'unset', copyDonePrimary: 'set', swapType: 'revert' },",
      },
    ],
  },
  {
    name: 'mcuboot-2169',
    about:
      'When all sectors of a revert are swapped, its headers are still looked for in the first sector of the secondary slot, which the revert erases last. A cut between that erase and the flag that ends the revert leaves headers that cannot be read, and nothing is run without them.',
    package: 'bootloader-sim',
    strategies: ['swap-using-offset'],
    scenes: ['revert'],
    patches: [
      {
        file: 'src/boot/swap-using-offset.ts',
        find: 'if (slot === 1) return { area: done > last ? primary : secondary, offset: 0 };',
        replace: 'if (slot === 1) return { area: secondary, offset: 0 };',
      },
      {
        file: 'src/boot/swap-using-offset.ts',
        find: '? { area: secondary, offset: sectorSizeBytes }\n    : { area: primary, offset: 0 };',
        replace: '? { area: secondary, offset: 0 }\n    : { area: primary, offset: 0 };',
      },
      {
        // As MCUboot: headers are read anew only where there was something to do.
        file: 'src/boot/prepare-image.ts',
        find: '  readHeaders(image, method);\n  return verifySlot(image, 0, method.maxImageSizeBytes(image, 0));',
        replace:
          "  if (image.decision !== 'none' || image.wasInterrupted) readHeaders(image, method);\n  return verifySlot(image, 0, method.maxImageSizeBytes(image, 0));",
      },
    ],
  },
  {
    name: 'mcuboot-2811',
    about:
      'An image that filled an empty primary slot is flagged as copied, but not as confirmed. No cut is needed: the next boot takes it for a trial to be reverted, and swaps in whatever lies in the secondary slot by then, without having been asked to.',
    package: 'bootloader-sim',
    strategies: ['swap-using-move'],
    scenes: ['bootstrap'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: "() => (decision === 'test' ? DONE : setImageOk(image)),",
        replace: "() => (fills || decision === 'test' ? DONE : setImageOk(image)),",
      },
    ],
  },
  {
    name: 'mcuboot-1708',
    about:
      'Downgrades are prevented only for images that are to be tried, not for those that are to be taken for good. No cut is needed.',
    package: 'bootloader-sim',
    strategies: SWAPS,
    scenes: ['downgrade'],
    patches: [
      {
        file: 'src/boot/perform-upgrade.ts',
        find: "if (decision !== 'revert' && isDowngrade(image)) {",
        replace: "if (decision === 'test' && isDowngrade(image)) {",
      },
    ],
  },
];
