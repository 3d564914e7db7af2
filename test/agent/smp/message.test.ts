import {
  CBOR_DEPTH_MAX,
  CBOR_ITEMS_MAX,
  CBOR_KEY_BYTES_MAX,
  decodeSmpBody,
  decodeSmpHeader,
  decodeSmpMessage,
  encodeSmpHeader,
  encodeSmpMessage,
} from '@brickproof/agent';
import type { SmpBody, SmpHeader, SmpValue } from '@brickproof/agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const ECHO: SmpHeader = {
  version: 2,
  op: 'write',
  group: 0x1234,
  command: 5,
  sequence: 0xab,
  lengthBytes: 0x0102,
};

describe('the SMP header', () => {
  it('has the bits where the specification has them', () => {
    expect(encodeSmpHeader(ECHO)).toEqual(hex('0a 00 0102 1234 ab 05'));
    expect(encodeSmpHeader({ ...ECHO, version: 1, op: 'read' })).toEqual(
      hex('00 00 0102 1234 ab 05'),
    );
    expect(encodeSmpHeader({ ...ECHO, op: 'read-response' })[0]).toBe(0x09);
    expect(encodeSmpHeader({ ...ECHO, op: 'write-response' })[0]).toBe(0x0b);
  });

  it('is read back, whatever the flags and reserved bits', () => {
    expect(decodeSmpHeader(hex('0a 00 0102 1234 ab 05'))).toEqual({ ok: true, value: ECHO });
    expect(decodeSmpHeader(hex('ea ff 0102 1234 ab 05'))).toEqual({ ok: true, value: ECHO });
  });

  it.each([
    ['smp-header-truncated', '0a 00 0000 0000 00'],
    ['smp-op-unknown', '0c 00 0000 0000 00 00'],
    ['smp-version-unsupported', '10 00 0000 0000 00 00'],
    ['smp-version-unsupported', '18 00 0000 0000 00 00'],
  ])('is refused with %s', (code, bytes) => {
    expect(decodeSmpHeader(hex(bytes))).toMatchObject({ ok: false, code });
  });

  it('throws for a field that does not fit, which is our own mistake', () => {
    for (const wrong of [
      { group: 0x10000 },
      { command: 256 },
      { sequence: -1 },
      { lengthBytes: 1.5 },
    ]) {
      expect(() => encodeSmpHeader({ ...ECHO, ...wrong })).toThrow(RangeError);
    }
  });
});

describe('an SMP message', () => {
  const value: fc.Memo<SmpValue> = fc.memo((depth) =>
    depth <= 1
      ? fc.oneof(
          fc.maxSafeInteger(),
          fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
          fc.boolean(),
          fc.constant(null),
          fc.double({ noNaN: true }).filter((number) => !Number.isInteger(number)),
          fc.string({ unit: 'binary', maxLength: 80 }).filter((text) => !text.startsWith('\ufeff')),
          fc.uint8Array({ maxLength: 300 }),
        )
      : fc.oneof(value(1), fc.array(value(depth - 1), { maxLength: 4 }), body(depth - 1)),
  );
  const body = (depth: number): fc.Arbitrary<SmpBody> =>
    fc.dictionary(
      fc.string({ maxLength: 20 }).filter((key) => key !== '__proto__'),
      value(depth),
      { maxKeys: 5, noNullPrototype: true },
    );

  it('comes back as it was sent, byte strings as plain Uint8Array views', () => {
    fc.assert(
      fc.property(body(4), (sent) => {
        const fields = { version: 2, op: 'read', group: 1, command: 2, sequence: 3 } as const;
        const encoded = encodeSmpMessage({ ...fields, body: sent });
        const decoded = decodeSmpMessage(Buffer.from(encoded));
        expect(decoded).toMatchObject({ ok: true, value: fields });
        if (decoded.ok) expect(decoded.value.body).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });

  it('is encoded without tags, records or Buffers', () => {
    const encoded = encodeSmpMessage({
      version: 1,
      op: 'write',
      group: 1,
      command: 1,
      sequence: 0,
      body: { off: 0, data: Uint8Array.of(1, 2), sub: { a: [true, null] } },
    });
    expect(Buffer.isBuffer(encoded)).toBe(false);
    expect(encoded.subarray(8)).toEqual(
      hex('a3 636f6666 00 6464617461 420102 63737562 a1 6161 82f5f6'),
    );
    const decoded = decodeSmpBody(Buffer.from(encoded.subarray(8)));
    expect(decoded.ok && Buffer.isBuffer(decoded.value['data'])).toBe(false);
  });

  it('takes the maps and arrays of indefinite length that Zephyr sends', () => {
    const decoded = decodeSmpBody(
      hex('bf 66696d61676573 9f bf 64736c6f74 00 ff ff 63616263 f4 ff'),
    );
    expect(decoded).toEqual({ ok: true, value: { images: [{ slot: 0 }], abc: false } });
  });

  it('takes a body of no bytes as an empty map', () => {
    expect(decodeSmpMessage(hex('0000 0000 0000 00 00'))).toMatchObject({ value: { body: {} } });
  });

  it('keeps the names of object members harmless', () => {
    const decoded = decodeSmpBody(hex('a1 695f5f70726f746f5f5f a1 6161 01'));
    expect(decoded.ok && 'a' in decoded.value).toBe(false);
  });

  it.each([
    ['smp-length-mismatch', '0000 0001 0000 00 00'],
    ['smp-length-mismatch', '0000 0000 0000 00 00 a0'],
  ])('is refused with %s', (code, bytes) => {
    expect(decodeSmpMessage(hex(bytes))).toMatchObject({ ok: false, code });
  });

  it('throws for a body that the length cannot name', () => {
    const fields = { version: 2, op: 'read', group: 0, command: 0, sequence: 0 } as const;
    const data = new Uint8Array(0x10000);
    expect(() => encodeSmpMessage({ ...fields, body: { data } })).toThrow(RangeError);
  });
});

describe('the look at a body before it is decoded', () => {
  const nested = (depth: number): string => `${'a16161'.repeat(depth - 1)}a0`;
  const longKey = (bytes: number): string =>
    `a178${bytes.toString(16).padStart(2, '0')}${'61'.repeat(bytes)}00`;

  it.each([
    ['smp-body-not-map', '80'],
    ['smp-body-not-map', '00'],
    ['smp-body-not-map', 'd9d9f7a0'],
    ['smp-cbor-truncated', 'a1'],
    ['smp-cbor-truncated', 'a16161'],
    ['smp-cbor-truncated', 'bf'],
    ['smp-cbor-truncated', 'bf616100'],
    ['smp-cbor-truncated', 'a1616142ff'],
    ['smp-cbor-truncated', 'a161611a0000'],
    ['smp-cbor-truncated', 'bbffffffffffffffff'],
    ['smp-cbor-truncated', 'a161619bffffffffffffffff'],
    ['smp-cbor-truncated', 'a161615bffffffffffffffff'],
    ['smp-cbor-truncated', 'a161619affffffff00'],
    ['smp-cbor-truncated', 'ba7fffffff'],
    ['smp-cbor-trailing', 'a000'],
    ['smp-cbor-malformed', 'a161611c'],
    ['smp-cbor-malformed', 'a161611f'],
    ['smp-cbor-malformed', 'a161613f'],
    ['smp-cbor-malformed', 'a16161ff'],
    ['smp-cbor-malformed', 'bf6161ff'],
    ['smp-cbor-tag', 'a16161c000'],
    ['smp-cbor-tag', 'a16161d9dfff80'],
    ['smp-cbor-tag', 'a16161d81e8201 02'],
    ['smp-cbor-simple-value', 'a16161f7'],
    ['smp-cbor-simple-value', 'a16161e0'],
    ['smp-cbor-simple-value', 'a16161f8ff'],
    ['smp-cbor-indefinite-string', 'a161615f4101ff'],
    ['smp-cbor-indefinite-string', 'a161617f6161ff'],
    ['smp-cbor-indefinite-string', 'a17f6161ff00'],
    ['smp-cbor-key-not-text', 'a10000'],
    ['smp-cbor-key-not-text', 'a1416100'],
    ['smp-cbor-key-not-text', 'a161 61 a1c0616100'],
    ['smp-cbor-key-duplicate', 'a2616100616101'],
    ['smp-cbor-key-duplicate', 'bf6161006162006161 01ff'],
    ['smp-cbor-key-duplicate', 'a2616100 780161 01'],
    ['smp-cbor-key-too-long', longKey(CBOR_KEY_BYTES_MAX + 1)],
    ['smp-cbor-text-not-utf8', 'a1616161ff'],
    ['smp-cbor-text-not-utf8', 'a1616162c080'],
    ['smp-cbor-text-not-utf8', 'a1616163eda080'],
    ['smp-cbor-text-not-utf8', 'a1616164f4908080'],
    ['smp-cbor-text-not-utf8', 'a161ff00'],
    ['smp-cbor-too-deep', nested(CBOR_DEPTH_MAX + 1)],
    ['smp-cbor-too-deep', `a16161${'81'.repeat(60_000)}00`],
    ['smp-cbor-too-deep', `a16161${'9f'.repeat(60_000)}`],
    [
      'smp-cbor-too-many-items',
      `a161619a${CBOR_ITEMS_MAX.toString(16).padStart(8, '0')}${'00'.repeat(CBOR_ITEMS_MAX)}`,
    ],
  ])('refuses %s: %s', (code, bytes) => {
    expect(decodeSmpBody(hex(bytes))).toMatchObject({ ok: false, code });
  });

  it.each([
    ['the deepest nesting', nested(CBOR_DEPTH_MAX)],
    ['the longest key', longKey(CBOR_KEY_BYTES_MAX)],
    ['text of one to four bytes a character', 'a1 6161 6a 61 c3a9 e282ac f09f9880'],
    ['the edges of UTF-8', 'a1 6161 6d ed9fbf ee8080 f48fbfbf e0a080'],
    ['the same key in two maps', 'a2 6161 a1616200 6163 a1616200'],
    ['floats of three widths', 'a3 6161 f93c00 6162 fa3f800000 6163 fb3ff0000000000000'],
    ['null and booleans', 'a3 6161 f4 6162 f5 6163 f6'],
  ])('takes %s', (_, bytes) => {
    expect(decodeSmpBody(hex(bytes))).toMatchObject({ ok: true });
  });

  it('never throws, and what it takes is never deep or long', () => {
    const head = fc.constantFrom(0xa1, 0xbf, 0x81, 0x9f, 0x61, 0x41, 0x5f, 0xc0, 0xff, 0xfb, 0xbb);
    const byte = fc.oneof(head, fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (rest) => {
        const decoded = decodeSmpBody(Uint8Array.from([0xbf, 0x61, 0x61, ...rest]));
        if (decoded.ok) expect(Object.keys(decoded.value).length).toBeLessThan(41);
      }),
      { numRuns: 5000 },
    );
  });
});
