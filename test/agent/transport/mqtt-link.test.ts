import {
  MqttLink,
  REMEMBERED_BYTES_MAX,
  REMEMBERED_REQUESTS_MAX,
  REMEMBERED_SESSIONS_MAX,
  REMEMBERED_WRITES_MAX,
  STORE_KEY,
  createMqttTopics,
  decodeSmpMessage,
  encodeSmpMessage,
} from '@brickproof/agent';
import type { MqttPublication, SmpBody, SmpMessage } from '@brickproof/agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HASH_ONLY, TestDevice, buildTestImage } from '../test-device.js';

const MAX_BYTES = 2048;

function topicsOf(): Extract<ReturnType<typeof createMqttTopics>, { ok: true }>['value'] {
  const topics = createMqttTopics({ prefix: 'lab', device: 'dev' });
  if (!topics.ok) throw new Error(topics.detail);
  return topics.value;
}

const TOPICS = topicsOf();

/** A device on a broker that keeps what was published, and counts what the server was asked. */
class Bench {
  readonly device: TestDevice;
  readonly published: MqttPublication[] = [];
  readonly subscribed: string[] = [];
  handled = 0;
  link: MqttLink;

  constructor(device = new TestDevice()) {
    this.device = device;
    this.link = this.#start();
  }

  #start(): MqttLink {
    return new MqttLink({
      topics: TOPICS,
      port: {
        publish: (topic, payload, options) => this.published.push({ topic, payload, ...options }),
        subscribe: (topic) => this.subscribed.push(topic),
      },
      handle: (request) => {
        this.handled += 1;
        return this.device.server.handle(request);
      },
      maxMessageBytes: MAX_BYTES,
      store: this.device.store,
      crypto: HASH_ONLY,
      version: '1.2.3',
    });
  }

  restart(): void {
    this.device.restart();
    this.link = this.#start();
  }

  /** Delivers a request; answers what was published for it. */
  deliver(payload: Uint8Array, session = 's1'): SmpMessage | undefined {
    this.published.length = 0;
    this.link.onMessage(TOPICS.request(session), payload);
    const [answer] = this.published;
    if (answer === undefined) return undefined;
    expect(answer).toMatchObject({ topic: TOPICS.response(session), retain: false, qos: 1 });
    const decoded = decodeSmpMessage(answer.payload);
    if (!decoded.ok) throw new Error(decoded.detail);
    return decoded.value;
  }
}

function request(
  op: 'read' | 'write',
  [group, command]: readonly [number, number],
  sequence: number,
  body: SmpBody = {},
): Uint8Array {
  return encodeSmpMessage({ version: 2, op, group, command, sequence, body });
}

const echo = (sequence: number, d = 'x'): Uint8Array => request('write', [0, 0], sequence, { d });
const list = (sequence: number): Uint8Array => request('read', [1, 0], sequence);
const reset = (sequence: number): Uint8Array => request('write', [0, 5], sequence);

describe('MqttLink', () => {
  it('subscribes and says that it is there, with a last will that says that it is not', () => {
    const bench = new Bench();
    bench.link.onConnect();
    expect(bench.subscribed).toEqual(['lab/dev/smp/request/+']);
    const [online] = bench.published;
    expect(online).toMatchObject({ topic: 'lab/dev/status', retain: true, qos: 1 });
    const json = (payload?: Uint8Array): unknown =>
      JSON.parse(Buffer.from(payload ?? []).toString());
    expect(json(online?.payload)).toEqual({ state: 'online', version: '1.2.3' });
    expect(bench.link.lastWill).toMatchObject({ topic: 'lab/dev/status', retain: true, qos: 1 });
    expect(json(bench.link.lastWill.payload)).toEqual({ state: 'offline', version: '1.2.3' });
    bench.link.announceOffline();
    expect(bench.published.at(-1)).toEqual(bench.link.lastWill);
  });

  it('answers on the topic of the session that asked', () => {
    const bench = new Bench();
    expect(bench.deliver(echo(1, 'one'), 'a')).toMatchObject({ sequence: 1, body: { r: 'one' } });
    expect(bench.deliver(list(2), 'b')).toMatchObject({ sequence: 2, body: { images: [] } });
  });

  it('takes no requests from other topics, and none that a broker retained', () => {
    const bench = new Bench();
    bench.link.onMessage('lab/other/smp/request/s1', echo(1));
    bench.link.onMessage(TOPICS.response('s1'), echo(1));
    bench.link.onMessage(TOPICS.request('s1'), reset(1), { retained: true });
    expect(bench.handled).toBe(0);
    expect(bench.published).toEqual([]);
    expect(bench.device.resets).toEqual([]);
  });

  it('answers a request that is too long with rc 7, when its header can be read', () => {
    const bench = new Bench();
    const long = echo(9, 'x'.repeat(MAX_BYTES));
    expect(bench.deliver(long)).toMatchObject({ sequence: 9, body: { rc: 7 } });
    expect(bench.deliver(new Uint8Array(MAX_BYTES + 1).fill(0xff))).toBeUndefined();
    expect(bench.handled).toBe(0);
  });

  it('does a write that comes twice once, and answers it twice', () => {
    const bench = new Bench(new TestDevice().program(0, buildTestImage('1.0.0')));
    const image = buildTestImage('1.1.0');
    const first = request('write', [1, 1], 1, {
      off: 0,
      len: image.bytes.byteLength,
      data: image.bytes.subarray(0, 600),
    });
    expect(bench.deliver(first)?.body).toEqual({ off: 600 });
    const { statistics } = bench.device.flash;
    for (let times = 0; times < 3; times += 1) {
      expect(bench.deliver(first)?.body).toEqual({ off: 600 });
    }
    expect(bench.handled).toBe(1);
    expect(bench.device.flash.statistics).toEqual(statistics);
  });

  it('does every read, and writes that differ in a byte or in the session', () => {
    const bench = new Bench();
    for (const payload of [list(1), list(1), echo(1), echo(2), echo(1, 'y')])
      bench.deliver(payload);
    bench.deliver(echo(1), 's2');
    expect(bench.handled).toBe(6);
    bench.deliver(echo(1));
    expect(bench.handled).toBe(6);
  });

  it('remembers the last writes of a session, and no more', () => {
    const bench = new Bench();
    for (let n = 0; n < REMEMBERED_WRITES_MAX; n += 1) bench.deliver(echo(n));
    bench.deliver(echo(0));
    expect(bench.handled).toBe(REMEMBERED_WRITES_MAX);
    bench.deliver(echo(200));
    bench.deliver(echo(0));
    expect(bench.handled).toBe(REMEMBERED_WRITES_MAX + 2);
  });

  it('forgets the session that was silent longest', () => {
    const bench = new Bench();
    for (let n = 0; n < REMEMBERED_SESSIONS_MAX; n += 1) bench.deliver(echo(1), `s${n}`);
    bench.deliver(list(2), 's0');
    bench.deliver(echo(1), 'new');
    const { handled } = bench;
    bench.deliver(echo(1), 's0');
    expect(bench.handled).toBe(handled);
    bench.deliver(echo(1), 's1');
    expect(bench.handled).toBe(handled + 1);
  });

  it('keeps no more answers than it has room for, the newest of them', () => {
    const bench = new Bench();
    const long = 'x'.repeat(2000);
    const count = Math.ceil(REMEMBERED_BYTES_MAX / 2000) + 4;
    for (let n = 0; n < count; n += 1) bench.deliver(echo(n, long), `s${n % 8}`);
    const { handled } = bench;
    bench.deliver(echo(count - 1, long), `s${(count - 1) % 8}`);
    expect(bench.handled).toBe(handled);
    let again = 0;
    for (let n = 0; n < count; n += 1) {
      const before = bench.handled;
      bench.deliver(echo(n, long), `s${n % 8}`);
      again += bench.handled - before;
    }
    expect(again).toBeGreaterThan(0);
  });

  it('takes the same bytes for a new request when the sequence may have come round', () => {
    const bench = new Bench();
    bench.deliver(echo(5));
    for (let n = 1; n < REMEMBERED_REQUESTS_MAX; n += 1) bench.deliver(list(n));
    const { handled } = bench;
    bench.deliver(echo(5));
    expect(bench.handled).toBe(handled + 1);
  });

  it('resets once for a reset that is delivered again before and after the reset', () => {
    const bench = new Bench();
    expect(bench.deliver(reset(7))?.body).toEqual({});
    expect(bench.deliver(reset(7))?.body).toEqual({});
    bench.restart();
    for (let times = 0; times < 3; times += 1) {
      expect(bench.deliver(reset(7))).toMatchObject({
        op: 'write-response',
        sequence: 7,
        body: {},
      });
      bench.restart();
    }
    expect(bench.device.resets).toHaveLength(1);
  });

  it('resets again for another reset, or the same bytes in another session', () => {
    const bench = new Bench();
    for (const [payload, session] of [
      [reset(7), 's1'],
      [reset(8), 's1'],
      [reset(8), 's2'],
    ] as const) {
      bench.deliver(payload, session);
      bench.restart();
    }
    expect(bench.device.resets).toHaveLength(3);
  });

  it('takes the same bytes for a new reset once the client has gone on after the reset', () => {
    const bench = new Bench();
    bench.deliver(reset(7));
    bench.restart();
    bench.deliver(list(1), 'other');
    bench.deliver(reset(7));
    expect(bench.device.resets).toHaveLength(1);
    bench.restart();
    bench.deliver(list(8));
    bench.deliver(reset(7));
    expect(bench.device.resets).toHaveLength(2);
  });

  it('still knows a reset that is delivered again with what was sent behind it', () => {
    const bench = new Bench();
    bench.deliver(reset(7));
    bench.deliver(list(8));
    bench.deliver(echo(9));
    bench.restart();
    bench.deliver(reset(7));
    expect(bench.device.resets).toHaveLength(1);
  });

  it('resets once although it cannot note that it did', () => {
    const bench = new Bench();
    bench.device.flash.watch(() => ({ kind: 'failure', effect: 'untouched' }));
    expect(bench.deliver(reset(7))?.body).toEqual({});
    expect(bench.deliver(reset(7))?.body).toEqual({});
    expect(bench.device.resets).toHaveLength(1);
  });

  it('notes no reset that the server would not do', () => {
    const bench = new Bench();
    const damaged = reset(7).with(8, 0xff);
    expect(bench.deliver(damaged)?.body).toEqual({ rc: 3 });
    expect(bench.device.store.get(STORE_KEY.lastReset)).toBeUndefined();
  });

  it('never throws and leaves the slots alone, whatever is published', () => {
    const bench = new Bench(new TestDevice().program(0, buildTestImage('1.0.0')));
    const before = [bench.device.slotBytes(0), bench.device.slotBytes(1)];
    const topic = fc.oneof(
      fc.string(),
      fc.string({ maxLength: 70 }).map((session) => `lab/dev/smp/request/${session}`),
      fc.constant('lab/dev/smp/request/s'),
    );
    fc.assert(
      fc.property(topic, fc.uint8Array({ maxLength: 100 }), (name, payload) => {
        bench.link.onMessage(name, payload);
      }),
      { numRuns: 2000 },
    );
    expect([bench.device.slotBytes(0), bench.device.slotBytes(1)]).toEqual(before);
  });
});
