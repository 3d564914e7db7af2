import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  NorFlash,
  PowerCut,
  effectsOf,
  equalSectors,
  equalSnapshots,
  flickeringNoise,
  seededRandom,
  type FlashEffect,
  type FlashNoise,
  type OneBitShort,
} from '@brickproof/bootloader-sim';
import {
  AS_ERASED,
  AS_PROGRAMMED,
  FLASH_SHAPES,
  SECTOR_BYTES,
  codeOf,
  erasedBytes,
  flashWithNext,
  geometryOf,
  interruptNext,
  isCut,
  someBytes,
  type FlashShape,
} from './flash-shapes.js';

const WORDS = 4;

/** A write of four words at the second word, of which this is left. */
function afterWrite(shape: FlashShape, effect: FlashEffect, noise?: FlashNoise): NorFlash {
  const flash = flashWithNext(shape, { effect, ...(noise === undefined ? {} : { noise }) });
  expect(isCut(() => flash.write(shape.align, someBytes(WORDS * shape.align)))).toBe(true);
  return flash;
}

/** An erase of the first sector, half of which was written, of which this is left. */
function afterErase(shape: FlashShape, effect: FlashEffect, noise?: FlashNoise): NorFlash {
  const data = someBytes(SECTOR_BYTES / 2);
  const flash = flashWithNext(shape, { effect, data, ...(noise === undefined ? {} : { noise }) });
  expect(isCut(() => flash.erase(0, SECTOR_BYTES))).toBe(true);
  return flash;
}

/** Which of the words that a cut write was to program can still be written. */
function writableWords(flash: NorFlash, shape: FlashShape): readonly boolean[] {
  return Array.from(
    { length: WORDS },
    (_, word) => flash.write((word + 1) * shape.align, someBytes(shape.align)).ok,
  );
}

function bytesAt(flash: NorFlash, offset: number, lengthBytes: number): number[] {
  return Array.from(flash.read(offset, lengthBytes));
}

function differingBits(a: readonly number[], b: readonly number[]): number {
  const bits = a.map((byte, index) => (byte ^ (b[index] ?? 0)).toString(2).replaceAll('0', ''));
  return bits.join('').length;
}

describe.each(FLASH_SHAPES)('what is left of a write ($name)', (shape) => {
  const { align } = shape;
  const length = WORDS * align;
  const data = Array.from(someBytes(length));

  it('untouched: nothing, and it can be written again', () => {
    const flash = afterWrite(shape, 'untouched');
    expect(bytesAt(flash, align, length)).toEqual(erasedBytes(shape, length));
    expect(codeOf(flash.write(align, someBytes(length)))).toBe('ok');
    expect(bytesAt(flash, align, length)).toEqual(data);
  });

  it.each([0, 1, 3, 4, 9])('prefix: %i words, and those can be written no more', (words) => {
    const flash = afterWrite(shape, { kind: 'prefix', words });
    const done = Math.min(words, WORDS) * align;
    const expected = [...data.slice(0, done), ...erasedBytes(shape, length - done)];
    expect(bytesAt(flash, align, length)).toEqual(expected);
    expect(writableWords(flash, shape)).toEqual([0, 1, 2, 3].map((word) => word >= words));
  });

  it('one bit short: everything but one bit, which reads as erased every time', () => {
    const flash = afterWrite(shape, { kind: 'one-bit-short' });
    const found = bytesAt(flash, align, length);
    expect(differingBits(found, data)).toBe(1);
    const at = found.findIndex((byte, index) => byte !== data[index]);
    expect(Math.floor(at / align)).toBe(WORDS - 1);
    expect((found[at] ?? 0) & ((found[at] ?? 0) ^ (data[at] ?? 0))).toBe(
      shape.erased & ((found[at] ?? 0) ^ (data[at] ?? 0)),
    );
    expect(bytesAt(flash, align, length)).toEqual(found);
    expect(writableWords(flash, shape)).toEqual([false, false, false, false]);
  });

  it('unstable: any mix of erased and written, another at each read, until it is erased', () => {
    const flash = afterWrite(shape, { kind: 'unstable' });
    const reads = Array.from({ length: 200 }, () => bytesAt(flash, align, length));
    expect(new Set(reads.map(String)).size).toBeGreaterThan(1);
    for (const read of reads) {
      for (const [index, byte] of read.entries()) {
        // A bit that was to stay erased is never seen programmed.
        expect((byte ^ shape.erased) & ~((data[index] ?? 0) ^ shape.erased) & 0xff).toBe(0);
      }
    }
    const seen = (at: number, bit: number): number =>
      new Set(reads.map((read) => ((read[at] ?? 0) >> bit) & 1)).size;
    for (const [at, byte] of data.entries()) {
      for (let bit = 0; bit < 8; bit += 1) {
        const isUnstable = (((byte ^ shape.erased) >> bit) & 1) === 1;
        expect(seen(at, bit)).toBe(isUnstable ? 2 : 1);
      }
    }
    expect(writableWords(flash, shape)).toEqual([false, false, false, false]);
    expect(codeOf(flash.erase(0, SECTOR_BYTES))).toBe('ok');
    expect(bytesAt(flash, align, length)).toEqual(erasedBytes(shape, length));
    expect(codeOf(flash.write(align, someBytes(length)))).toBe('ok');
    for (let again = 0; again < 20; again += 1) expect(bytesAt(flash, align, length)).toEqual(data);
  });

  it('unstable in one word: those before it are written, those after it untouched', () => {
    const effect: FlashEffect = { kind: 'unstable', firstWord: 1, words: 2 };
    const first = data.slice(0, align);
    const torn = data.slice(align, 3 * align);
    const last = erasedBytes(shape, align);
    const asErased = afterWrite(shape, effect, AS_ERASED);
    expect(bytesAt(asErased, align, length)).toEqual([
      ...first,
      ...erasedBytes(shape, 2 * align),
      ...last,
    ]);
    const asProgrammed = afterWrite(shape, effect, AS_PROGRAMMED);
    expect(bytesAt(asProgrammed, align, length)).toEqual([...first, ...torn, ...last]);
    expect(writableWords(asProgrammed, shape)).toEqual([false, false, false, true]);
  });

  it('applied: everything, though nobody heard of it', () => {
    const flash = afterWrite(shape, 'applied');
    expect(bytesAt(flash, align, length)).toEqual(data);
    expect(writableWords(flash, shape)).toEqual([false, false, false, false]);
  });

  it('reports a failure instead, with the same left behind', () => {
    for (const effect of effectsOf(
      { kind: 'write', index: 0, offset: align, lengthBytes: length },
      { writeAlignBytes: align },
    )) {
      const flash = new NorFlash(geometryOf(shape), { noise: AS_PROGRAMMED });
      interruptNext(flash, { kind: 'failure', effect });
      expect(codeOf(flash.write(align, someBytes(length)))).toBe('flash-write-failed');
      const cut = afterWrite(shape, effect, AS_PROGRAMMED);
      expect(equalSnapshots(flash.snapshot(), cut.snapshot())).toBe(true);
    }
  });
});

describe.each(FLASH_SHAPES)('what is left of an erase ($name)', (shape) => {
  const half = SECTOR_BYTES / 2;
  const data = Array.from(someBytes(half));

  it('untouched: everything is as it was', () => {
    const flash = afterErase(shape, 'untouched');
    expect(bytesAt(flash, 0, SECTOR_BYTES)).toEqual([...data, ...erasedBytes(shape, half)]);
    expect(codeOf(flash.write(half, someBytes(shape.align)))).toBe('ok');
    expect(flash.eraseCounts[0]).toBe(0);
  });

  it('weak: any mix of old and erased, another at each read, until it is erased', () => {
    const flash = afterErase(shape, 'weak');
    const reads = Array.from({ length: 50 }, () => bytesAt(flash, 0, SECTOR_BYTES));
    expect(new Set(reads.map(String)).size).toBeGreaterThan(1);
    for (const read of reads) expect(read.slice(half)).toEqual(erasedBytes(shape, half));
    expect(codeOf(flash.write(half, someBytes(shape.align)))).toBe('flash-word-programmed');
    expect(codeOf(flash.erase(0, SECTOR_BYTES))).toBe('ok');
    expect(bytesAt(flash, 0, SECTOR_BYTES)).toEqual(erasedBytes(shape, SECTOR_BYTES));
    expect(codeOf(flash.write(0, someBytes(shape.align)))).toBe('ok');
  });

  it('weak: may read as if it had been done, or as if it never began', () => {
    const done = afterErase(shape, 'weak', AS_ERASED);
    expect(bytesAt(done, 0, SECTOR_BYTES)).toEqual(erasedBytes(shape, SECTOR_BYTES));
    expect(codeOf(done.write(0, someBytes(shape.align)))).toBe('flash-word-programmed');
    const begun = afterErase(shape, 'weak', AS_PROGRAMMED);
    expect(bytesAt(begun, 0, half)).toEqual(data);
  });

  it('applied: it is erased, though nobody heard of it', () => {
    const flash = afterErase(shape, 'applied');
    expect(bytesAt(flash, 0, SECTOR_BYTES)).toEqual(erasedBytes(shape, SECTOR_BYTES));
    expect(codeOf(flash.write(0, someBytes(SECTOR_BYTES)))).toBe('ok');
  });

  it('reports a failure instead, with the same left behind', () => {
    for (const effect of ['untouched', 'weak', 'applied'] as const) {
      const flash = new NorFlash(geometryOf(shape));
      flash.write(0, someBytes(half));
      interruptNext(flash, { kind: 'failure', effect });
      expect(codeOf(flash.erase(0, SECTOR_BYTES))).toBe('flash-erase-failed');
      expect(equalSnapshots(flash.snapshot(), afterErase(shape, effect).snapshot())).toBe(true);
    }
  });

  it('leaves cells unstable that were so before, when it is weak again', () => {
    const flash = afterWrite(shape, { kind: 'unstable' }, AS_PROGRAMMED);
    interruptNext(flash, { kind: 'failure', effect: 'weak' });
    flash.erase(0, SECTOR_BYTES);
    expect(bytesAt(flash, shape.align, WORDS * shape.align)).toEqual(
      Array.from(someBytes(WORDS * shape.align)),
    );
    flash.erase(0, SECTOR_BYTES);
    expect(flash.read(0, SECTOR_BYTES).every((byte) => byte === shape.erased)).toBe(true);
  });
});

const SHAPE: FlashShape = { name: 'plain', align: 4, erased: 0xff };

describe('a bit that is missing', () => {
  const data = Uint8Array.of(
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0b1111_0101,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
  );

  it.each<[string, OneBitShort, number]>([
    ['the lowest of the last word that has any', { kind: 'one-bit-short' }, 0b1111_0111],
    [
      'of the word that has any before the one that is named',
      { kind: 'one-bit-short', word: 0 },
      0b1111_0111,
    ],
    ['the one that is named', { kind: 'one-bit-short', word: 1, bit: 11 }, 0b1111_1101],
    ['the next one after one that stays erased', { kind: 'one-bit-short', bit: 10 }, 0b1111_1101],
    ['the first one again after the last', { kind: 'one-bit-short', bit: 12 }, 0b1111_0111],
    ['of a word far beyond the end', { kind: 'one-bit-short', word: 99, bit: 99 }, 0b1111_0111],
  ])('is %s', (_, effect, expected) => {
    const flash = flashWithNext(SHAPE, { effect });
    isCut(() => flash.write(0, data));
    expect(bytesAt(flash, 4, 4)).toEqual([0xff, expected, 0xff, 0xff]);
  });

  it('is none when nothing was to be programmed', () => {
    const flash = flashWithNext(SHAPE, { effect: { kind: 'one-bit-short' } });
    isCut(() => flash.write(0, new Uint8Array(8).fill(0xff)));
    expect(bytesAt(flash, 0, 8)).toEqual(erasedBytes(SHAPE, 8));
    expect(codeOf(flash.write(0, new Uint8Array(8)))).toBe('flash-word-programmed');
  });
});

describe('the effects to try', () => {
  const write = { kind: 'write', index: 3, offset: 0, lengthBytes: 16 } as const;

  it('are all rows of the table, each word prefix among them', () => {
    expect(effectsOf(write, { writeAlignBytes: 4 })).toEqual([
      'untouched',
      { kind: 'prefix', words: 1 },
      { kind: 'prefix', words: 2 },
      { kind: 'prefix', words: 3 },
      { kind: 'one-bit-short' },
      { kind: 'unstable' },
      'applied',
    ]);
    expect(effectsOf({ ...write, kind: 'erase' }, { writeAlignBytes: 4 })).toEqual([
      'untouched',
      'weak',
      'applied',
    ]);
  });

  it('hold no more prefixes than asked for, none of them twice', () => {
    for (let prefixesMax = 0; prefixesMax < 20; prefixesMax += 1) {
      const effects = effectsOf(write, { writeAlignBytes: 1, prefixesMax });
      const words = effects.flatMap((effect) =>
        typeof effect === 'object' && effect.kind === 'prefix' ? [effect.words] : [],
      );
      expect(words).toHaveLength(Math.min(prefixesMax, 15));
      expect(new Set(words).size).toBe(words.length);
      for (const count of words) expect(count > 0 && count < 16).toBe(true);
    }
  });
});

describe('a flipped bit', () => {
  it.each(FLASH_SHAPES)('reads flipped until its sector is erased ($name)', (shape) => {
    const flash = new NorFlash(geometryOf(shape));
    flash.write(0, someBytes(32));
    flash.flipBit(5, 3);
    const rotten = Array.from(someBytes(32)).with(5, (someBytes(32)[5] ?? 0) ^ 8);
    expect(bytesAt(flash, 0, 32)).toEqual(rotten);
    flash.erase(0, SECTOR_BYTES);
    expect(bytesAt(flash, 0, 32)).toEqual(erasedBytes(shape, 32));
  });

  it('takes an erased word away from those that can be written', () => {
    const flash = new NorFlash(geometryOf(SHAPE));
    flash.flipBit(9, 0);
    expect(codeOf(flash.write(8, Uint8Array.of(1, 2, 3, 4)))).toBe('flash-word-programmed');
    expect(codeOf(flash.write(12, Uint8Array.of(1, 2, 3, 4)))).toBe('ok');
  });

  it('changes nothing about a cell that is not stable, and nothing of a snapshot', () => {
    const flash = afterWrite(SHAPE, { kind: 'unstable' });
    const before = flash.snapshot();
    flash.flipBit(4, 0);
    expect(equalSnapshots(before, flash.snapshot())).toBe(true);
    flash.flipBit(40, 0);
    expect(equalSnapshots(before, flash.snapshot())).toBe(false);
    flash.restore(before);
    expect(bytesAt(flash, 40, 1)).toEqual([0xff]);
    expect(() => {
      flash.flipBit(4096, 0);
    }).toThrow(RangeError);
  });
});

describe('unstable cells', () => {
  it('survive a snapshot, and flashes of equal contents are equal', () => {
    const torn = afterWrite(SHAPE, { kind: 'unstable' });
    const snapshot = torn.snapshot();
    const other = new NorFlash(snapshot, { noise: AS_PROGRAMMED });
    expect(bytesAt(other, 4, 16)).toEqual(Array.from(someBytes(16)));
    expect(other.snapshot().sectors[0]).toBe(snapshot.sectors[0]);
    torn.erase(0, SECTOR_BYTES);
    expect(equalSnapshots(torn.snapshot(), snapshot)).toBe(false);
    torn.restore(snapshot);
    expect(equalSnapshots(torn.snapshot(), snapshot)).toBe(true);
    expect(equalSnapshots(afterWrite(SHAPE, { kind: 'unstable' }).snapshot(), snapshot)).toBe(true);
  });

  it('tell two states apart that read the same just then', () => {
    const torn = afterWrite(SHAPE, { kind: 'unstable' }, AS_PROGRAMMED);
    const whole = afterWrite(SHAPE, 'applied');
    expect(bytesAt(torn, 0, SECTOR_BYTES)).toEqual(bytesAt(whole, 0, SECTOR_BYTES));
    expect(equalSnapshots(torn.snapshot(), whole.snapshot())).toBe(false);
    // Programmed with the erased value: only the unstable cells make a difference.
    const blank = new NorFlash(geometryOf(SHAPE));
    blank.write(4, new Uint8Array(16).fill(0xff));
    for (const other of [whole, blank]) {
      const [a, b] = [torn, other].map((flash) => flash.snapshot().sectors[0]);
      expect(a !== undefined && b !== undefined && equalSectors(a, b)).toBe(false);
    }
  });

  it('stay as they were in a snapshot when the flash goes on', () => {
    const flash = afterWrite(SHAPE, { kind: 'unstable', words: 1 });
    const before = flash.snapshot();
    const copy = new NorFlash(before);
    interruptNext(flash, { kind: 'failure', effect: { kind: 'unstable' } });
    flash.write(64, someBytes(16));
    expect(equalSnapshots(before, copy.snapshot())).toBe(true);
    expect(bytesAt(copy, 64, 16)).toEqual(erasedBytes(SHAPE, 16));
  });

  it('read the same in chunks, across sectors, and through the same noise', () => {
    const shape: FlashShape = { name: '', align: 8, erased: 0x00 };
    const make = (): NorFlash => {
      const flash = flashWithNext(shape, {
        effect: { kind: 'unstable' },
        noise: (offset) => (offset % 3 === 0 ? 0xff : 0x0f),
      });
      isCut(() => flash.write(64, someBytes(256)));
      return flash;
    };
    const expected = Array.from(someBytes(256), (byte, index) =>
      (index + 64) % 3 === 0 ? byte : byte & 0x0f,
    );
    expect(bytesAt(make(), 64, 256)).toEqual(expected);
    expect([...make().chunks(64, 256)].flatMap((chunk) => [...chunk])).toEqual(expected);
  });

  it('read the same again from the same seed, and not from another', () => {
    const readsOf = (seed: number): string => {
      const flash = afterWrite(SHAPE, { kind: 'unstable' }, flickeringNoise(seededRandom(seed)));
      return Array.from({ length: 20 }, () => bytesAt(flash, 0, SECTOR_BYTES)).join();
    };
    expect(readsOf(7)).toBe(readsOf(7));
    expect(readsOf(7)).not.toBe(readsOf(8));
  });
});

describe('wear', () => {
  it('counts the erases of each sector, also those that were cut, and restoring undoes none', () => {
    const flash = new NorFlash(geometryOf(SHAPE));
    const start = flash.snapshot();
    flash.erase(0, 2 * SECTOR_BYTES);
    flash.erase(SECTOR_BYTES, SECTOR_BYTES);
    interruptNext(flash, { kind: 'power-cut', effect: 'weak' });
    expect(() => flash.erase(2 * SECTOR_BYTES, 2 * SECTOR_BYTES)).toThrow(PowerCut);
    interruptNext(flash, { kind: 'failure', effect: 'untouched' });
    flash.erase(0, SECTOR_BYTES);
    flash.restore(start);
    expect(flash.eraseCounts).toEqual([1, 2, 1]);
    expect(new NorFlash(start).eraseCounts).toEqual([0, 0, 0]);
  });
});

describe('any sequence of interrupted operations', () => {
  const effect: fc.Arbitrary<FlashEffect> = fc.oneof(
    fc.constantFrom<FlashEffect>('untouched', 'weak', 'applied'),
    fc.record({ kind: fc.constant('prefix' as const), words: fc.nat(20) }),
    fc.record({ kind: fc.constant('one-bit-short' as const), word: fc.nat(20), bit: fc.nat(300) }),
    fc.record({ kind: fc.constant('unstable' as const), firstWord: fc.nat(20), words: fc.nat(20) }),
  );
  const step = fc.record({
    erase: fc.boolean(),
    at: fc.nat(15),
    words: fc.integer({ min: 1, max: 12 }),
    fill: fc.nat(255),
    interruption: fc.option(
      fc.record({ kind: fc.constantFrom('power-cut' as const, 'failure' as const), effect }),
      { nil: undefined },
    ),
  });

  it.each(FLASH_SHAPES)(
    'throws only power cuts, and changes nothing beside them ($name)',
    (shape) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
          const flash = new NorFlash(geometryOf(shape), { noise: AS_PROGRAMMED });
          const { sectors, sizeBytes } = flash.geometry;
          for (const { erase, at, words, fill, interruption } of steps) {
            const before = bytesAt(flash, 0, sizeBytes);
            flash.watch(() => interruption);
            const sector = sectors[at % sectors.length] ?? { offset: 0, sizeBytes: 0 };
            const offset = erase ? sector.offset : at * 32;
            const length = erase ? sector.sizeBytes : words * shape.align;
            isCut(() => {
              if (erase) flash.erase(offset, length);
              else flash.write(offset, new Uint8Array(length).fill(fill));
            });
            const after = bytesAt(flash, 0, sizeBytes);
            expect(after.slice(0, offset)).toEqual(before.slice(0, offset));
            expect(after.slice(offset + length)).toEqual(before.slice(offset + length));
          }
          flash.watch(undefined);
          expect(codeOf(flash.erase(0, sizeBytes))).toBe('ok');
          expect(bytesAt(flash, 0, sizeBytes)).toEqual(erasedBytes(shape, sizeBytes));
        }),
        { numRuns: 40 },
      );
    },
  );
});
