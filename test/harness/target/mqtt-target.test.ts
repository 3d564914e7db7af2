import { createServer } from 'node:net';
import { createMqttTopics, encodeMqttStatus } from '@brickproof/agent';
import type { MqttTopics } from '@brickproof/agent';
import type { Verdict } from '@brickproof/bootloader-sim';
import {
  MQTT_PREFIX_DEFAULT,
  openTarget,
  SmpClient,
  startEmbeddedBroker,
} from '@brickproof/harness';
import type { EmbeddedBroker, SmpConnection, TargetRejectCode } from '@brickproof/harness';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../../agent/test-device.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 40_000);
const DEVICE = 'board-1';

let broker: EmbeddedBroker;
let open: SmpConnection[] = [];
let clients: MqttClient[] = [];

beforeEach(async () => {
  broker = await startEmbeddedBroker();
});

afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
  for (const client of clients.splice(0)) client.end(true);
  await broker.close();
  open = [];
  clients = [];
});

function topicsOf(device: string): MqttTopics {
  const topics = createMqttTopics({ prefix: MQTT_PREFIX_DEFAULT, device });
  if (!topics.ok) throw new Error(topics.detail);
  return topics.value;
}

/** Puts a device on the broker, as its agent would. */
async function serve(target: TestDevice, device = DEVICE): Promise<MqttClient> {
  const topics = topicsOf(device);
  const client = await connectAsync(broker.url, {
    reconnectPeriod: 0,
    will: { topic: topics.status, payload: status('offline'), qos: 1, retain: true },
  });
  clients.push(client);
  client.on('error', () => undefined);
  client.on('message', (topic, payload) => {
    const session = topics.sessionOf(topic);
    const response = target.server.handle(payload);
    if (session !== undefined && response !== undefined) {
      client.publish(topics.response(session), Buffer.from(response), { qos: 1 });
    }
  });
  await client.subscribeAsync(topics.requests, { qos: 1 });
  await client.publishAsync(topics.status, status('online'), { qos: 1, retain: true });
  return client;
}

function status(state: 'online' | 'offline'): Buffer {
  return Buffer.from(encodeMqttStatus({ state, version: '1.0.0' }));
}

async function openDevice(
  options: {
    readonly device?: string;
    readonly port?: number;
    readonly timeoutMs?: number;
    readonly absenceMsMax?: number;
  } = {},
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const { device = DEVICE, port = broker.port, timeoutMs = 2_000 } = options;
  const { absenceMsMax = 10_000 } = options;
  const opened = await openTarget(
    { kind: 'mqtt', isTls: false, host: '127.0.0.1', port, device },
    { connectTimeoutMs: timeoutMs, mqtt: { absenceMsMax } },
  );
  if (opened.ok) open.push(opened.value);
  return opened;
}

async function mustOpen(absenceMsMax?: number): Promise<SmpConnection> {
  const opened = await openDevice(absenceMsMax === undefined ? {} : { absenceMsMax });
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

describe('an mqtt target', () => {
  it('carries an upload', async () => {
    const target = new TestDevice({ slotRuns: [{ count: 16, sizeBytes: 4096 }] });
    await serve(target.program(0, RUNNING));
    const client = new SmpClient(await mustOpen());
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({
      ok: true,
      value: { match: true },
    });
    const slot = Buffer.from(target.slotBytes(1));
    expect(slot.subarray(0, NEXT.bytes.byteLength).equals(NEXT.bytes)).toBe(true);
  });

  it('gives each connection its own session, so that answers do not cross', async () => {
    await serve(new TestDevice().program(0, RUNNING));
    const first = new SmpClient(await mustOpen(), { firstSequence: 0 });
    const second = new SmpClient(await mustOpen(), { firstSequence: 0 });
    const answers = await Promise.all([first.echo('one'), second.echo('two')]);
    expect(answers).toEqual([
      { ok: true, value: 'one' },
      { ok: true, value: 'two' },
    ]);
    expect([first.statistics.ignored, second.statistics.ignored]).toEqual([0, 0]);
  });

  it('waits for a device that is about to come online', async () => {
    const opening = openDevice();
    await serve(new TestDevice().program(0, RUNNING));
    expect(await opening).toMatchObject({ ok: true });
  });

  it('refuses a device that said it is offline, and one that nobody knows', async () => {
    const device = await serve(new TestDevice().program(0, RUNNING));
    device.stream.destroy();
    const left = await openDevice({ timeoutMs: 300 });
    expect(left).toMatchObject({ ok: false, code: 'target-offline' });
    expect(left).toHaveProperty('detail', expect.stringContaining('is offline'));
    const unknown = await openDevice({ device: 'nobody', timeoutMs: 300 });
    expect(unknown).toMatchObject({ ok: false, code: 'target-offline' });
    expect(unknown).toHaveProperty('detail', expect.stringContaining('no device "nobody"'));
  });

  it('ends when a device that went offline does not come back in time', async () => {
    const device = await serve(new TestDevice().program(0, RUNNING));
    const client = new SmpClient(await mustOpen(200));
    device.removeAllListeners('message');
    const pending = client.echo('hello');
    device.stream.destroy();
    expect(await pending).toMatchObject({ ok: false, code: 'device-offline' });
  });

  it('goes on with a request when the device went offline and came back', async () => {
    const target = new TestDevice().program(0, RUNNING);
    const device = await serve(target);
    const told: string[] = [];
    const client = new SmpClient(await mustOpen(), { onInterruption: (what) => told.push(what) });
    device.removeAllListeners('message');
    const pending = client.echo('hello');
    device.stream.destroy();
    await serve(target);
    expect(await pending).toEqual({ ok: true, value: 'hello' });
    expect(told).toEqual(['interrupted', 'resumed']);
  });

  it('waits longer than its tries last for a device that is away', async () => {
    const target = new TestDevice().program(0, RUNNING);
    const device = await serve(target);
    const client = new SmpClient(await mustOpen(), { timeoutMs: 50, retries: 0 });
    device.stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const pending = client.echo('hello');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await serve(target);
    expect(await pending).toEqual({ ok: true, value: 'hello' });
  });

  it('tells an upload when the broker dies for good, and resumes it over a new one', async () => {
    const target = new TestDevice({
      slotRuns: [{ count: 16, sizeBytes: 4096 }],
      bufferSizeBytes: 512,
    });
    await serve(target.program(0, RUNNING));
    const client = new SmpClient(await mustOpen(2_000));
    let died: Promise<void> | undefined;
    const uploaded = await client.imageUpload(NEXT.bytes, {
      onProgress: ({ sentBytes }) => {
        if (sentBytes > 10_000) died ??= broker.close();
      },
    });
    expect(uploaded).toMatchObject({ ok: false, code: 'connection-lost' });
    expect(uploaded).toHaveProperty('detail', expect.stringContaining('does not listen'));
    await died;

    broker = await startEmbeddedBroker();
    await serve(target);
    const resumed = await new SmpClient(await mustOpen()).imageUpload(NEXT.bytes);
    expect(resumed).toMatchObject({ ok: true });
    expect(resumed.ok && resumed.value.resumedFrom).toBeGreaterThan(5_000);
  });

  it('refuses a broker that is not there, and a port that speaks something else', async () => {
    expect(await openDevice({ port: 1 })).toMatchObject({ ok: false, code: 'target-unreachable' });
    const silent = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await openDevice({ port, timeoutMs: 200 })).toMatchObject({
      ok: false,
      code: 'target-timeout',
    });
    silent.close();
  });
});

describe('startEmbeddedBroker', () => {
  it('can be closed twice, and with a client that does not say goodbye', async () => {
    const other = await startEmbeddedBroker();
    const client = await connectAsync(other.url, { reconnectPeriod: 0 });
    client.on('error', () => undefined);
    await Promise.all([other.close(), other.close()]);
    client.end(true);
    const again = await startEmbeddedBroker({ port: other.port });
    expect(again.port).toBe(other.port);
    await again.close();
  });

  it('rejects a port that is taken', async () => {
    await expect(startEmbeddedBroker({ port: broker.port })).rejects.toThrow(/EADDRINUSE/);
  });
});
