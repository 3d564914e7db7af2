import { describe, expect, it } from 'vitest';
import { NorFlash, equalSnapshots, snapshotFromBytes } from '@brickproof/bootloader-sim';
import { FLASH_SHAPES, codeOf, erasedBytes, geometryOf, someBytes } from './flash-shapes.js';

describe.each(FLASH_SHAPES)('a dump of a flash with $name', (shape) => {
  const geometry = geometryOf(shape);

  /** One word in each of the first two sectors, the last word of the flash, and nothing else. */
  function usedFlash(): NorFlash {
    const flash = new NorFlash(geometry);
    for (const offset of [0, 256 + shape.align, geometry.sizeBytes - shape.align]) {
      expect(flash.write(offset, someBytes(shape.align)).ok).toBe(true);
    }
    return flash;
  }

  it('starts a flash that holds the same, in bytes and in words', () => {
    const flash = usedFlash();
    const made = snapshotFromBytes(geometry, flash.read(0, geometry.sizeBytes));
    if (!made.ok) throw new Error(made.detail);
    expect(equalSnapshots(made.value, flash.snapshot())).toBe(true);
  });

  it('lets exactly those words be written that read as erased', () => {
    const bytes = usedFlash().read(0, geometry.sizeBytes);
    const made = snapshotFromBytes(geometry, bytes);
    if (!made.ok) throw new Error(made.detail);
    for (let offset = 0; offset < geometry.sizeBytes; offset += shape.align) {
      const word = bytes.subarray(offset, offset + shape.align);
      const isErased = word.every((byte) => byte === shape.erased);
      const written = new NorFlash(made.value).write(offset, someBytes(shape.align));
      expect(codeOf(written), `at ${offset}`).toBe(isErased ? 'ok' : 'flash-word-programmed');
    }
  });

  it('takes a word for programmed whose last byte alone is not erased', () => {
    const bytes = Uint8Array.from(erasedBytes(shape, geometry.sizeBytes));
    bytes[2 * shape.align - 1] = shape.erased ^ 0x10;
    const made = snapshotFromBytes(geometry, bytes);
    if (!made.ok) throw new Error(made.detail);
    const flash = new NorFlash(made.value);
    expect(codeOf(flash.write(shape.align, someBytes(shape.align)))).toBe('flash-word-programmed');
    expect(codeOf(flash.write(0, someBytes(shape.align)))).toBe('ok');
  });

  it('shares what is erased, and is its own where it is not', () => {
    const bytes = usedFlash().read(0, geometry.sizeBytes).slice();
    bytes.fill(shape.erased, 256, 512);
    const made = snapshotFromBytes(geometry, bytes);
    if (!made.ok) throw new Error(made.detail);
    expect(made.value.sectors[1]).toBe(geometry.erasedContents(1));
    const before = new NorFlash(made.value).read(0, shape.align).slice();
    bytes.fill(0x55);
    expect(new NorFlash(made.value).read(0, shape.align)).toEqual(before);
  });

  it.each([0, 1, 1023, 1025])('refuses %i bytes for a flash of 1024', (sizeBytes) => {
    expect(snapshotFromBytes(geometry, new Uint8Array(sizeBytes))).toMatchObject({
      ok: false,
      code: 'flash-dump-size',
    });
  });
});
