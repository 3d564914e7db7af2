import { describe, expect, it } from 'vitest';
import { PowerCut, effectsOf, markForUpgrade, readTrailer } from '@brickproof/bootloader-sim';
import { signedImage } from './signed-image.js';
import { TestBoard } from './test-board.js';
import { Bench, SHAPES, STRANGER_KEY, image } from './fixture.js';

/** MCUboot image.h: ih_flags, IMAGE_F_NON_BOOTABLE. */
const FLAGS_OFFSET = 16;
const NON_BOOTABLE = 0x10;

describe.each(SHAPES)('overwrite-only on $name', (shape) => {
  it.each([false, true])(
    'copies a marked image over the primary one (permanent: %s)',
    (permanent) => {
      const b = new Bench('overwrite-only', shape);
      b.load(0, image('1.0.0'));
      b.load(1, image('1.1.0', { securityCounter: 4 }));
      markForUpgrade(b.slots[1], { permanent });
      expect(readTrailer(b.slots[1]).swapType).toBe(permanent ? 'permanent' : 'test');
      expect(b.bootSummary()).toBe('slot 0: 1.1.0');
      expect(b.counters.read(0)).toBe(4);
      expect(readTrailer(b.slots[1]).magic).toBe('unset');
      expect(b.bootSummary()).toBe('slot 0: 1.1.0');
      expect(b.log).toContain('info: Image index: 0, Swap type: none');
    },
  );

  it.each([0, 1, 2, 3, 4])(
    'comes to the new image after a power cut in any operation of the copy (row %i)',
    (row) => {
      const b = new Bench('overwrite-only', shape);
      b.load(0, image('1.0.0'));
      b.load(1, image('1.1.0'));
      markForUpgrade(b.slots[1], { permanent: false });
      const start = b.flash.snapshot();
      let cuts = 0;
      for (let at = 0; ; at += 1) {
        b.flash.restore(start);
        let seen = 0;
        b.flash.watch((operation) => {
          seen += 1;
          if (seen - 1 !== at) return undefined;
          const effects = effectsOf(operation, { ...shape, prefixesMax: 1 });
          return { kind: 'power-cut', effect: effects[row % effects.length] ?? 'untouched' };
        });
        try {
          b.boot();
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
          cuts += 1;
        }
        b.flash.watch(undefined);
        expect(b.bootSummary()).toBe('slot 0: 1.1.0');
        if (seen <= at) break;
      }
      expect(cuts).toBeGreaterThan(5);
    },
  );
});

describe('overwrite-only', () => {
  const [shape] = SHAPES;
  if (shape === undefined) throw new Error('no shapes');

  it('leaves an unmarked image where it is', () => {
    const b = new Bench('overwrite-only', shape);
    b.load(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.isErased(1)).toBe(false);
  });

  it.each([
    ['a lower version', image('0.9.0')],
    ['an unknown key', image('1.1.0', { key: STRANGER_KEY })],
    ['another address', image('1.1.0', { romFixed: 0x9000 })],
  ])('erases a marked image with %s, and boots the primary one', (_, bytes) => {
    const b = new Bench('overwrite-only', shape);
    b.load(0, image('1.0.0'));
    b.load(1, bytes);
    markForUpgrade(b.slots[1], { permanent: true });
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.isErased(1)).toBe(true);
  });

  it('leaves an image alone that is flagged as not bootable, even an older one', () => {
    const b = new Bench('overwrite-only', shape);
    b.load(0, image('1.0.0'));
    const library = image('0.9.0');
    library[FLAGS_OFFSET] = (library[FLAGS_OFFSET] ?? 0) | NON_BOOTABLE;
    b.load(1, library);
    markForUpgrade(b.slots[1], { permanent: true });
    const { erases } = b.flash.statistics;
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.flash.statistics.erases).toBe(erases);
  });

  it('boots nothing when the primary image does not verify', () => {
    const b = new Bench('overwrite-only', shape);
    b.load(0, image('1.0.0', { key: STRANGER_KEY }));
    expect(b.bootSummary()).toBe('boot-no-image');
  });

  // MCUboot copies a word more than the image has, into a sector that was not erased.
  it.each([1024, 1536, 2048, 2560])(
    'copies an image of %i bytes, which ends with a sector, over a longer one',
    (sizeBytes) => {
      const board = boardOf({ primarySectors: 12, secondarySectors: 12 });
      const longer = { sizeBytes: board.maxImageSizeBytes(), contents: 1 };
      board.install(0, signedImage({ version: '1.0.0', ...longer }));
      board.install(1, signedImage({ version: '1.1.0', sizeBytes, contents: 2 }));
      markForUpgrade(board.slot(1), { permanent: false });
      expect(board.bootsTo()).toBe('primary 1.1.0');
      expect(board.log.filter((line) => line.startsWith('error'))).toEqual([]);
      expect(board.bootOperations()).toEqual([]);
    },
  );

  it('upgrades nothing where the secondary slot is larger, as an image might not fit', () => {
    const board = boardOf({ primarySectors: 12, secondarySectors: 16 });
    board.install(0, signedImage({ version: '1.0.0', sizeBytes: 3000, contents: 1 }));
    board.install(1, signedImage({ version: '1.1.0', sizeBytes: 7000, contents: 2 }));
    markForUpgrade(board.slot(1), { permanent: true });
    expect(board.bootOperations()).toEqual([]);
    expect(board.bootsTo()).toBe('primary 1.0.0');
    expect(board.log).toContain('warning: Cannot upgrade: slots are not compatible');
  });
});

function boardOf(count: {
  readonly primarySectors: number;
  readonly secondarySectors: number;
}): TestBoard {
  const { primarySectors, secondarySectors } = count;
  return new TestBoard({
    strategy: 'overwrite-only',
    layout: {
      areas: [
        { name: 'primary', sectorRuns: [{ count: primarySectors, sizeBytes: 512 }] },
        { name: 'secondary', sectorRuns: [{ count: secondarySectors, sizeBytes: 512 }] },
      ],
    },
    writeAlignBytes: 8,
    erasedValue: 0xff,
  });
}
