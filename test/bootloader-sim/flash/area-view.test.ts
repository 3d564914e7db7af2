import {
  NorFlash,
  areaFrom,
  createFlashGeometry,
  createFlashMap,
  readTrailer,
  markForUpgrade,
  type FlashArea,
} from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';

/** Behind 1 KiB that belong to somebody else: sectors of 256, 256 and 512 bytes. */
function area(): FlashArea {
  const geometry = createFlashGeometry({
    sectorRuns: [
      { count: 1, sizeBytes: 1024 },
      { count: 2, sizeBytes: 256 },
      { count: 1, sizeBytes: 512 },
    ],
    writeAlignBytes: 4,
    erasedValue: 0xff,
  });
  if (!geometry.ok) throw new Error(geometry.detail);
  const options = { name: 'slot', offset: 1024, sizeBytes: 1024 };
  const map = createFlashMap(new NorFlash(geometry.value), [options]);
  if (!map.ok) throw new Error(map.detail);
  return map.value.area('slot');
}

describe('an area from an offset on', () => {
  it('is the area itself from its start on', () => {
    const whole = area();
    expect(areaFrom(whole, 0)).toBe(whole);
  });

  it('ends where the area ends, and counts from its own start', () => {
    const whole = area();
    const view = areaFrom(whole, 256);
    expect(view).toMatchObject({ name: 'slot', flashOffset: 1280, sizeBytes: 768 });
    expect(view.sectors).toEqual([
      { offset: 0, sizeBytes: 256 },
      { offset: 256, sizeBytes: 512 },
    ]);
    expect(view.write(4, Uint8Array.of(1, 2, 3, 4)).ok).toBe(true);
    expect([...whole.read(260, 4)]).toEqual([1, 2, 3, 4]);
    expect([...view.read(4, 2)]).toEqual([1, 2]);
    const chunked = [...view.chunks(4, 4)].flatMap((chunk) => [...chunk]);
    expect(chunked).toEqual([1, 2, 3, 4]);
    expect(view.erase(0, 256).ok).toBe(true);
    expect([...whole.read(260, 1)]).toEqual([0xff]);
  });

  it('has the trailer of the area', () => {
    const whole = area();
    markForUpgrade(areaFrom(whole, 512), { permanent: true });
    expect(readTrailer(whole)).toMatchObject({ magic: 'good', imageOk: 'set' });
  });

  it('does not reach before its start or behind its end', () => {
    const view = areaFrom(area(), 256);
    expect(() => view.read(-4, 4)).toThrow(RangeError);
    expect(() => view.erase(-256, 256)).toThrow(RangeError);
    expect(() => view.read(768, 1)).toThrow(RangeError);
    expect(view.write(768, Uint8Array.of(1, 2, 3, 4))).toMatchObject({
      code: 'flash-out-of-bounds',
    });
  });

  it('starts with a sector', () => {
    expect(() => areaFrom(area(), 100)).toThrow(RangeError);
    expect(() => areaFrom(area(), 1024)).toThrow(RangeError);
  });
});
