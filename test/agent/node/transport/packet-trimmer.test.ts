import { PacketTrimmer } from '@brickproof/agent/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const LIMIT = 300;

interface Packet {
  readonly first: number;
  readonly body: Uint8Array;
}

const PUBLISH_QOS_1 = 0x32;
const SUBACK = 0x90;

function encode({ first, body }: Packet): Uint8Array {
  const length: number[] = [];
  let rest = body.byteLength;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Uint8Array.from([first, ...length, ...body]);
}

/** Feeds bytes in pieces of the given sizes, over and over. */
function feed(trimmer: PacketTrimmer, bytes: Uint8Array, sizes: readonly number[]): Uint8Array {
  const out: Uint8Array[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.byteLength; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    const taken = trimmer.take(bytes.subarray(at, at + size));
    if (!taken.ok) throw new Error(taken.code);
    out.push(...taken.pieces);
    at += size;
  }
  return Uint8Array.from(Buffer.concat(out));
}

const packet = fc.record({
  first: fc.constantFrom(PUBLISH_QOS_1, 0x30, SUBACK, 0xd0),
  body: fc.uint8Array({ maxLength: 250 }),
});
const long = fc.record({
  first: fc.constantFrom(PUBLISH_QOS_1, 0x31),
  body: fc.uint8Array({ minLength: LIMIT + 1, maxLength: 20_000 }),
});
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });

describe('PacketTrimmer', () => {
  it('passes packets within the limit on as they are, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), sizes, (packets, cuts) => {
        const bytes = Uint8Array.from(Buffer.concat(packets.map(encode)));
        expect(feed(new PacketTrimmer(LIMIT), bytes, cuts)).toEqual(bytes);
      }),
    );
  });

  it('makes of a long message one that has just the limit, and goes on behind it', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(packet, long), { maxLength: 8 }), sizes, (packets, cuts) => {
        const trimmer = new PacketTrimmer(LIMIT);
        const expected = packets.map(({ first, body }) =>
          encode({ first, body: body.subarray(0, LIMIT) }),
        );
        const bytes = Uint8Array.from(Buffer.concat(packets.map(encode)));
        expect(feed(trimmer, bytes, cuts)).toEqual(Uint8Array.from(Buffer.concat(expected)));
        const longCount = packets.filter(({ body }) => body.byteLength > LIMIT).length;
        expect(trimmer.trimmed).toBe(longCount);
      }),
    );
  });

  it('copies nothing of a packet that came in one piece', () => {
    const bytes = encode({ first: PUBLISH_QOS_1, body: new Uint8Array(200) });
    const taken = new PacketTrimmer(LIMIT).take(bytes);
    expect(taken.ok && taken.pieces.map(({ buffer }) => buffer === bytes.buffer)).toEqual([true]);
  });

  it.each([
    ['any other packet that is too long', [SUBACK, 0xad, 0x02], 'mqtt-packet-too-large'],
    ['a length that does not end', [0x30, 0xff, 0xff, 0xff, 0xff], 'mqtt-packet-malformed'],
  ])('refuses %s', (_what, bytes, code) => {
    expect(new PacketTrimmer(LIMIT).take(Uint8Array.from(bytes))).toEqual({ ok: false, code });
  });
});
