import { describe, expect, it } from 'vitest';
import { PowerCut, effectsOf, markForUpgrade, readTrailer } from '@brickproof/bootloader-sim';
import { Bench, SHAPES, STRANGER_KEY, image } from './fixture.js';

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

  it('boots nothing when the primary image does not verify', () => {
    const b = new Bench('overwrite-only', shape);
    b.load(0, image('1.0.0', { key: STRANGER_KEY }));
    expect(b.bootSummary()).toBe('boot-no-image');
  });
});
