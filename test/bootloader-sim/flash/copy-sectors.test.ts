import { describe, expect, it } from 'vitest';
import {
  NorFlash,
  createFlashGeometry,
  createFlashMap,
  type FlashArea,
} from '@brickproof/bootloader-sim';

const SECTOR = 4096;
const CHUNK = 1024;

function makeFlash(): { flash: NorFlash; from: FlashArea; to: FlashArea } {
  const geometry = createFlashGeometry({
    sectorRuns: [
      { count: 4, sizeBytes: SECTOR },
      { count: 1, sizeBytes: 2 * SECTOR },
    ],
    writeAlignBytes: 8,
    erasedValue: 0xff,
  });
  if (!geometry.ok) throw new Error(geometry.detail);
  const flash = new NorFlash(geometry.value);
  const map = createFlashMap(flash, [
    { name: 'from', offset: 0, sizeBytes: 2 * SECTOR },
    { name: 'to', offset: 2 * SECTOR, sizeBytes: 4 * SECTOR },
  ]);
  if (!map.ok) throw new Error(map.detail);
  const [from, to] = [map.value.area('from'), map.value.area('to')];
  // The second half of the source is left erased.
  from.write(
    0,
    Uint8Array.from({ length: SECTOR }, (_, index) => index & 0xff),
  );
  return { flash, from, to };
}

function copy(
  from: FlashArea,
  to: FlashArea,
  options: { lengthBytes?: number; toOffset?: number } = {},
): boolean {
  const { lengthBytes = 2 * SECTOR, toOffset = 0 } = options;
  const range = { fromOffset: 0, toOffset, lengthBytes, chunkBytes: CHUNK };
  return to.copySectorsFrom?.(from, range) ?? false;
}

describe('copying sectors by reference', () => {
  it('leaves what writing them chunk by chunk leaves: bytes, words and counts', () => {
    const shared = makeFlash();
    const written = makeFlash();
    expect(copy(shared.from, shared.to)).toBe(true);
    for (let at = 0; at < 2 * SECTOR; at += CHUNK) {
      expect(written.to.write(at, written.from.read(at, CHUNK)).ok).toBe(true);
    }
    expect(shared.flash.snapshot().sectors).toEqual(written.flash.snapshot().sectors);
    expect(shared.flash.statistics).toEqual(written.flash.statistics);
    const word = new Uint8Array(8);
    expect(shared.to.write(SECTOR, word)).toMatchObject({ code: 'flash-word-programmed' });
    expect(written.to.write(SECTOR, word)).toMatchObject({ code: 'flash-word-programmed' });
    const numbers = [shared, written].map(({ flash, to }) => {
      let index = -1;
      flash.watch((operation) => {
        index = operation.index;
        return undefined;
      });
      to.erase(0, SECTOR);
      return index;
    });
    expect(numbers[0]).toBe(numbers[1]);
  });

  it('does not bind the two: what is done to one is not seen in the other', () => {
    const { flash, from, to } = makeFlash();
    const before = flash.snapshot();
    copy(from, to);
    from.write(SECTOR, new Uint8Array(8));
    expect(to.read(SECTOR, 8).every((byte) => byte === 0xff)).toBe(true);
    from.erase(0, SECTOR);
    expect(to.read(1, 3)).toEqual(Uint8Array.of(1, 2, 3));
    flash.restore(before);
    expect(to.read(1, 3)).toEqual(Uint8Array.of(0xff, 0xff, 0xff));
  });

  it.each([
    ['a range that is no whole sector', { lengthBytes: SECTOR + CHUNK }],
    ['a place inside of a sector', { lengthBytes: SECTOR, toOffset: CHUNK }],
    ['sectors of other sizes', { lengthBytes: 2 * SECTOR, toOffset: 2 * SECTOR }],
    ['a place outside of the area', { lengthBytes: 2 * SECTOR, toOffset: 3 * SECTOR }],
    ['nothing', { lengthBytes: 0 }],
  ])('is not done for %s', (_, options) => {
    const { flash, from, to } = makeFlash();
    const before = flash.snapshot();
    expect(copy(from, to, options)).toBe(false);
    expect(flash.snapshot()).toEqual(before);
  });

  it('is not done onto a sector that is not erased, and not while each write is watched', () => {
    const { flash, from, to } = makeFlash();
    flash.watch(() => undefined);
    expect(copy(from, to)).toBe(false);
    flash.watch(undefined);
    to.write(SECTOR, new Uint8Array(8));
    expect(copy(from, to)).toBe(false);
  });

  it('is not done for cells that are not stable', () => {
    const { flash, from, to } = makeFlash();
    flash.watch(() => ({ kind: 'failure', effect: 'weak' }));
    from.erase(0, SECTOR);
    flash.watch(undefined);
    expect(copy(from, to)).toBe(false);
  });

  it('is not done between two flashes', () => {
    expect(copy(makeFlash().from, makeFlash().to)).toBe(false);
  });
});
