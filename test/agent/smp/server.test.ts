import {
  IMAGE_ERROR,
  decodeSmpMessage,
  encodeSmpHeader,
  encodeSmpMessage,
} from '@brickproof/agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../test-device.js';

const RUNNING = buildTestImage('1.0.0', 600);

const device = (): TestDevice => new TestDevice().program(0, RUNNING);

/** A request whose header says what it should not. */
function request(
  first: number,
  rest: readonly number[],
  body: readonly number[] = [0xa0],
): Uint8Array {
  return Uint8Array.from([first, 0, 0, body.length, ...rest, ...body]);
}

describe('SmpServer', () => {
  it.each([
    ['an unknown group', request(0x0a, [0, 200, 9, 0]), 8],
    ['an unknown command', request(0x0a, [0, 0, 9, 99]), 8],
    ['a read of what can only be written', request(0x08, [0, 0, 9, 5]), 8],
    ['a length that is too long', Uint8Array.of(0x0a, 0, 0, 9, 0, 0, 9, 0, 0xa0), 9],
    ['a length that is too short', Uint8Array.of(0x0a, 0, 0, 0, 0, 0, 9, 0, 0xa0), 9],
    ['a version from the future', request(0x12, [0, 0, 9, 0]), 13],
    ['the version after that', request(0x1a, [0, 0, 9, 0]), 13],
    ['a body that is not CBOR', request(0x0a, [0, 0, 9, 0], [0xff]), 3],
    ['a body that is not a map', request(0x0a, [0, 0, 9, 0], [0x80]), 3],
    ['a field of the wrong type', request(0x0a, [0, 0, 9, 0], [0xa1, 0x61, 0x64, 0x01]), 3],
  ])('answers %s with an error of SMP itself', (_, sent, rc) => {
    const response = device().server.handle(sent) ?? new Uint8Array(0);
    const decoded = decodeSmpMessage(response);
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        version: 2,
        sequence: 9,
        group: (sent[4] ?? 0) * 256 + (sent[5] ?? 0),
        body: { rc },
      },
    });
    expect(decoded.ok && decoded.value.op.endsWith('-response')).toBe(true);
    expect(response[1]).toBe(0);
  });

  it.each([
    ['too short for a header', Uint8Array.of(0x0a, 0, 0)],
    ['an unknown op', request(0x0c, [0, 0, 9, 0])],
    ['an unknown op of a version from the future', request(0x17, [0, 0, 9, 0])],
    ['an answer', request(0x09, [0, 0, 9, 0])],
    ['an answer with a wrong length', request(0x0b, [0, 0, 9, 0], []).with(3, 7)],
    ['nothing', new Uint8Array(0)],
  ])('does not answer what is %s', (_, sent) => {
    expect(device().server.handle(sent)).toBeUndefined();
  });

  it('answers in the version it was asked in, and clears the flags', () => {
    for (const version of [1, 2] as const) {
      const sent = encodeSmpMessage({
        version,
        op: 'write',
        group: 0,
        command: 0,
        sequence: 200,
        body: { d: 'hi' },
      });
      sent[1] = 0xff;
      const expected = { version, op: 'write-response', group: 0, command: 0, sequence: 200 };
      const response = device().server.handle(sent) ?? new Uint8Array(0);
      expect(decodeSmpMessage(response)).toMatchObject({
        value: { ...expected, body: { r: 'hi' } },
      });
      expect(response[1]).toBe(0);
    }
  });

  it('answers a request or a response that does not fit its buffer with rc 7', () => {
    const small = new TestDevice({ bufferSizeBytes: 64 });
    const echo = (length: number): Uint8Array =>
      encodeSmpMessage({
        version: 2,
        op: 'write',
        group: 0,
        command: 0,
        sequence: 1,
        body: { d: 'x'.repeat(length) },
      });
    expect(echo(51).byteLength).toBe(64);
    expect(decodeSmpMessage(small.server.handle(echo(51)) ?? new Uint8Array(0))).toMatchObject({
      value: { body: { r: 'x'.repeat(51) } },
    });
    expect(decodeSmpMessage(small.server.handle(echo(52)) ?? new Uint8Array(0))).toMatchObject({
      value: { body: { rc: 7 } },
    });
    expect(small.ask('read', [0, 7], { format: 'a' })).toEqual({ rc: 7 });
  });

  it('tells group errors in version 2, and the closest of its own in version 1', () => {
    const group = IMAGE_ERROR.invalidHash;
    expect(device().ask('write', [1, 0], {}, 2)).toEqual({ err: { group: 1, rc: group } });
    expect(device().ask('write', [1, 0], {}, 1)).toEqual({ rc: 3 });
  });

  it('never throws and leaves the slots alone, whatever arrives', () => {
    const target = device().program(1, buildTestImage('1.1.0', 700), false);
    const before = [target.slotBytes(0), target.slotBytes(1)];
    const numbers = fc.integer({ min: 0, max: 255 });
    const plausible = fc
      .tuple(
        fc.constantFrom<'read' | 'write'>('read', 'write'),
        fc.constantFrom(0, 1, 64),
        fc.integer({ min: 0, max: 9 }),
        fc.uint8Array({ maxLength: 60 }),
      )
      .map(([op, group, command, body]) => {
        const header = { version: 2, op, group, command, sequence: 0 } as const;
        return Uint8Array.from([
          ...encodeSmpHeader({ ...header, lengthBytes: body.length }),
          ...body,
        ]);
      });
    // Erasing without naming a slot is a request like any other, and does erase.
    const isErase = (bytes: Uint8Array): boolean => bytes[5] === 1 && bytes[7] === 5;
    fc.assert(
      fc.property(fc.oneof(fc.array(numbers, { maxLength: 80 }), plausible), (sent) => {
        const bytes = Uint8Array.from(sent);
        fc.pre(!isErase(bytes));
        const response = target.server.handle(bytes);
        expect(response === undefined || decodeSmpMessage(response).ok).toBe(true);
        expect(response?.byteLength ?? 0).toBeLessThanOrEqual(2048);
      }),
      { numRuns: 2000 },
    );
    expect([target.slotBytes(0), target.slotBytes(1)]).toEqual(before);
  });
});
