import { SerialDeframer, encodeSerialFrames } from '@brickproof/agent';
import type { SerialEvent } from '@brickproof/agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const bytes = (...parts: readonly (Uint8Array | readonly number[] | string)[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? [...ascii(part)] : [...part])),
  );

const HELLO = bytes([0x06, 0x09], 'AA9IZWxsbywgd29ybGQhet4=\n');

function deframe(stream: Uint8Array, maxMessageBytes = 1024): readonly SerialEvent[] {
  return new SerialDeframer({ maxMessageBytes }).push(stream);
}

function messages(events: readonly SerialEvent[]): readonly Uint8Array[] {
  return events.flatMap((event) => (event.kind === 'message' ? [event.bytes] : []));
}

function consoleText(events: readonly SerialEvent[]): string {
  return events.map((event) => (event.kind === 'console' ? text(event.bytes) : '')).join('');
}

function drops(events: readonly SerialEvent[]): readonly string[] {
  return events.flatMap((event) => (event.kind === 'dropped' ? [event.code] : []));
}

/** Cuts an encoded stream into its lines, newline included. */
function lines(stream: Uint8Array): readonly Uint8Array[] {
  const cut: Uint8Array[] = [];
  let from = 0;
  stream.forEach((byte, at) => {
    if (byte !== 0x0a) return;
    cut.push(stream.subarray(from, at + 1));
    from = at + 1;
  });
  return cut;
}

describe('encodeSerialFrames', () => {
  it('encodes the short message of the specification as one frame', () => {
    expect(encodeSerialFrames(ascii('Hello, world!'))).toEqual(HELLO);
  });

  it('keeps every line within 127 bytes, the first marked as start, the rest as continuation', () => {
    const encoded = lines(encodeSerialFrames(new Uint8Array(1000).fill(7)));
    expect(encoded.length).toBeGreaterThan(2);
    encoded.forEach((line, index) => {
      expect(line.byteLength).toBeLessThanOrEqual(127);
      expect([...line.subarray(0, 2)]).toEqual(index === 0 ? [6, 9] : [4, 0x14]);
    });
  });

  it('writes the base64 that Node writes, for every length', () => {
    for (let length = 0; length < 200; length += 1) {
      const message = Uint8Array.from({ length }, (_, at) => (at * 37 + length) & 0xff);
      const characters = lines(encodeSerialFrames(message)).map((line) => text(line.slice(2, -1)));
      const packet = Buffer.from(characters.join(''), 'base64');
      expect(packet.toString('base64')).toBe(characters.join(''));
      expect(packet.readUInt16BE(0)).toBe(length + 2);
      expect(new Uint8Array(packet.subarray(2, -2))).toEqual(message);
    }
  });

  it('refuses a message that the length field cannot name', () => {
    expect(() => encodeSerialFrames(new Uint8Array(0xfffe))).toThrow(RangeError);
  });
});

describe('SerialDeframer', () => {
  it('takes back every message, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        (sent, pieceBytes) => {
          const stream = bytes(...sent.map((message) => encodeSerialFrames(message)));
          const deframer = new SerialDeframer({ maxMessageBytes: 600 });
          const events: SerialEvent[] = [];
          for (let at = 0; at < stream.byteLength; at += pieceBytes) {
            events.push(...deframer.push(stream.subarray(at, at + pieceBytes)));
          }
          expect(messages(events)).toEqual(sent);
          expect(events).toHaveLength(sent.length);
        },
      ),
    );
  });

  it('hands console text on, before, between and after the frames of one message', () => {
    const encoded = lines(encodeSerialFrames(new Uint8Array(200).fill(3)));
    const parts = encoded.flatMap((line, index) => [`log ${index}\r\n`, line]);
    const events = deframe(bytes(...parts, 'shell> '));
    expect(messages(events)).toEqual([new Uint8Array(200).fill(3)]);
    expect(consoleText(events)).toBe('log 0\r\nlog 1\r\nlog 2\r\nshell> ');
  });

  it('finds a frame that starts in the middle of a console line', () => {
    const events = deframe(bytes('half a line', HELLO));
    expect(messages(events)).toEqual([ascii('Hello, world!')]);
    expect(consoleText(events)).toBe('half a line');
  });

  it('gives back marker-like bytes that turn out to be console text', () => {
    const stream = Uint8Array.of(0x41, 0x06, 0x42, 0x04, 0x04, 0x43, 0x06);
    const deframer = new SerialDeframer({ maxMessageBytes: 16 });
    const events = [...deframer.push(stream), ...deframer.push(Uint8Array.of(0x0a))];
    expect(consoleText(events)).toBe(text(stream) + '\n');
  });

  it('takes a message whose CRC is split over two frames, and one whose frames are padded', () => {
    const split = bytes([6, 9], 'AA9IZWxsbywgd29ybGQheg==\n', [4, 0x14], '3g==\n');
    expect(messages(deframe(split))).toEqual([ascii('Hello, world!')]);
  });

  it('takes a line that a terminal ended with a carriage return and a newline', () => {
    const stream = bytes(HELLO.subarray(0, -1), '\r\n');
    expect(messages(deframe(stream))).toEqual([ascii('Hello, world!')]);
    const long = lines(encodeSerialFrames(new Uint8Array(93 * 2)));
    const crlf = bytes(...long.flatMap((line) => [line.subarray(0, -1), '\r\n']));
    expect(messages(deframe(crlf))).toHaveLength(1);
  });

  it.each([
    ['serial-crc-mismatch', bytes([6, 9], 'AA9IZWxsbywgd29ybGQhet8=\n')],
    ['serial-base64-invalid', bytes([6, 9], 'AA9IZWxsbywgd29ybGQ!et4=\n')],
    ['serial-base64-invalid', bytes([6, 9], 'AA9IZWxsbywgd29ybGQhet4\n')],
    ['serial-base64-invalid', bytes([6, 9], 'AA9I', [6], 'ZWxs\n')],
    ['serial-base64-invalid', bytes([6, 9], 'AA9IZWxsbywgd29ybGQhet5=\n')],
    ['serial-base64-invalid', bytes([6, 9], 'AB==\n')],
    ['serial-base64-invalid', bytes([6, 9], 'AA=9IZWx\n')],
    ['serial-base64-invalid', bytes([6, 9], '====\n')],
    ['serial-length-missing', bytes([6, 9], '\n')],
    ['serial-length-missing', bytes([6, 9], 'AA==\n')],
    ['serial-length-invalid', bytes([6, 9], 'AAEA\n')],
    ['serial-message-too-large', bytes([6, 9], '//8A\n')],
    ['serial-message-overrun', bytes([6, 9], 'AAJIZWxs\n')],
    ['serial-continuation-unexpected', bytes([4, 0x14], 'AAJI\n')],
    ['serial-frame-too-long', bytes([6, 9], 'A'.repeat(128), '\n')],
    ['serial-frame-too-long', bytes([6, 9], 'A'.repeat(125), '\n')],
    ['serial-frame-cut', bytes([6, 9], 'AA9IZWxs')],
    ['serial-message-cut', bytes([6, 9], 'AA9IZWxs\n')],
  ])('drops what is wrong with %s, and takes the next message', (code, wrong) => {
    const events = deframe(bytes(wrong, HELLO));
    expect(drops(events)).toEqual([code]);
    expect(messages(events)).toEqual([ascii('Hello, world!')]);
    expect(consoleText(events)).toBe('');
  });

  it('starts anew at a start marker in the middle of a message', () => {
    const [first] = lines(encodeSerialFrames(new Uint8Array(300)));
    const events = deframe(bytes(first ?? [], HELLO));
    expect(drops(events)).toEqual(['serial-message-cut']);
    expect(messages(events)).toEqual([ascii('Hello, world!')]);
  });

  it('takes the largest message allowed and drops one byte more', () => {
    expect(messages(deframe(encodeSerialFrames(new Uint8Array(64)), 64))).toHaveLength(1);
    const events = deframe(encodeSerialFrames(new Uint8Array(65)), 64);
    expect(drops(events)).toContain('serial-message-too-large');
    expect(messages(events)).toHaveLength(0);
  });

  it('never throws, loses no console byte, and still takes a message after any junk', () => {
    const junk = fc.uint8Array({ maxLength: 400 });
    const markers = fc.constantFrom(
      Uint8Array.of(6, 9),
      Uint8Array.of(4, 0x14),
      Uint8Array.of(0x0a),
      Uint8Array.of(6),
      ascii('AA9I'),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(junk, markers), { maxLength: 12 }), (parts) => {
        const deframer = new SerialDeframer({ maxMessageBytes: 64 });
        for (const part of parts) deframer.push(part);
        deframer.push(Uint8Array.of(0x0a));
        expect(messages(deframer.push(HELLO))).toEqual([ascii('Hello, world!')]);
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array().filter((sent) => !sent.some((byte) => byte === 6 || byte === 4)),
        (sent) => {
          expect(consoleText(deframe(sent))).toBe(text(sent));
        },
      ),
    );
  });
});
