import {
  DATAGRAM_REPEAT_WINDOW_MS,
  DATAGRAM_RESET_WINDOW_MS,
  DatagramLink,
  MGMT_ERROR,
  decodeSmpMessage,
  encodeSmpMessage,
} from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { describe, expect, it } from 'vitest';
import { HASH_ONLY, TestDevice, buildTestImage } from '../test-device.js';

const MAX_BYTES = 1024;
const CLIENT = '10.0.0.2 40000';

/** A device behind datagrams that counts what its server was asked. */
class Bench {
  readonly device = new TestDevice().program(0, buildTestImage('1.0.0', 600));
  handled = 0;
  link: DatagramLink = this.#start();

  #start(): DatagramLink {
    return new DatagramLink({
      handle: (request) => {
        this.handled += 1;
        return this.device.server.handle(request);
      },
      maxMessageBytes: MAX_BYTES,
      store: this.device.store,
      crypto: HASH_ONLY,
      clock: { nowMs: () => this.device.nowMs },
    });
  }

  /** The device boots; its clock begins anew. */
  restart(): void {
    this.device.restart();
    this.device.nowMs = 0;
    this.link = this.#start();
  }

  ask(datagram: Uint8Array, sender = CLIENT): SmpBody | undefined {
    const answer = this.link.answer(sender, datagram);
    if (answer === undefined) return undefined;
    const decoded = decodeSmpMessage(answer);
    if (!decoded.ok) throw new Error(decoded.detail);
    return decoded.value.body;
  }
}

function write(
  [group, command]: readonly [number, number],
  sequence: number,
  body: SmpBody = {},
): Uint8Array {
  return encodeSmpMessage({ version: 2, op: 'write', group, command, sequence, body });
}

const echo = (sequence: number): Uint8Array => write([0, 0], sequence, { d: 'x' });
const reset = (sequence: number): Uint8Array => write([0, 5], sequence);
const list = encodeSmpMessage({
  version: 2,
  op: 'read',
  group: 1,
  command: 0,
  sequence: 9,
  body: {},
});

describe('DatagramLink', () => {
  it('does a write once that comes twice, and answers it the same both times', () => {
    const bench = new Bench();
    const first = bench.link.answer(CLIENT, echo(1));
    expect(bench.link.answer(CLIENT, echo(1))).toEqual(first);
    expect(bench.handled).toBe(1);
  });

  it.each([
    ['another sequence number', echo(2), CLIENT, 0],
    ['another sender', echo(1), '10.0.0.2 40001', 0],
    ['a later time', echo(1), CLIENT, DATAGRAM_REPEAT_WINDOW_MS + 1],
  ])('takes the same for a new request with %s', (_, datagram, sender, laterMs) => {
    const bench = new Bench();
    bench.ask(echo(1));
    bench.device.nowMs += laterMs;
    bench.ask(datagram, sender);
    expect(bench.handled).toBe(2);
  });

  it('writes a chunk once that was doubled and came late', () => {
    const bench = new Bench();
    const { bytes, sha } = buildTestImage('1.1.0', 900);
    const first = write([1, 1], 1, {
      off: 0,
      len: bytes.byteLength,
      sha,
      data: bytes.slice(0, 400),
    });
    const second = write([1, 1], 2, { off: 400, data: bytes.slice(400) });
    const answers = [first, second, first, second].map((chunk) => bench.ask(chunk));
    expect(answers.map((answer) => answer?.['off'])).toEqual([
      400,
      bytes.byteLength,
      400,
      bytes.byteLength,
    ]);
    expect(bench.handled).toBe(2);
    expect(bench.device.slotBytes(1).slice(0, bytes.byteLength)).toEqual(bytes);
  });

  it('does a read again, as it changes nothing', () => {
    const bench = new Bench();
    bench.ask(list);
    bench.ask(list);
    expect(bench.handled).toBe(2);
  });

  it('answers a datagram that is too long, and what is too short to answer with silence', () => {
    const bench = new Bench();
    const long = write([0, 0], 3, { d: 'x'.repeat(MAX_BYTES) });
    expect(bench.ask(long)).toEqual({ rc: MGMT_ERROR.messageTooLong });
    expect(bench.ask(new Uint8Array(7))).toBeUndefined();
    expect(bench.ask(new Uint8Array(0))).toBeUndefined();
    expect(bench.handled).toBe(2);
  });
});

describe('a reset in a datagram', () => {
  it('is done once when it comes again before and after the reset', () => {
    const bench = new Bench();
    expect([bench.ask(reset(1)), bench.ask(reset(1))]).toEqual([{}, {}]);
    bench.restart();
    bench.device.nowMs = DATAGRAM_RESET_WINDOW_MS;
    expect([bench.ask(reset(1)), bench.ask(reset(1))]).toEqual([{}, {}]);
    expect(bench.device.resets).toHaveLength(1);
  });

  it.each([
    ['another sequence number', reset(2), CLIENT],
    ['another sender', reset(1), '10.0.0.3 40000'],
  ])('is a new one with %s', (_, datagram, sender) => {
    const bench = new Bench();
    bench.ask(reset(1));
    bench.restart();
    bench.ask(datagram, sender);
    expect(bench.device.resets).toHaveLength(2);
  });

  it('is a new one once the device has been up for a while', () => {
    const bench = new Bench();
    bench.ask(reset(1));
    bench.restart();
    bench.device.nowMs = DATAGRAM_RESET_WINDOW_MS + 1;
    bench.ask(reset(1));
    expect(bench.device.resets).toHaveLength(2);
  });

  it.each([
    ['reads', list],
    ['writes', echo(5)],
  ])(
    'is a new one after its sender has gone on with other %s, also after a power cut',
    (_, other) => {
      const bench = new Bench();
      bench.ask(reset(1));
      bench.restart();
      bench.ask(other);
      bench.restart();
      bench.ask(reset(1));
      expect(bench.device.resets).toHaveLength(2);
    },
  );

  it('stays done when others ask other things after it', () => {
    const bench = new Bench();
    bench.ask(reset(1));
    bench.restart();
    bench.ask(list, '10.0.0.9 1');
    bench.ask(reset(1));
    expect(bench.device.resets).toHaveLength(1);
  });

  it('is done where it cannot be noted', () => {
    const device = new TestDevice();
    const link = new DatagramLink({
      handle: (request) => device.server.handle(request),
      maxMessageBytes: MAX_BYTES,
      store: {
        get: () => undefined,
        set: () => ({ ok: false, code: 'store-full', detail: 'full' }),
        delete: () => ({ ok: false, code: 'store-full', detail: 'full' }),
      },
      crypto: HASH_ONLY,
      clock: { nowMs: () => 0 },
    });
    link.answer(CLIENT, reset(1));
    link.answer(CLIENT, reset(1));
    expect(device.resets).toHaveLength(1);
  });
});
