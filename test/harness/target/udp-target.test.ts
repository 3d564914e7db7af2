import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  DatagramLink,
  decodeSmpHeader,
  decodeSmpMessage,
  encodeSmpMessage,
} from '@brickproof/agent';
import { UdpServer } from '@brickproof/agent/node';
import { openTarget, SmpClient } from '@brickproof/harness';
import type { SmpClientOptions, SmpConnection } from '@brickproof/harness';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HASH_ONLY, TestDevice, buildTestImage } from '../../agent/test-device.js';
import { seededRandom } from '../client/memory-link.js';

const WAIT = { timeout: 10_000, interval: 5 } as const;
const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 40_000);

const cleanups: (() => unknown)[] = [];
let device: TestDevice;
/** The length of each datagram that the device was sent, and who sent it. */
let lengths: number[] = [];
let lastSender = '';

beforeEach(() => {
  device = makeDevice(4096);
  lengths = [];
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function makeDevice(bufferSizeBytes: number): TestDevice {
  const slotRuns = [{ count: 16, sizeBytes: 4096 }];
  return new TestDevice({ slotRuns, bufferSizeBytes }).program(0, RUNNING);
}

class NotingLink extends DatagramLink {
  override answer(sender: string, datagram: Uint8Array): Uint8Array | undefined {
    lengths.push(datagram.byteLength);
    lastSender = sender;
    return super.answer(sender, datagram);
  }
}

/** The device on a port, as its agent would serve it; it knows nothing from before. */
async function serve(port = 0): Promise<{ readonly port: number; readonly server: UdpServer }> {
  let bound = 0;
  const server = new UdpServer({
    port,
    link: new NotingLink({
      handle: (request) => device.server.handle(request),
      maxMessageBytes: 4096,
      store: device.store,
      crypto: HASH_ONLY,
      clock: { nowMs: () => 0 },
    }),
    listener: { opened: (place) => (bound = place.port) },
  });
  cleanups.push(() => server.stop());
  server.start();
  await expect.poll(() => bound, WAIT).toBeGreaterThan(0);
  return { port: bound, server };
}

async function connect(port: number): Promise<SmpConnection> {
  const opened = await openTarget({ kind: 'udp', host: '127.0.0.1', port });
  if (!opened.ok) throw new Error(opened.detail);
  cleanups.push(() => opened.value.close());
  return opened.value;
}

async function connectClient(port: number, options: SmpClientOptions = {}): Promise<SmpClient> {
  return new SmpClient(await connect(port), { timeoutMs: 100, retries: 30, ...options });
}

async function bind(onMessage: (message: Uint8Array, from: RemoteInfo) => void): Promise<Socket> {
  const socket = createSocket('udp4');
  cleanups.push(() => {
    socket.close();
  });
  socket.on('message', onMessage);
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

interface Weather {
  readonly loss?: number;
  readonly duplicate?: number;
  readonly late?: number;
}

/** A network between one client and the device, with chances from 0 to 1 for each datagram. */
async function startNetwork(devicePort: number, weather: Weather): Promise<number> {
  const random = seededRandom(3);
  let clientPort = 0;
  const socket = await bind((message, from) => {
    if (from.port !== devicePort) clientPort = from.port;
    const to = from.port === devicePort ? clientPort : devicePort;
    if (random() < (weather.loss ?? 0)) return;
    const copies = random() < (weather.duplicate ?? 0) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const send = (): void => {
        if (!isClosed) socket.send(message, to, '127.0.0.1');
      };
      if (random() < (weather.late ?? 0)) setTimeout(send, random() * 10);
      else send();
    }
  });
  let isClosed = false;
  cleanups.push(() => {
    isClosed = true;
  });
  return socket.address().port;
}

function holdsImage(): boolean {
  return Buffer.from(device.slotBytes(1)).subarray(0, NEXT.bytes.byteLength).equals(NEXT.bytes);
}

describe('a udp target', () => {
  it.each([
    ['loses', { loss: 0.1 }],
    ['doubles', { duplicate: 0.5 }],
    ['reorders', { late: 0.5 }],
    ['does all of that to', { loss: 0.05, duplicate: 0.2, late: 0.2 }],
  ])('carries an upload through a network that %s datagrams', async (_, weather) => {
    const { port } = await serve();
    const client = await connectClient(await startNetwork(port, weather));
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage()).toBe(true);
    expect(await client.imageTest(NEXT.hash)).toMatchObject({ ok: true });
  });

  it('resets the device once through a network that doubles everything', async () => {
    const { port } = await serve();
    const client = await connectClient(await startNetwork(port, { duplicate: 1 }));
    expect(await client.reset()).toEqual({ ok: true, value: undefined });
    await expect.poll(() => lengths.length, WAIT).toBe(2);
    expect(device.resets).toHaveLength(1);
  });

  it('goes on with an upload when the device restarts in the middle of it', async () => {
    const { port, server } = await serve();
    const client = await connectClient(port);
    let isRestarted = false;
    const uploaded = await client.imageUpload(NEXT.bytes, {
      onProgress: ({ sentBytes }) => {
        if (isRestarted || sentBytes < 10_000) return;
        isRestarted = true;
        void server.stop().then(async () => {
          // Nobody listens: the network answers that the port is not there.
          await sleep(250);
          device.restart();
          await serve(port);
        });
      },
    });
    expect(uploaded).toMatchObject({ ok: true });
    expect(isRestarted).toBe(true);
    expect(holdsImage()).toBe(true);
  });

  it('reaches the first datagram after one that was refused', async () => {
    const { port, server } = await serve();
    await server.stop();
    const connection = await connect(port);
    const client = new SmpClient(connection, { timeoutMs: 30, retries: 0 });
    expect(await client.echo('nobody')).toMatchObject({ ok: false, code: 'smp-timeout' });
    expect(connection.closed).toBeUndefined();
    const patient = new SmpClient(connection, { timeoutMs: 5_000, retries: 0 });
    await serve(port);
    expect(await patient.echo('there')).toEqual({ ok: true, value: 'there' });
  });

  it('sends again at once what the system kept back because of an earlier refusal', async () => {
    const port = (await bindOnce()).port;
    const connection = await connect(port);
    const client = new SmpClient(connection, { timeoutMs: 5_000, retries: 0, firstSequence: 0 });
    const late = await startLateDevice(port, echoAnswer(1, 'second'));
    const refused = client.echo('first');
    // The device comes while this thread stands still, so that nothing tells of the refusal.
    process.nextTick(late.comeNow);
    expect(await client.echo('second')).toEqual({ ok: true, value: 'second' });
    await connection.close();
    expect(await refused).toMatchObject({ ok: false, code: 'closed-by-us' });
  });

  it('takes no answer from anybody but the device', async () => {
    const real = await bind((request, from) => {
      clientPort = from.port;
      forger.send(forge(request, 'forged'), from.port, '127.0.0.1', () => {
        setTimeout(() => {
          real.send(forge(request, 'real'), from.port, '127.0.0.1');
        }, 50);
      });
    });
    let clientPort = 0;
    const forger = await bind(() => undefined);
    const client = await connectClient(real.address().port, { timeoutMs: 5_000 });
    expect(await client.echo('hello')).toEqual({ ok: true, value: 'real' });
    expect(clientPort).toBeGreaterThan(0);
    expect(client.statistics).toEqual({ sent: 1, resent: 0, ignored: 0 });
  });

  it('takes no answer with another number, group or command, nor one that is none', async () => {
    const socket = await bind((request, from) => {
      for (const [at, value] of [
        [6, (request[6] ?? 0) + 1],
        [5, 9],
        [7, 9],
        [3, 1],
        [0, 0],
      ] as const) {
        socket.send(forge(request, 'forged').fill(value, at, at + 1), from.port, '127.0.0.1');
      }
      socket.send(new Uint8Array(0), from.port, '127.0.0.1');
      socket.send(new Uint8Array(60_000), from.port, '127.0.0.1');
      socket.send(forge(request, 'real'), from.port, '127.0.0.1');
    });
    const client = await connectClient(socket.address().port, { timeoutMs: 5_000 });
    expect(await client.echo('hello')).toEqual({ ok: true, value: 'real' });
    expect(client.statistics.ignored).toBe(7);
  });

  it.each([
    { bufferBytes: 4096, largestBytes: 1472 },
    { bufferBytes: 1472, largestBytes: 1472 },
    { bufferBytes: 300, largestBytes: 300 },
  ])(
    'sends at most $largestBytes bytes to a device that takes $bufferBytes',
    async ({ bufferBytes, largestBytes }) => {
      device = makeDevice(bufferBytes);
      const { port } = await serve();
      const client = await connectClient(port);
      expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
      expect(Math.max(...lengths)).toBeLessThanOrEqual(largestBytes);
      expect(Math.max(...lengths)).toBeGreaterThan(largestBytes - 16);
      expect(lastSender).toMatch(/^127\.0\.0\.1 \d+$/);
    },
  );

  it('refuses a request that does not fit, before it is sent', async () => {
    const { port } = await serve();
    const client = await connectClient(port);
    expect(await client.echo('x'.repeat(1500))).toMatchObject({
      ok: false,
      code: 'smp-request-too-large',
    });
    expect(lengths).toEqual([]);
  });
});

/** A port that nobody has, any more. */
async function bindOnce(): Promise<{ readonly port: number }> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return { port };
}

/** In a thread of its own: waits for the sign, binds, gives the sign back, and answers anything. */
const LATE_DEVICE = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { sign, port, answer } = workerData;
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (_, from) => socket.send(answer, from.port, from.address));
  parentPort.postMessage('ready');
  Atomics.wait(sign, 0, 0);
  socket.bind(port, '127.0.0.1', () => {
    Atomics.store(sign, 0, 2);
    Atomics.notify(sign, 0);
  });
`;

/** A device that is there from one moment to the next. */
async function startLateDevice(
  port: number,
  answer: Uint8Array,
): Promise<{ readonly comeNow: () => void }> {
  const sign = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(LATE_DEVICE, { eval: true, workerData: { sign, port, answer } });
  cleanups.push(() => worker.terminate());
  await once(worker, 'message');
  const comeNow = (): void => {
    Atomics.store(sign, 0, 1);
    Atomics.notify(sign, 0);
    Atomics.wait(sign, 0, 1, WAIT.timeout);
  };
  return { comeNow };
}

function echoAnswer(sequence: number, r: string): Uint8Array {
  const header = { version: 2, op: 'write-response', group: 0, command: 0, sequence } as const;
  return encodeSmpMessage({ ...header, body: { r } });
}

/** The answer to an echo, with another text. */
function forge(request: Uint8Array, r: string): Uint8Array {
  const header = decodeSmpHeader(request);
  if (!header.ok || !decodeSmpMessage(request).ok) throw new Error('no request');
  const { version, group, command, sequence } = header.value;
  return encodeSmpMessage({ version, op: 'write-response', group, command, sequence, body: { r } });
}
