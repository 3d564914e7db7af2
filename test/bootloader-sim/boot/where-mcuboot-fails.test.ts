import { STRATEGY_NAMES, markForUpgrade, type FlashArea } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { CHEAP } from './hostile/cheap-crypto.js';
import { runHostile, type HostileBoard } from './hostile/hostile-board.js';
import { HOSTILE_SHAPES, type HostileShape } from './hostile/hostile-shapes.js';
import type { HostileTrailer } from './hostile/hostile-trailer.js';
import { boardsFor } from './mcuboot-cases/boards.js';
import { StagedBoard, running, versionOf } from './mcuboot-cases/staged-board.js';
import { signedImage, version } from './signed-image.js';
import { writeImageOkByte } from './trailer-bytes.js';

/** Erases a slot and uploads an image that nobody marks, as an application may at any time. */
function uploadUnmarked(board: StagedBoard, imageIndex: number, versionText: string): void {
  const secondary: FlashArea = board.slot(1, imageIndex);
  secondary.erase(0, secondary.sizeBytes);
  const image = signedImage({ version: versionText, sizeBytes: 500, contents: 9 });
  board.install(1, image, imageIndex);
}

// MCUboot 2d4bacc3 takes the image for the one to go back to, and moves it from where it is not
// (swap_offset.c, boot_read_image_header); nothing is left to run.
describe.each(boardsFor('swap-using-offset'))('$name', (spec) => {
  it('goes on with a trial when another image was uploaded meanwhile', () => {
    const board = new StagedBoard(spec).request({ permanent: false });
    expect(board.bootsTo()).toBe(running(board, 'new'));
    for (const index of board.images.keys()) uploadUnmarked(board, index, '99.0.0');
    const before = board.flashHash();
    expect(board.bootsTo()).toBe(running(board, 'new'));
    expect(board.log.join()).toContain('is not where it is swapped from');
    expect(board.flashHash()).toBe(before);
    for (const [index, [, secondary]] of board.images.entries()) {
      markForUpgrade(secondary, { permanent: true, imageIndex: index });
    }
    expect(board.bootsTo()).toMatch(/^primary 99\.0\.0(, primary 99\.0\.0)?$/);
  });
});

describe.each(boardsFor('swap-using-offset').filter(({ shape }) => shape.device === 'k64fmulti'))(
  '$name',
  (spec) => {
    it('reverts no image that needs another one to an older one that was only uploaded', () => {
      const minimumVersion = version(versionOf('new', 0));
      const board = new StagedBoard(spec, {
        new: (imageIndex) =>
          imageIndex === 0 ? {} : { dependencies: [{ imageIndex: 0, minimumVersion }] },
      }).request({ permanent: false });
      expect(board.bootsTo()).toBe(running(board, 'new'));
      writeImageOkByte(board.slot(0, 1));
      uploadUnmarked(board, 1, '20.0.0');
      // The first image asks for a revert, which the second one could not live with.
      expect(board.bootsTo()).toBe(running(board, 'new'));
      expect(board.bootsTo()).toBe(running(board, 'new'));
    });
  },
);

describe.each(STRATEGY_NAMES)('%s', (strategy) => {
  it('takes a swap size that reads differently each time for what it read first', () => {
    for (const shape of HOSTILE_SHAPES[strategy]) {
      for (let seed = 1; seed <= 100; seed += 1) {
        const board = withTornSwapSize(shape, { entries: seed % 25, seed });
        expect(() => runHostile(board, CHEAP)).not.toThrow();
      }
    }
  });
});

/** Swaps of which so many entries are written, and the highest bit of the swap size is torn. */
function withTornSwapSize(
  shape: HostileShape,
  { entries, seed }: { readonly entries: number; readonly seed: number },
): HostileBoard {
  const align = Math.max(8, shape.geometry.writeAlignBytes);
  const fieldsBehind = shape.strategy === 'swap-using-offset' ? 5 : 4;
  const trailer: HostileTrailer = {
    ...{ kind: 'fields', magic: 'good', imageOk: 1, copyDone: undefined, swapInfo: 2 },
    numbers: [192, 192],
    status: { kind: 'prefix', entries, value: 1 },
    torn: { fromEndBytes: 16 + fieldsBehind * align - 4, sizeBytes: 1, mask: 0x80 },
  };
  return {
    shape,
    areas: shape.areas.map(({ name }) => ({
      contents: { kind: 'image', which: 'old', place: 'right' },
      // Where the secondary slot asks for something, no swap is taken to be under way.
      trailer: name.startsWith('secondary') ? { kind: 'erased' } : trailer,
    })),
    settings: { bootstrap: false, downgradePrevention: 'none' },
    counters: undefined,
    cuts: [undefined, undefined, undefined, undefined],
    cutEffect: 'untouched',
    noiseSeed: seed,
  };
}
