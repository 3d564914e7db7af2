import { decodeSmpMessage, encodeSmpMessage } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { afterEach, describe, expect, it } from 'vitest';
import { MqttBench, NEXT, collect, must, topicsOf, until } from './mqtt-bench.js';
import type { MqttDevice } from './mqtt-bench.js';
import type { TestBrokerKind } from './test-broker.js';

const TOPICS = topicsOf();
const SESSION = 's1';
const PACKET_BYTES = 512;
/** Long enough for what should not happen to have happened. */
const QUIET_MS = 200;

/** What both ends survive, whatever broker is between them. */
export function describeSurvival(kind: TestBrokerKind): void {
  const bench = new MqttBench(kind);
  afterEach(() => bench.dispose());
  const survives = (title: string, test: () => Promise<void>): void => {
    it.skipIf(kind.isSkipped)(`${title}${kind.titleSuffix}`, test);
  };

  describe(`behind ${kind.name}`, () => {
    survives('a last will tells that the device is gone, and a stop says so itself', async () => {
      const broker = await bench.broker();
      const watcher = await bench.raw(broker);
      const statuses = await collect(watcher, TOPICS.status);
      const last = (): unknown => statuses.at(-1)?.toString();
      const first = await bench.device({ url: broker.url }).untilUp();
      await until(() => String(last()).includes('online'), 'online');
      first.session.abandon();
      await until(() => String(last()).includes('offline'), 'offline by the last will');
      const second = await bench.device({ url: broker.url }).untilUp();
      await until(() => String(last()).includes('online'), 'online again');
      await second.session.stop();
      await until(() => String(last()).includes('offline'), 'offline by its own word');
      expect(statuses).toHaveLength(4);
      expect(second.states.at(-1)).toBe('stopped');
    });

    survives('an upload ends well though the broker restarts in its middle', async () => {
      const broker = await bench.broker();
      const device = await bench.device({ url: broker.url }).untilUp();
      const client = await bench.client(broker.url);
      let restarted: Promise<void> | undefined;
      const uploaded = await client.imageUpload(NEXT.bytes, {
        onProgress: ({ sentBytes }) => {
          if (sentBytes > 10_000) restarted ??= broker.kill().then(() => broker.start());
        },
      });
      await restarted;
      expect(uploaded).toMatchObject({ ok: true, value: { match: true, resumedFrom: 0 } });
      expect(restarted).toBeDefined();
      expect(device.hasStaged(NEXT.bytes)).toBe(true);
      expectNothingTwice(device);
    });

    survives('a broker that forgot everything is told everything again', async () => {
      const broker = await bench.broker();
      const device = await bench.device({ url: broker.url }).untilUp();
      await broker.kill();
      await until(() => device.session.state === 'down', 'down');
      await broker.start();
      await device.untilUp();
      const client = await bench.client(broker.url);
      expect(await client.echo('still here')).toEqual({ ok: true, value: 'still here' });
    });

    survives('a write that is delivered twice, or late, has one effect', async () => {
      const broker = await bench.broker();
      const device = await bench.device({ url: broker.url }).untilUp();
      const sender = await bench.raw(broker);
      const answers = await collect(sender, TOPICS.response(SESSION));
      for (const index of [0, 1, 0, 1, 3, 2, 1, 3]) {
        const packet = Buffer.from(uploadPacket(index));
        await sender.publishAsync(TOPICS.request(SESSION), packet, { qos: 1 });
      }
      await until(() => answers.length === 8, 'eight answers');
      // The fourth packet came too early and was not taken; its copy gets the same answer.
      const stored = [1, 2, 1, 2, 2, 3, 2, 2].map((packets) => packets * PACKET_BYTES);
      expect(answers.map((answer) => bodyOf(answer)['off'])).toEqual(stored);
      expect(device.handled).toHaveLength(4);
      expect(device.hasStaged(NEXT.bytes.subarray(0, 3 * PACKET_BYTES))).toBe(false);
    });

    survives('what a broker retained is never acted on', async () => {
      const broker = await bench.broker();
      const sender = await bench.raw(broker);
      const options = { qos: 1, retain: true } as const;
      for (const payload of [resetRequest(), uploadPacket(0)]) {
        await sender.publishAsync(TOPICS.request(SESSION), Buffer.from(payload), options);
      }
      const device = await bench.device({ url: broker.url }).untilUp();
      const client = await bench.client(broker.url);
      expect(await client.echo('x')).toMatchObject({ ok: true });
      expect(device.device.resets).toEqual([]);
      expect(device.handled).toHaveLength(1);
    });

    survives('another client with our identifier is told of, and is no hot loop', async () => {
      const broker = await bench.broker();
      const proxy = await bench.proxy(broker);
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const device = bench.device({ url }, { reconnect: { delayMsMin: 50, delayMsMax: 400 } });
      await device.untilUp();
      const other = await bench.raw(broker, { clientId: 'board-1', reconnectPeriod: 10 });
      await until(() => device.codes.includes('mqtt-identifier-contested'), 'told');
      const before = proxy.accepted;
      const startedMs = performance.now();
      await until(() => proxy.accepted >= before + 2, 'two more tries');
      // Waits of 50 ms at the least: fewer tries than that many.
      const elapsedMs = performance.now() - startedMs;
      expect(proxy.accepted - before).toBeLessThanOrEqual(1 + elapsedMs / 50);
      expect(device.codes.filter((code) => code === 'mqtt-identifier-contested')).toHaveLength(1);
      await other.endAsync(true);
      await device.untilUp();
      await quiet();
      expect(device.session.state).toBe('up');
    });

    survives('a network that accepts and never answers is given up and tried again', async () => {
      const broker = await bench.broker();
      const proxy = await bench.proxy(broker);
      proxy.freeze();
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const device = bench.device({ url }, { answerTimeoutMs: 150 });
      await until(() => proxy.accepted >= 3, 'three tries');
      expect(device.codes).toEqual(['mqtt-broker-silent']);
      expect(await bench.open(url, { timeoutMs: 200 })).toMatchObject({
        ok: false,
        code: 'target-timeout',
      });
      proxy.thaw();
      await device.untilUp();
    });

    survives('a connection that is half open is found by its keep-alive', async () => {
      const broker = await bench.broker();
      const proxy = await bench.proxy(broker);
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const device = await bench.device({ url }, { keepAliveSeconds: 2 }).untilUp();
      proxy.freeze();
      await until(() => device.session.state === 'down', 'down');
      expect(device.codes).toEqual(['mqtt-broker-silent']);
      proxy.thaw();
      await device.untilUp();
    });

    survives('a broker that takes nothing does not fill the memory', async () => {
      const broker = await bench.broker();
      const proxy = await bench.proxy(broker);
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const outgoing = { messagesMax: 8, bytesMax: 65_536 };
      const device = await bench.device({ url }, { outgoing, answerTimeoutMs: 500 }).untilUp();
      proxy.freeze();
      const answer = new Uint8Array(1_000);
      for (let n = 0; n < 100; n += 1) {
        device.session.publish(TOPICS.response(SESSION), answer, { qos: 1, retain: false });
      }
      expect(device.session.dropped).toBeGreaterThanOrEqual(92);
      expect(device.codes).toEqual(['mqtt-outgoing-full']);
      // It acknowledges nothing for long: the next attempt ends the connection.
      await until(() => {
        device.session.publish(TOPICS.response(SESSION), answer, { qos: 1, retain: false });
        return device.session.state === 'down';
      }, 'down');
      const watcher = await bench.raw(broker);
      const answers = await collect(watcher, TOPICS.response(SESSION));
      proxy.thaw();
      await device.untilUp();
      await until(() => answers.length >= 7, 'what was kept');
    });

    survives('a message that is too long is refused, and the next one served', async () => {
      const broker = await bench.broker();
      const device = await bench.device({ url: broker.url }).untilUp();
      const sender = await bench.raw(broker);
      const answers = await collect(sender, TOPICS.response(SESSION));
      const long = Buffer.alloc(3_000_000);
      long.set(resetRequest());
      for (const retain of [false, true]) {
        await sender.publishAsync(TOPICS.request(SESSION), long, { qos: 1, retain });
      }
      await until(() => answers.length === 2, 'two refusals');
      expect(answers.map((answer) => bodyOf(answer))).toEqual([{ rc: 7 }, { rc: 7 }]);
      // The retained one comes again with each connect.
      device.session.abandon();
      const again = await bench.device({ url: broker.url }).untilUp();
      const client = await bench.client(broker.url);
      expect(await client.echo('x')).toMatchObject({ ok: true });
      expect([device, again].flatMap(({ codes }) => codes)).toEqual([]);
      expect([device, again].flatMap((one) => one.device.resets)).toEqual([]);
    });

    survives('a wrong password is told of once, and tried again', async () => {
      const broker = await bench.broker({ users: new Map([['device', 'right']]) });
      const login = { url: broker.url, username: 'device', password: 'wrong' };
      const device = bench.device(login);
      await until(() => device.problems.length > 0, 'told');
      await quiet();
      expect(device.codes).toEqual([kind.wrongPassword]);
      expect(await bench.open(broker.url, login)).toMatchObject({ code: 'target-access-denied' });
      await bench.device({ ...login, password: 'right' }).untilUp();
    });

    survives('a stop is over in time though the broker hangs', async () => {
      const broker = await bench.broker();
      const proxy = await bench.proxy(broker);
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const device = await bench.device({ url }, { stopTimeoutMs: 300 }).untilUp();
      const client = await bench.client(url);
      proxy.freeze();
      await Promise.all([device.session.stop(), device.session.stop(), client.close()]);
      expect(device.session.state).toBe('stopped');
    });

    for (const seed of kind.seeds) {
      survives(`cuts, delays and losses of seed ${seed} leave the right image`, async () => {
        const broker = await bench.broker();
        const proxy = await bench.proxy(broker);
        const url = `mqtt://127.0.0.1:${proxy.port}`;
        const device = await bench.device({ url }).untilUp();
        const client = await bench.client(url, {}, 400);
        proxy.disturb({ seed, cuts: 6, bytesMax: 8_000, delayMsMax: 3 });
        proxy.cutAll();
        const uploaded = await client.imageUpload(NEXT.bytes);
        expect(uploaded).toMatchObject({ ok: true, value: { match: true } });
        expect(proxy.cut).toBeGreaterThan(2);
        expect(device.hasStaged(NEXT.bytes)).toBe(true);
        expectNothingTwice(device);
      });
    }
  });
}

/** The same bytes in one session are done once. */
function expectNothingTwice(device: MqttDevice): void {
  const writes = device.handled.filter((hex) => (parseInt(hex.slice(0, 2), 16) & 7) === 2);
  expect(writes.length).toBeGreaterThan(0);
  expect(new Set(writes).size).toBe(writes.length);
}

function uploadPacket(index: number): Uint8Array {
  const off = index * PACKET_BYTES;
  const data = NEXT.bytes.subarray(off, off + PACKET_BYTES);
  return encodeSmpMessage({
    version: 2,
    op: 'write',
    group: 1,
    command: 1,
    sequence: index,
    body: off === 0 ? { off, len: NEXT.bytes.byteLength, data } : { off, data },
  });
}

function resetRequest(): Uint8Array {
  return encodeSmpMessage({
    version: 2,
    op: 'write',
    group: 0,
    command: 5,
    sequence: 9,
    body: {},
  });
}

function bodyOf(answer: Uint8Array): SmpBody {
  return must(decodeSmpMessage(answer)).body;
}

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, QUIET_MS));
}
