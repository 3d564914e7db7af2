import type { Variant } from '../variant.js';

/** Faults of direct-xip. */
export const DIRECT_XIP_MUTANTS: readonly Variant<'bootloader-sim'>[] = [
  {
    name: 'xip-copy-done-unwritten',
    about:
      'That an image was chosen is not noted: its trial is repeated for ever. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['direct-xip'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/direct-xip.ts',
        find: 'const written = writeCopyDone(area);',
        replace: 'const written: Verdict<void> = accept(undefined);',
      },
    ],
  },
  {
    name: 'xip-unconfirmed-kept',
    about: 'An image that was chosen before and not confirmed runs again. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['direct-xip'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/direct-xip.ts',
        find: "(chosenBefore && trailer.imageOk !== 'set')",
        replace: "(chosenBefore && trailer.imageOk === 'bad')",
      },
    ],
  },
  {
    name: 'xip-torn-copy-done-unset',
    about:
      'A half-written copy-done does not count as a begun trial. A cut that tears it makes the trial repeat for ever.',
    package: 'bootloader-sim',
    strategies: ['direct-xip'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/direct-xip.ts',
        find: "const chosenBefore = trailer.copyDone !== 'unset' &&",
        replace: "const chosenBefore = trailer.copyDone === 'set' &&",
      },
    ],
  },
  {
    name: 'xip-counter-raised-on-trial',
    about:
      'The security counter rises to that of an image on trial; when it is not confirmed, the other one may not run any more. Shows when the new image has the higher counter. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['direct-xip'],
    scenes: ['upgrade', 'revert'],
    patches: [
      {
        file: 'src/boot/direct-xip.ts',
        find: "if (readTrailer(slots[slot]).imageOk === 'set') {",
        replace: 'if (slots[slot].sizeBytes > 0) {',
      },
    ],
  },
  {
    name: 'xip-lowest-version-first',
    about:
      'The lower version is preferred: a confirmed image is left for the one before it. No cut is needed.',
    package: 'bootloader-sim',
    strategies: ['direct-xip'],
    scenes: ['permanent', 'leftover-trailer'],
    patches: [
      {
        file: 'src/boot/direct-xip.ts',
        find: 'compareImageVersions(secondary.version, primary.version) > 0 ? 1 : 0',
        replace: 'compareImageVersions(secondary.version, primary.version) < 0 ? 1 : 0',
      },
    ],
  },
];
