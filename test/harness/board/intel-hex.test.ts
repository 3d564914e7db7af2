import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { looksLikeIntelHex, readIntelHex, type HexFlash } from '@brickproof/harness';

const FLASH: HexFlash = { baseAddress: 0, sizeBytes: 0x20000, erasedValue: 0xff };

/** One record with its checksum. */
function record(type: number, offset: number, data: readonly number[]): string {
  const bytes = [data.length, offset >> 8, offset & 0xff, type, ...data];
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  return `:${Buffer.from([...bytes, -sum & 0xff])
    .toString('hex')
    .toUpperCase()}`;
}

const END = record(1, 0, []);

function read(lines: readonly string[], flash: HexFlash = FLASH): ReturnType<typeof readIntelHex> {
  return readIntelHex(`${lines.join('\n')}\n`, flash);
}

function bytesOf(found: ReturnType<typeof readIntelHex>): Uint8Array {
  if (!found.ok) throw new Error(found.detail);
  return found.value.bytes;
}

describe('an Intel HEX file', () => {
  it('says what lies where, and leaves the rest erased', () => {
    // The example of the format's specification, and of every tool's documentation.
    const lines = [':10010000214601360121470136007EFE09D2190140', END];
    const bytes = bytesOf(read(lines));
    expect(bytes.byteLength).toBe(0x20000);
    expect([...bytes.subarray(0xff, 0x104)]).toEqual([0xff, 0x21, 0x46, 0x01, 0x36]);
    expect(bytes.subarray(0x110).every((byte) => byte === 0xff)).toBe(true);
  });

  it('reaches above 64 KiB by segments and by linear addresses', () => {
    const lines = [record(2, 0, [0x10, 0x00]), record(0, 4, [1]), record(4, 0, [0, 1])];
    const bytes = bytesOf(read([...lines, record(0, 8, [2]), END]));
    expect([bytes[0x10004], bytes[0x10008]]).toEqual([1, 2]);
  });

  it('counts from the address of the flash', () => {
    const flash = { ...FLASH, baseAddress: 0x0800_0000, erasedValue: 0x00 };
    const bytes = bytesOf(read([record(4, 0, [0x08, 0x01]), record(0, 2, [7, 8]), END], flash));
    expect([bytes[0x10001], bytes[0x10002], bytes[0x10003]]).toEqual([0, 7, 8]);
  });

  it('leaves out what lies elsewhere, and says how much', () => {
    const outside = [record(4, 0, [0x10, 0]), record(0, 0x1014, [1, 2, 3, 4])];
    const found = read([record(0, 0, [9]), ...outside, END]);
    expect(found).toMatchObject({
      ok: true,
      value: { outsideBytes: 4, firstOutside: 0x1000_1014 },
    });
    expect(bytesOf(found)[0]).toBe(9);
  });

  it('may name where a program starts, end its lines with CR, and have empty ones', () => {
    const lines = [record(5, 0, [0, 0, 1, 1]), record(3, 0, [0, 0, 0, 0]), '', record(0, 0, [5])];
    expect(bytesOf(readIntelHex([...lines, END, ''].join('\r\n'), FLASH))[0]).toBe(5);
  });

  it('may say the same twice', () => {
    expect(bytesOf(read([record(0, 3, [5]), record(0, 2, [1, 5]), END]))[3]).toBe(5);
  });

  it.each([
    ['not a record', 'line 1: it is no record'],
    [':00000001F', 'line 1: it is no record'],
    [':0100000005FB', 'line 1: its checksum does not fit'],
    [':0300000005F8', 'line 1: it claims 3 bytes and has 1'],
    [record(6, 0, []), 'line 1: it has the unknown type 6'],
    [record(4, 0, [1]), 'line 1: an address has two bytes'],
    [record(0, 0, [1]), 'the file has no end record'],
    [`${END}\n${record(0, 0, [1])}`, 'line 2: there is more behind the end record'],
    [`${record(0, 0, [1])}\n\n${record(0, 0, [2])}`, 'line 3: some of its bytes have been given'],
    [`${record(4, 0, [8, 0])}\n${record(0, 0, [1])}\n${END}`, 'its data starts at 0x8000000'],
  ])('is refused with the line of what is wrong: %j', (text, detail) => {
    const found = readIntelHex(text, FLASH);
    expect(found).toMatchObject({ ok: false, code: 'hex-malformed' });
    expect(found.ok ? '' : found.detail).toContain(detail);
  });

  it('is read back as it was written, whatever it holds', () => {
    fc.assert(
      fc.property(fc.nat(0x1_ff00), fc.uint8Array({ minLength: 1, maxLength: 250 }), (at, data) => {
        const [high, low] = [at >> 16, at & 0xff00];
        const lines = [record(4, 0, [0, high]), record(0, low, [...data]), END];
        const start = (high << 16) + low;
        const bytes = bytesOf(read(lines));
        expect([...bytes.subarray(start, start + data.byteLength)]).toEqual([...data]);
      }),
    );
  });

  it('is never thrown at, whatever its text', () => {
    const character = fc.constantFrom(...Array.from(':0123456789abcdefABCDEFg \r\n'));
    fc.assert(
      fc.property(fc.array(character, { maxLength: 200 }), (characters) => {
        expect(typeof readIntelHex(characters.join(''), FLASH).ok).toBe('boolean');
      }),
    );
  });
});

describe('what looks like Intel HEX', () => {
  it.each([
    [`${END}\n`, true],
    [`${record(4, 0, [0, 1])}\r\n:junk`, true],
    [':', false],
    [':00\n', false],
    ['name: a-board\n', false],
    ['\0'.repeat(64), false],
    ['', false],
  ])('%j: %s', (text, expected) => {
    expect(looksLikeIntelHex(Buffer.from(text, 'latin1'))).toBe(expected);
  });
});
