import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  NorFlash,
  OtpCounters,
  createFlashGeometry,
  createFlashMap,
  type ErasedValue,
  type FlashGeometry,
  type FlashOperation,
  type SectorRun,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';

function geometry(
  sectorRuns: readonly SectorRun[] = [{ count: 4, sizeBytes: 64 }],
  writeAlignBytes: WriteAlignBytes = 4,
  erasedValue: ErasedValue = 0xff,
): FlashGeometry {
  const made = createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue });
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}

function code(verdict: { readonly ok: boolean; readonly code?: string }): string | undefined {
  return verdict.ok ? 'ok' : verdict.code;
}

describe('a NOR flash', () => {
  it('reads its erased value until it is written', () => {
    for (const erasedValue of [0xff, 0x00] as const) {
      const flash = new NorFlash(geometry([{ count: 2, sizeBytes: 64 }], 8, erasedValue));
      expect(new Set(flash.read(0, 128))).toEqual(new Set([erasedValue]));
    }
  });

  it('reads back what was written across unequal sectors', () => {
    const flash = new NorFlash(
      geometry([
        { count: 2, sizeBytes: 16 },
        { count: 1, sizeBytes: 64 },
      ]),
    );
    const data = Uint8Array.from({ length: 48 }, (_, index) => index + 1);
    expect(code(flash.write(8, data))).toBe('ok');
    expect(Array.from(flash.read(8, 48))).toEqual(Array.from(data));
    expect([...flash.chunks(8, 48)].map((chunk) => chunk.byteLength)).toEqual([8, 16, 24]);
  });

  it.each([1, 2, 4, 8, 16, 32] as const)('takes whole words of %i bytes only', (align) => {
    const flash = new NorFlash(geometry([{ count: 1, sizeBytes: 256 }], align));
    expect(code(flash.write(0, new Uint8Array(align)))).toBe('ok');
    if (align === 1) return;
    expect(code(flash.write(align + 1, new Uint8Array(align)))).toBe('flash-misaligned');
    expect(code(flash.write(align, new Uint8Array(align - 1)))).toBe('flash-misaligned');
  });

  it('programs each word once between erases, and writes nothing when one of them is taken', () => {
    const flash = new NorFlash(geometry());
    flash.write(8, Uint8Array.of(1, 2, 3, 4));
    expect(code(flash.write(8, Uint8Array.of(1, 2, 3, 4)))).toBe('flash-word-programmed');
    expect(code(flash.write(4, new Uint8Array(8)))).toBe('flash-word-programmed');
    expect(Array.from(flash.read(4, 4))).toEqual([0xff, 0xff, 0xff, 0xff]);
    expect(code(flash.erase(0, 64))).toBe('ok');
    expect(code(flash.write(8, Uint8Array.of(5, 6, 7, 8)))).toBe('ok');
  });

  it('counts a word that was written with the erased value as programmed', () => {
    const flash = new NorFlash(geometry());
    flash.write(0, Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    expect(code(flash.write(0, new Uint8Array(4)))).toBe('flash-word-programmed');
  });

  it('erases whole sectors only, inside only', () => {
    const flash = new NorFlash(geometry());
    expect(code(flash.erase(0, 32))).toBe('flash-misaligned');
    expect(code(flash.erase(32, 64))).toBe('flash-misaligned');
    expect(code(flash.erase(192, 128))).toBe('flash-out-of-bounds');
    expect(code(flash.write(256, new Uint8Array(4)))).toBe('flash-out-of-bounds');
    expect(() => flash.read(250, 10)).toThrow(RangeError);
  });

  it('shares every sector with its snapshots, and copies only what is then written', () => {
    const flash = new NorFlash(geometry());
    flash.write(0, Uint8Array.of(1, 2, 3, 4));
    const before = flash.snapshot();
    const other = new NorFlash(before);
    other.write(64, Uint8Array.of(9, 9, 9, 9));
    other.write(4, Uint8Array.of(8, 8, 8, 8));
    const after = other.snapshot();
    expect(after.sectors.map((sector, index) => sector === before.sectors[index])).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(Array.from(flash.read(0, 8))).toEqual([1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]);
    other.restore(before);
    expect(Array.from(other.read(64, 4))).toEqual([0xff, 0xff, 0xff, 0xff]);
  });

  it('keeps a snapshot as it was when the flash goes on being written', () => {
    const flash = new NorFlash(geometry());
    flash.write(0, Uint8Array.of(1, 2, 3, 4));
    const snapshot = flash.snapshot();
    flash.write(4, Uint8Array.of(5, 6, 7, 8));
    flash.restore(snapshot);
    expect(Array.from(flash.read(4, 4))).toEqual([0xff, 0xff, 0xff, 0xff]);
    expect(code(flash.write(4, Uint8Array.of(5, 6, 7, 8)))).toBe('ok');
  });

  it('shows each operation before it happens, and counts it', () => {
    const flash = new NorFlash(geometry());
    const seen: FlashOperation[] = [];
    flash.watch((operation) => {
      seen.push(operation);
      return undefined;
    });
    flash.write(4, new Uint8Array(8));
    flash.erase(0, 128);
    expect(seen).toEqual([
      { kind: 'write', index: 0, offset: 4, lengthBytes: 8 },
      { kind: 'erase', index: 1, offset: 0, lengthBytes: 64 },
      { kind: 'erase', index: 2, offset: 64, lengthBytes: 64 },
    ]);
    flash.read(60, 8);
    for (const chunk of flash.chunks(0, 100)) expect(chunk.byteLength).toBeGreaterThan(0);
    expect(flash.statistics).toEqual({
      reads: 2,
      writes: 1,
      erases: 2,
      bytesRead: 108,
      bytesWritten: 8,
      bytesErased: 128,
    });
  });

  it('reports a write and an erase that fail', () => {
    const flash = new NorFlash(geometry());
    flash.watch(() => ({ kind: 'failure', effect: 'untouched' }));
    expect(code(flash.write(0, new Uint8Array(4)))).toBe('flash-write-failed');
    expect(code(flash.erase(0, 64))).toBe('flash-erase-failed');
  });

  it('behaves like a plain array of words for any sequence of operations', () => {
    const operation = fc.record({
      erase: fc.boolean(),
      word: fc.nat(63),
      words: fc.integer({ min: 1, max: 20 }),
      value: fc.nat(254),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const flash = new NorFlash(geometry());
        const model: (number | undefined)[] = Array.from({ length: 64 }, () => undefined);
        for (const { erase, word, words, value } of operations) {
          if (erase) {
            const sector = word >> 4;
            flash.erase(sector * 64, 64);
            model.fill(undefined, sector * 16, sector * 16 + 16);
            continue;
          }
          const end = word + words;
          const taken = model.slice(word, end).some((cell) => cell !== undefined);
          const expected =
            end > 64 ? 'flash-out-of-bounds' : taken ? 'flash-word-programmed' : 'ok';
          expect(code(flash.write(word * 4, new Uint8Array(words * 4).fill(value)))).toBe(expected);
          if (expected === 'ok') model.fill(value, word, end);
        }
        const image = model.flatMap((cell) => Array<number>(4).fill(cell ?? 0xff));
        expect(Array.from(flash.read(0, 256))).toEqual(image);
      }),
    );
  });
});

describe('a flash geometry', () => {
  it.each([
    ['no sectors', []],
    ['a sector the alignment does not divide', [{ count: 1, sizeBytes: 66 }]],
    ['too many sectors', [{ count: 70_000, sizeBytes: 64 }]],
    ['too large a flash', [{ count: 3, sizeBytes: 128 * 1024 * 1024 }]],
    ['half a sector', [{ count: 0.5, sizeBytes: 64 }]],
  ])('refuses %s', (_, sectorRuns) => {
    const made = createFlashGeometry({ sectorRuns, writeAlignBytes: 4, erasedValue: 0xff });
    expect(code(made)).toBe('flash-map-invalid');
  });
});

describe('a flash map', () => {
  const areas = [
    { name: 'boot', offset: 0, sizeBytes: 64 },
    { name: 'slot0', offset: 64, sizeBytes: 128 },
  ];

  it('keeps an area inside its bounds', () => {
    const flash = new NorFlash(geometry());
    const map = createFlashMap(flash, areas);
    if (!map.ok) throw new Error(map.detail);
    const slot = map.value.area('slot0');
    expect(code(slot.write(0, Uint8Array.of(1, 2, 3, 4)))).toBe('ok');
    expect(Array.from(flash.read(64, 4))).toEqual([1, 2, 3, 4]);
    expect(code(slot.write(128, new Uint8Array(4)))).toBe('flash-out-of-bounds');
    expect(code(slot.write(-4, new Uint8Array(4)))).toBe('flash-out-of-bounds');
    expect(code(slot.erase(64, 128))).toBe('flash-out-of-bounds');
    expect(() => slot.read(120, 16)).toThrow(RangeError);
    expect(slot.sectors.map((sector) => sector.offset)).toEqual([0, 64]);
  });

  it.each([
    ['overlapping areas', [...areas, { name: 'x', offset: 128, sizeBytes: 128 }]],
    ['half a sector', [{ name: 'x', offset: 32, sizeBytes: 64 }]],
    ['a name twice', [...areas, { name: 'boot', offset: 192, sizeBytes: 64 }]],
    ['an area outside', [{ name: 'x', offset: 192, sizeBytes: 128 }]],
  ])('refuses %s', (_, bad) => {
    expect(code(createFlashMap(new NorFlash(geometry()), bad))).toBe('flash-map-invalid');
  });
});

describe('one-time-programmable counters', () => {
  it('only rise', () => {
    const counters = new OtpCounters([3]);
    expect(code(counters.raise(0, 3))).toBe('ok');
    expect(code(counters.raise(0, 7))).toBe('ok');
    expect(code(counters.raise(0, 6))).toBe('counter-not-monotonic');
    expect(code(counters.raise(0, 2 ** 32))).toBe('counter-not-monotonic');
    expect(code(counters.raise(1, 1))).toBe('counter-unknown');
    expect(counters.read(0)).toBe(7);
  });

  it('give back the values a snapshot had', () => {
    const counters = new OtpCounters([3]);
    const before = counters.snapshot();
    counters.raise(0, 9);
    expect(before).toEqual([3]);
    counters.restore(before);
    expect(counters.read(0)).toBe(3);
  });
});
