import { PacketGatherer } from '@brickproof/agent/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const LIMIT = 300;

interface Packet {
  readonly first: number;
  readonly body: Uint8Array;
}

type Refusal = readonly [what: string, bytes: readonly number[], code: string];

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

/** What comes out of bytes that come in pieces of the given sizes, over and over. */
function feed(bytes: Uint8Array, sizes: readonly number[], keeps = false): Feed {
  const packets: Uint8Array[] = [];
  const gatherer: PacketGatherer = new PacketGatherer(LIMIT, (packet) => {
    packets.push(keeps ? packet : packet.slice());
    if (keeps) gatherer.leaveBuffer();
  });
  let at = 0;
  for (let turn = 0; at < bytes.byteLength; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    const problem = gatherer.take(bytes.subarray(at, at + size));
    if (problem !== undefined) throw new Error(problem);
    at += size;
  }
  return { packets, trimmed: gatherer.trimmed };
}

interface Feed {
  readonly packets: readonly Uint8Array[];
  readonly trimmed: number;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

const packet = fc.oneof(
  fc.record({
    first: fc.constantFrom(PUBLISH_QOS_1, 0x30, 0xd0),
    body: fc.uint8Array({ maxLength: 250 }),
  }),
  fc.record({ first: fc.constant(SUBACK), body: fc.uint8Array({ minLength: 2, maxLength: 250 }) }),
);
const long = fc.record({
  first: fc.constantFrom(PUBLISH_QOS_1, 0x31),
  body: fc.uint8Array({ minLength: LIMIT + 1, maxLength: 20_000 }),
});
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });

describe('PacketGatherer', () => {
  it('gives each packet whole, however it was cut, and those that are kept stay as they were', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), sizes, fc.boolean(), (all, cuts, keeps) => {
        const encoded = all.map(encode);
        expect(feed(join(encoded), cuts, keeps).packets).toEqual(encoded);
      }),
    );
  });

  it('makes of a long message one that has just the limit, and goes on behind it', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(packet, long), { maxLength: 8 }), sizes, (all, cuts) => {
        const fed = feed(join(all.map(encode)), cuts);
        const expected = all.map(({ first, body }) =>
          encode({ first, body: body.subarray(0, LIMIT) }),
        );
        expect(fed.packets).toEqual(expected);
        expect(fed.trimmed).toBe(all.filter(({ body }) => body.byteLength > LIMIT).length);
      }),
    );
  });

  it('uses one buffer for all packets that nobody keeps', () => {
    const buffers = new Set<unknown>();
    const gatherer = new PacketGatherer(LIMIT, ({ buffer }) => buffers.add(buffer));
    const bytes = encode({ first: PUBLISH_QOS_1, body: new Uint8Array(200) });
    for (let n = 0; n < 10; n += 1) gatherer.take(bytes);
    expect(buffers.size).toBe(1);
  });

  it.each([
    ['any other packet that is too long', [SUBACK, 0xad, 0x02], 'mqtt-packet-too-large'],
    ['a length that does not end', [0x30, 0xff, 0xff, 0xff, 0xff], 'mqtt-packet-malformed'],
    ['a message of QoS 2', [0x34], 'mqtt-packet-malformed'],
    ['a message of QoS 3', [0x3e], 'mqtt-packet-malformed'],
    ...[0x40, 0x50, 0x62, 0x70, 0x90, 0xb0].flatMap((first): readonly Refusal[] => [
      [`type ${first >> 4} without an identifier`, [first, 0], 'mqtt-packet-malformed'],
      [`type ${first >> 4} with half of one`, [first, 1, 0], 'mqtt-packet-malformed'],
    ]),
  ] satisfies readonly Refusal[])('refuses %s', (_what, bytes, code) => {
    const gatherer = new PacketGatherer(LIMIT, () => undefined);
    expect(gatherer.take(Uint8Array.from(bytes))).toBe(code);
  });
});
