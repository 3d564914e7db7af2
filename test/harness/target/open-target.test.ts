import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createSocket } from 'node:dgram';
import { SerialLink } from '@brickproof/agent';
import { connectSimBoard, openPty, openTarget, parseTarget, SmpClient } from '@brickproof/harness';
import type { SmpConnection, TargetRejectCode } from '@brickproof/harness';
import type { Verdict } from '@brickproof/bootloader-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../../agent/test-device.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 40_000);

const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function device(): TestDevice {
  return new TestDevice({ slotRuns: [{ count: 16, sizeBytes: 4096 }] }).program(0, RUNNING);
}

function open(text: string): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const spec = parseTarget(text);
  if (!spec.ok) throw new Error(spec.detail);
  return openTarget(spec.value, { connectTimeoutMs: 500 });
}

async function mustOpen(text: string): Promise<SmpConnection> {
  const opened = await open(text);
  if (!opened.ok) throw new Error(opened.detail);
  cleanups.push(() => opened.value.close());
  return opened.value;
}

/** Serves a device's console on a TCP port, with console text around every answer. */
async function serveTcp(target: TestDevice): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    const link = consoleOf(target);
    socket.on('data', (bytes) => {
      for (const answer of link.receive(bytes).answers) {
        socket.write('I: handling a request\r\n');
        socket.write(answer);
      }
    });
  });
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: await listening(server), sockets };
}

function consoleOf(target: TestDevice): SerialLink {
  return new SerialLink({
    handle: (request) => target.server.handle(request),
    maxMessageBytes: 2048,
  });
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function holdsImage(target: TestDevice): boolean {
  return Buffer.from(target.slotBytes(1)).subarray(0, NEXT.bytes.byteLength).equals(NEXT.bytes);
}

describe('a tcp target', () => {
  it('carries an upload between console text, and hands the text on', async () => {
    const target = device();
    const { port } = await serveTcp(target);
    const connection = await mustOpen(`tcp:127.0.0.1:${port}`);
    let text = '';
    const client = new SmpClient(connection, {
      onConsole: (bytes) => (text += Buffer.from(bytes).toString()),
    });
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage(target)).toBe(true);
    expect(text).toContain('I: handling a request\r\n');
    expect(text.replaceAll('I: handling a request\r\n', '')).toBe('');
  });

  it('tells a request under way when the other side hangs up', async () => {
    const { port, sockets } = await serveTcp(device());
    const client = new SmpClient(await mustOpen(`tcp:127.0.0.1:${port}`));
    expect(await client.echo('hello')).toMatchObject({ ok: true });
    for (const socket of sockets) socket.destroy();
    expect(await client.echo('again')).toMatchObject({ ok: false, code: 'connection-lost' });
  });

  it('refuses when nothing listens, and when the host is not known', async () => {
    expect(await open('tcp:127.0.0.1:1')).toMatchObject({ ok: false, code: 'target-unreachable' });
    expect(await open('tcp:no-such-host.invalid:1')).toMatchObject({
      ok: false,
      code: 'target-not-found',
    });
  });
});

describe('a udp target', () => {
  it('carries bare messages, each small enough for one frame', async () => {
    const target = device();
    const server = createSocket('udp4');
    let largest = 0;
    server.on('message', (request, from) => {
      largest = Math.max(largest, request.byteLength);
      const response = target.server.handle(request);
      if (response !== undefined) server.send(response, from.port, from.address);
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.close();
    });
    const client = new SmpClient(await mustOpen(`udp:127.0.0.1:${server.address().port}`));
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage(target)).toBe(true);
    expect(largest).toBeLessThanOrEqual(1472);
    expect(largest).toBeGreaterThan(1400);
  });

  it('outlives a device that is not there yet, and times out', async () => {
    const connection = await mustOpen('udp:127.0.0.1:9');
    const client = new SmpClient(connection, { timeoutMs: 20, retries: 2 });
    expect(await client.echo('hello')).toMatchObject({ ok: false, code: 'smp-timeout' });
    expect(connection.closed).toBeUndefined();
  });
});

describe('a serial target', () => {
  it('carries an upload over a pty', async () => {
    const target = device();
    const pty = await openPty();
    cleanups.push(() => {
      pty.close();
    });
    const link = consoleOf(target);
    pty.onData((bytes) => {
      for (const answer of link.receive(bytes).answers) pty.write(answer);
    });
    const client = new SmpClient(await mustOpen(`serial:${pty.path}?baud=115200`));
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage(target)).toBe(true);
  });

  it.each([
    ['a path that is not there', '/dev/no-such-port'],
    ['a folder', '/dev'],
    ['a device that is no port', '/dev/null'],
  ])('refuses %s', async (_, path) => {
    expect(await open(`serial:${path}`)).toMatchObject({ ok: false, code: 'target-not-found' });
  });
});

describe('the target sim', () => {
  it('talks to a board in this process through its serial port', async () => {
    const target = device();
    const link = consoleOf(target);
    let transmit: (bytes: Uint8Array) => void = () => undefined;
    const connection = connectSimBoard({
      uartReceive: (bytes) => {
        for (const answer of link.receive(bytes).answers) transmit(answer);
      },
      onUartTransmit: (listener) => {
        transmit = listener;
      },
    });
    const client = new SmpClient(connection);
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage(target)).toBe(true);
    await client.close();
    expect(await client.echo('hello')).toMatchObject({ ok: false, code: 'closed-by-us' });
  });

  it('refuses where there is no board to be had', async () => {
    expect(await open('sim')).toMatchObject({ ok: false, code: 'target-unavailable' });
  });
});
