import {
  SerialDeframer,
  SerialLink,
  decodeSmpMessage,
  encodeSerialFrames,
  encodeSmpMessage,
} from '@brickproof/agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../test-device.js';

function linkOf(target: TestDevice): SerialLink {
  return new SerialLink({
    handle: (request) => target.server.handle(request),
    maxMessageBytes: 2048,
  });
}

function echo(sequence: number, d: string): Uint8Array {
  return encodeSmpMessage({ version: 2, op: 'write', group: 0, command: 0, sequence, body: { d } });
}

function messagesIn(answers: readonly Uint8Array[]): readonly unknown[] {
  const deframer = new SerialDeframer({ maxMessageBytes: 2048 });
  return answers
    .flatMap((bytes) => deframer.push(bytes))
    .map((event) => (event.kind === 'message' ? decodeSmpMessage(event.bytes) : event));
}

describe('SerialLink', () => {
  it('answers requests in their order, and hands on what is typed in between', () => {
    const link = linkOf(new TestDevice());
    const stream = [
      ...Buffer.from('help\n'),
      ...encodeSerialFrames(echo(1, 'a'.repeat(300))),
      ...Buffer.from('me'),
      ...encodeSerialFrames(echo(2, 'b')),
    ];
    const { answers, console, dropped } = link.receive(Uint8Array.from(stream));
    expect(messagesIn(answers)).toMatchObject([
      { value: { sequence: 1, body: { r: 'a'.repeat(300) } } },
      { value: { sequence: 2, body: { r: 'b' } } },
    ]);
    expect(Buffer.concat(console).toString()).toBe('help\nme');
    expect(dropped).toEqual([]);
  });

  it('answers a request that arrives byte by byte', () => {
    const link = linkOf(new TestDevice());
    const answers = [...encodeSerialFrames(echo(3, 'c'))].flatMap((byte) => {
      return link.receive(Uint8Array.of(byte)).answers;
    });
    expect(messagesIn(answers)).toMatchObject([{ value: { sequence: 3, body: { r: 'c' } } }]);
  });

  it('drops a damaged frame with its code and answers the next request', () => {
    const link = linkOf(new TestDevice());
    const damaged = encodeSerialFrames(echo(4, 'd')).with(6, 0x21);
    const { answers, dropped } = link.receive(
      Uint8Array.from([...damaged, ...encodeSerialFrames(echo(5, 'e'))]),
    );
    expect(dropped).toEqual(['serial-base64-invalid']);
    expect(messagesIn(answers)).toMatchObject([{ value: { sequence: 5 } }]);
  });

  it('never throws and leaves the slots alone, whatever comes in', () => {
    const target = new TestDevice().program(0, buildTestImage('1.0.0', 600));
    const before = [target.slotBytes(0), target.slotBytes(1)];
    const link = linkOf(target);
    const framed = fc.uint8Array({ maxLength: 60 }).map((bytes) => {
      return [...encodeSerialFrames(bytes)];
    });
    const junk = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(fc.oneof(framed, junk), { maxLength: 8 }), (parts) => {
        link.receive(Uint8Array.from(parts.flat()));
      }),
      { numRuns: 500 },
    );
    expect([target.slotBytes(0), target.slotBytes(1)]).toEqual(before);
  });

  it.each([1, 5, 40, 127, 128, 200])(
    'forgets %i bytes of a frame when the line was lost',
    (count) => {
      const link = linkOf(new TestDevice());
      link.receive(encodeSerialFrames(echo(6, 'f'.repeat(300))).subarray(0, count));
      link.reset();
      const text = link.receive(Buffer.from('boot\n'));
      expect(Buffer.concat(text.console).toString()).toBe('boot\n');
      const next = link.receive(encodeSerialFrames(echo(7, 'g')));
      expect(messagesIn(next.answers)).toMatchObject([{ value: { sequence: 7 } }]);
      expect([...text.dropped, ...next.dropped]).toEqual([]);
    },
  );
});
