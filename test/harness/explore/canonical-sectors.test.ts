import type { SectorContents } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { CanonicalSectors, LeftOutBytes } from '../../../harness/src/explore/canonical-flash.js';
import { EffectPool } from '../../../harness/src/explore/effect-pool.js';

const SECTOR_BYTES = 64;
const WORD_BYTES = 8;
const KEPT = { start: 0, end: 16 };
/** A sector of which the first two words may be looked at, and one that is kept whole. */
const [REDUCED, KEPT_WHOLE] = [0, 1];

const contentsOf = (bytes: Uint8Array, programmed: number): SectorContents => {
  return { bytes, programmed: Uint8Array.of(programmed), unstable: undefined };
};
const filled = (byte: number): Uint8Array => new Uint8Array(SECTOR_BYTES).fill(byte);
const range = (start: number, end: number): { readonly start: number; readonly end: number } => {
  return { start, end };
};

function setUp() {
  const cells = { writeAlignBytes: WORD_BYTES, erasedValue: 0xff } as const;
  const effects = new EffectPool({ cells, tears: [] });
  const canonical = new CanonicalSectors(effects, (sector) =>
    sector === REDUCED ? [KEPT] : 'all',
  );
  const image = effects.admit(contentsOf(filled(0x11), 0xff));
  const erased = effects.admit(contentsOf(filled(0xff), 0));
  canonical.addWhole(image);
  const write = (before: number, offset: number, bytes: Uint8Array): number =>
    effects.write([before], { offset, region: undefined }, bytes).applied[0] ?? -1;
  return { effects, canonical, image, erased, write };
}

describe('what a sector counts as', () => {
  it('is itself where it is kept whole, and where it is a sector of an image', () => {
    const { canonical, image, erased, write } = setUp();
    const half = write(erased, 0, filled(0x22).subarray(0, 32));
    expect(canonical.canonical(KEPT_WHOLE, half)).toBe(half);
    expect(canonical.canonical(REDUCED, image)).toBe(image);
  });

  it('is the same for remains that differ only in what nobody may look at', () => {
    const { canonical, erased, write } = setUp();
    const short = write(erased, 0, filled(0x22).subarray(0, 32));
    const long = write(erased, 0, filled(0x22).subarray(0, 40));
    const other = write(erased, 0, filled(0x33).subarray(0, 32));
    const [a, b, c] = [short, long, other].map((content) => canonical.canonical(REDUCED, content));
    expect(a).not.toBe(short);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
  });
});

describe('a look at what was left out', () => {
  it('is refused, and at what was kept it is not', () => {
    const { canonical, erased, write } = setUp();
    const left = canonical.canonical(REDUCED, write(erased, 0, filled(0x22).subarray(0, 32)));
    expect(() => {
      canonical.guard(REDUCED, left, range(0, 16));
    }).not.toThrow();
    expect(() => {
      canonical.guard(REDUCED, left, range(8, 24));
    }).toThrow(LeftOutBytes);
  });

  it('is refused where it was copied to, and is not beside it', () => {
    const { effects, canonical, erased, write } = setUp();
    const left = canonical.canonical(REDUCED, write(erased, 0, filled(0x22).subarray(0, 32)));
    const copied = effects.contents.contents(left).bytes.subarray(32, 48);
    const copy = write(erased, 32, copied);
    expect(() => {
      canonical.guard(KEPT_WHOLE, copy, range(32, 40));
    }).toThrow(LeftOutBytes);
    expect(() => {
      canonical.guard(KEPT_WHOLE, copy, range(0, 32));
    }).not.toThrow();
    expect(() => {
      canonical.guard(KEPT_WHOLE, copy, range(48, 64));
    }).not.toThrow();
  });

  it('is not refused any more once it was written over, or erased', () => {
    const { effects, canonical, erased, write } = setUp();
    const left = canonical.canonical(REDUCED, write(erased, 24, filled(0x22).subarray(0, 8)));
    const again = write(left, 0, filled(0x44).subarray(0, 16));
    expect(() => {
      canonical.guard(REDUCED, again, range(0, 16));
    }).not.toThrow();
    expect(() => {
      canonical.guard(REDUCED, again, range(16, 24));
    }).toThrow(LeftOutBytes);
    const clean = effects.erase(left).applied[0] ?? -1;
    expect(() => {
      canonical.guard(REDUCED, clean, range(0, 64));
    }).not.toThrow();
  });
});

describe('a write without an erase', () => {
  it('is refused where nobody knows whether the words were written', () => {
    const { canonical, erased, image, write } = setUp();
    const left = canonical.canonical(REDUCED, write(erased, 24, filled(0x22).subarray(0, 8)));
    expect(() => {
      canonical.guardWrite(REDUCED, left, range(0, 16));
    }).not.toThrow();
    expect(() => {
      canonical.guardWrite(REDUCED, left, range(32, 40));
    }).toThrow(LeftOutBytes);
    expect(() => {
      canonical.guardWrite(REDUCED, image, range(0, 8));
    }).toThrow(LeftOutBytes);
    expect(() => {
      canonical.guardWrite(KEPT_WHOLE, image, range(0, 8));
    }).not.toThrow();
    expect(() => {
      canonical.guardWrite(REDUCED, erased, range(0, 8));
    }).not.toThrow();
  });
});
