import {
  decodeImageHeader,
  encodeImageHeader,
  hashedSizeBytes,
  hasImageFlag,
  parseImageHeader,
  tlvOffset,
  type ImageHeader,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strictSource } from './strict-source.js';

const HEADER: ImageHeader = {
  loadAddress: 0x0800_0000,
  headerSizeBytes: 64,
  protectedTlvSizeBytes: 12,
  bodySizeBytes: 100,
  flags: 0x100,
  version: { major: 1, minor: 2, revision: 3, buildNumber: 4 },
};

function image(header: ImageHeader, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(encodeImageHeader(header).subarray(0, sizeBytes));
  return bytes;
}

describe('an image header', () => {
  it('is laid out as MCUboot reads it', () => {
    expect(Buffer.from(encodeImageHeader(HEADER)).toString('hex')).toBe(
      '3db8f396' +
        '00000008' +
        '4000' +
        '0c00' +
        '64000000' +
        '00010000' +
        '0102030004000000' +
        '00000000',
    );
    expect([tlvOffset(HEADER), hashedSizeBytes(HEADER)]).toEqual([164, 176]);
    expect(hasImageFlag(HEADER, 'romFixed')).toBe(true);
    expect(hasImageFlag(HEADER, 'ramLoad')).toBe(false);
  });

  it('reads back what was written, whatever the fields', () => {
    const header = fc.record({
      loadAddress: fc.nat(0xffff_ffff),
      headerSizeBytes: fc.integer({ min: 32, max: 0xffff }),
      protectedTlvSizeBytes: fc.nat(0xffff),
      bodySizeBytes: fc.integer({ min: 1, max: 0xffff_ffff }),
      flags: fc.constantFrom(0, 0x10, 0x20, 0x100, 0x130),
      version: fc.record({
        major: fc.nat(0xff),
        minor: fc.nat(0xff),
        revision: fc.nat(0xffff),
        buildNumber: fc.nat(0xffff_ffff),
      }),
    });
    fc.assert(
      fc.property(header, (fields) => {
        const decoded = decodeImageHeader(encodeImageHeader(fields));
        expect(decoded).toEqual({ ok: true, value: fields });
      }),
    );
  });

  it('can be decoded from the first packet of an upload, and parsed only with the rest', () => {
    const whole = image(HEADER, 176);
    expect(decodeImageHeader(whole.subarray(0, 32)).ok).toBe(true);
    expect(parseImageHeader(strictSource(whole)).ok).toBe(true);
    const cut = strictSource(whole.subarray(0, 175));
    expect(parseImageHeader(cut)).toMatchObject({ ok: false, code: 'image-truncated' });
  });

  it('is refused when its sizes together pass 32 bits', () => {
    const huge = { ...HEADER, bodySizeBytes: 0xffff_ffff, headerSizeBytes: 0xffff };
    const source = strictSource(image(huge, 0x2_0000));
    expect(parseImageHeader(source)).toMatchObject({ ok: false, code: 'image-truncated' });
  });

  it('is not written when a field does not fit', () => {
    for (const field of [
      { loadAddress: 2 ** 32 },
      { headerSizeBytes: 0x1_0000 },
      { protectedTlvSizeBytes: -1 },
      { bodySizeBytes: 0.5 },
      { flags: 2 ** 32 },
      { version: { ...HEADER.version, minor: 256 } },
    ]) {
      expect(() => encodeImageHeader({ ...HEADER, ...field })).toThrow(RangeError);
    }
  });
});
