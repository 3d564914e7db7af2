import type { Variant } from '../variant.js';

const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;
/** Those under which images are tried. */
const TRYING = [
  'direct-xip',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
] as const;

/** Faults in how the agent takes an image. */
export const STAGING_MUTANTS: readonly Variant<'agent'>[] = [
  {
    name: 'end-of-upload-unnoted',
    about:
      'That the header is about to be written is not noted. After a cut once it was written, the upload is resumed in the last sector, and can never write its header again. Direct-xip erases such a slot at the next boot.',
    package: 'agent',
    strategies: ['overwrite-only', ...SWAPS],
    scenes: ['download'],
    patches: [
      {
        file: 'src/update/staging.ts',
        find: '    const noted = this.#note({ slot, sizeBytes, sha, offset: 0 });\n    if (!noted.ok) return noted;\n    const headed',
        replace: '    void [slot, sizeBytes, sha];\n    const headed',
      },
    ],
  },
  {
    name: 'fallback-overwritten',
    about:
      'While an image is on trial, an upload erases the one to go back to. When the trial fails, what was only uploaded runs, or nothing. No cut is needed.',
    package: 'agent',
    strategies: TRYING,
    scenes: ['confirm'],
    patches: [
      {
        file: 'src/update/staging.ts',
        find: 'if (!bootControl.state(bootControl.activeSlot).confirmed) {',
        replace: 'if (bootControl.slotCount === 1) {',
      },
    ],
  },
  {
    name: 'trailer-kept-under-upload',
    about:
      'The trailer of the slot is not erased before a new image is written to it. Once an upgrade was confirmed, the slot of the image before it is still flagged as confirmed too, so that what is uploaded there runs without ever having been marked. No cut is needed.',
    package: 'agent',
    strategies: ['direct-xip'],
    scenes: ['second-upgrade'],
    patches: [
      {
        file: 'src/update/image-surroundings.ts',
        find: 'const trailerOffset = bootControl.trailerSectorOffset(slot);',
        replace: 'const trailerOffset = area.sizeBytes;',
      },
    ],
  },
];
