import { describe, expect, it } from 'vitest';
import {
  markForDirectXip,
  markForUpgrade,
  readTrailer,
  trailerLayout,
} from '@brickproof/bootloader-sim';
import { Bench, SHAPES } from './fixture.js';

describe.each(SHAPES)('a trailer on $name', (shape) => {
  it('has its fields where MCUboot has them', () => {
    const [slot] = new Bench('direct-xip', shape).slots;
    const align = Math.max(8, shape.writeAlignBytes);
    const layout = trailerLayout(slot);
    expect(layout.magicOffset).toBe(slot.sizeBytes - 16);
    expect(layout.imageOkOffset).toBe(slot.sizeBytes - (align > 16 ? align : 16) - align);
    expect(layout.imageOkOffset - layout.copyDoneOffset).toBe(align);
    expect(layout.copyDoneOffset - layout.swapInfoOffset).toBe(align);
  });

  it('reads what was written', () => {
    const [, slot] = new Bench('overwrite-only', shape).slots;
    expect(readTrailer(slot)).toEqual({
      magic: 'unset',
      swapType: 'none',
      imageNumber: 0,
      copyDone: 'unset',
      imageOk: 'unset',
    });
    markForUpgrade(slot, { permanent: true });
    expect(readTrailer(slot)).toMatchObject({
      magic: 'good',
      swapType: 'permanent',
      imageOk: 'set',
      copyDone: 'unset',
    });
  });

  it('is not marked over a magic that is neither erased nor right', () => {
    const [slot] = new Bench('direct-xip', shape).slots;
    const align = Math.max(16, shape.writeAlignBytes);
    slot.write(slot.sizeBytes - align, new Uint8Array(align).fill(0x5a));
    expect(readTrailer(slot).magic).toBe('bad');
    expect(markForDirectXip(slot, { confirm: true })).toMatchObject({ code: 'trailer-magic-bad' });
    expect(markForUpgrade(slot, { permanent: true })).toMatchObject({ code: 'trailer-magic-bad' });
  });

  it('is marked again without writing a word twice', () => {
    const [slot] = new Bench('direct-xip', shape).slots;
    expect(markForDirectXip(slot, { confirm: false }).ok).toBe(true);
    expect(markForDirectXip(slot, { confirm: true }).ok).toBe(true);
    expect(markForDirectXip(slot, { confirm: true }).ok).toBe(true);
  });
});
