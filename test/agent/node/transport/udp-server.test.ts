import { Socket, createSocket } from 'node:dgram';
import { DatagramLink, MGMT_ERROR, decodeSmpMessage, encodeSmpMessage } from '@brickproof/agent';
import type { SmpMessage } from '@brickproof/agent';
import { RETRY_DELAY_MS_MAX, UDP_SENDS_MAX, UdpServer } from '@brickproof/agent/node';
import type { TransportClock, UdpServerOptions } from '@brickproof/agent/node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HASH_ONLY, TestDevice } from '../../test-device.js';

const WAIT = { timeout: 10_000, interval: 5 } as const;
const BUFFER_BYTES = 2048;

let device: TestDevice;
let server: UdpServer | undefined;
let events: string[] = [];
let port = 0;
const sockets: Socket[] = [];

beforeEach(() => {
  device = new TestDevice();
  events = [];
  port = 0;
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  for (const socket of sockets.splice(0)) socket.close();
});

function startServer(choices: Partial<UdpServerOptions> = {}): UdpServer {
  server = new UdpServer({
    link: new DatagramLink({
      handle: (request) => device.server.handle(request),
      maxMessageBytes: BUFFER_BYTES,
      store: device.store,
      crypto: HASH_ONLY,
      clock: { nowMs: () => 0 },
    }),
    port: 0,
    listener: {
      opened: (place) => {
        port = place.port;
        events.push(`opened ${place.address}`);
      },
      lost: (code) => events.push(code),
    },
    ...choices,
  });
  server.start();
  return server;
}

async function openSocket(bindPort = 0): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(bindPort, '127.0.0.1', resolve));
  sockets.push(socket);
  return socket;
}

function messagesTo(socket: Socket): SmpMessage[] {
  const messages: SmpMessage[] = [];
  socket.on('message', (bytes) => {
    const message = decodeSmpMessage(bytes);
    if (message.ok) messages.push(message.value);
  });
  return messages;
}

function echo(sequence: number, d = 'x'): Uint8Array {
  return encodeSmpMessage({ version: 2, op: 'write', group: 0, command: 0, sequence, body: { d } });
}

/** A clock whose delays are noted and then over at once. */
function hurriedClock(delays: number[]): TransportClock {
  return {
    nowMs: () => performance.now(),
    after: (delayMs, run) => {
      delays.push(delayMs);
      const timer = setTimeout(run, 1);
      return () => {
        clearTimeout(timer);
      };
    },
  };
}

describe('UdpServer', () => {
  it('listens on the loopback, and answers each sender and nobody else', async () => {
    startServer();
    await expect.poll(() => events, WAIT).toEqual(['opened 127.0.0.1']);
    const [one, two] = [await openSocket(), await openSocket()];
    const [toOne, toTwo] = [messagesTo(one), messagesTo(two)];
    one.send(echo(1, 'one'), port, '127.0.0.1');
    two.send(echo(2, 'two'), port, '127.0.0.1');
    await expect.poll(() => toOne.length + toTwo.length, WAIT).toBe(2);
    expect(toOne).toMatchObject([{ sequence: 1, body: { r: 'one' } }]);
    expect(toTwo).toMatchObject([{ sequence: 2, body: { r: 'two' } }]);
  });

  it('answers what fits its buffer to the byte, and refuses a byte more', async () => {
    startServer();
    await expect.poll(() => port, WAIT).toBeGreaterThan(0);
    const socket = await openSocket();
    const messages = messagesTo(socket);
    const room = BUFFER_BYTES - echo(0, '').byteLength - 2;
    const fits = echo(1, 'x'.repeat(room));
    expect(fits.byteLength).toBe(BUFFER_BYTES);
    socket.send(fits, port, '127.0.0.1');
    socket.send(echo(2, 'x'.repeat(room + 1)), port, '127.0.0.1');
    socket.send(echo(3, 'x'.repeat(60_000)), port, '127.0.0.1');
    await expect.poll(() => messages.length, WAIT).toBe(3);
    expect(messages[0]?.body['r']).toHaveLength(room);
    expect(messages.slice(1).map(({ body }) => body)).toEqual([
      { rc: MGMT_ERROR.messageTooLong },
      { rc: MGMT_ERROR.messageTooLong },
    ]);
  });

  it('outlives rubbish, empty datagrams and senders that are gone', async () => {
    startServer();
    await expect.poll(() => port, WAIT).toBeGreaterThan(0);
    const socket = await openSocket();
    const messages = messagesTo(socket);
    const gone = createSocket('udp4');
    await new Promise<void>((resolve) => {
      gone.send(echo(1), port, '127.0.0.1', () => {
        gone.close(resolve);
      });
    });
    for (const bytes of [[], [1], new Array<number>(300).fill(0xff)]) {
      socket.send(Uint8Array.from(bytes), port, '127.0.0.1');
    }
    socket.send(echo(2), port, '127.0.0.1');
    await expect.poll(() => messages.some(({ sequence }) => sequence === 2), WAIT).toBe(true);
    expect(server?.state).toBe('open');
  });

  // Only root may send from such places, so the datagrams are put where the system would put them.
  it.each([
    ['port 0', 0, 0],
    ['a port that Node refuses', 65_536, 1],
  ])('outlives a datagram from %s, and answers the next', async (_what, fromPort, dropped) => {
    const bind = vi.spyOn(Socket.prototype, 'bind');
    const started = startServer();
    await expect.poll(() => port, WAIT).toBeGreaterThan(0);
    const from = { address: '127.0.0.1', family: 'IPv4', port: fromPort, size: 0 };
    const receiver = bind.mock.contexts.find((socket) => socket instanceof Socket);
    bind.mockRestore();
    expect(receiver?.emit('message', Buffer.from(echo(1)), from)).toBe(true);
    expect(started.droppedAnswers).toBe(dropped);
    const socket = await openSocket();
    const messages = messagesTo(socket);
    socket.send(echo(2), port, '127.0.0.1');
    await expect.poll(() => messages.length, WAIT).toBe(1);
  });

  it('does one reset for a datagram that comes twice', async () => {
    startServer();
    await expect.poll(() => port, WAIT).toBeGreaterThan(0);
    const socket = await openSocket();
    const messages = messagesTo(socket);
    const reset = encodeSmpMessage({
      version: 2,
      op: 'write',
      group: 0,
      command: 5,
      sequence: 4,
      body: {},
    });
    socket.send(reset, port, '127.0.0.1');
    socket.send(reset, port, '127.0.0.1');
    await expect.poll(() => messages.length, WAIT).toBe(2);
    expect(device.resets).toHaveLength(1);
  });

  it('waits for a port that is in use, telling it once, ever more patiently', async () => {
    const holder = await openSocket();
    const delays: number[] = [];
    startServer({ port: holder.address().port, clock: hurriedClock(delays) });
    await expect.poll(() => delays.length, WAIT).toBeGreaterThan(7);
    expect(events).toEqual(['udp-port-in-use']);
    expect(delays.slice(0, 7)).toEqual([100, 200, 400, 800, 1600, RETRY_DELAY_MS_MAX, 2000]);
    sockets.length = 0;
    holder.close();
    await expect.poll(() => server?.state, WAIT).toBe('open');
    const socket = await openSocket();
    const messages = messagesTo(socket);
    socket.send(echo(5), port, '127.0.0.1');
    await expect.poll(() => messages.length, WAIT).toBe(1);
  });

  it.each([
    // Addresses set aside for documentation: no device has them.
    ['192.0.2.1', 'udp-address-unavailable'],
    ['2001:db8::1', 'udp-address-unavailable'],
  ])('tells by its code that the address %s is not to be had', async (address, code) => {
    startServer({ address, clock: hurriedClock([]) });
    await expect.poll(() => events, WAIT).toEqual([code]);
    expect(server?.state).not.toBe('open');
  });

  it('sends what it has answered before it stops, and frees its port', async () => {
    startServer();
    await expect.poll(() => port, WAIT).toBeGreaterThan(0);
    const socket = await openSocket();
    const messages = messagesTo(socket);
    for (let sequence = 0; sequence < UDP_SENDS_MAX; sequence += 1) {
      socket.send(echo(sequence), port, '127.0.0.1');
    }
    await expect.poll(() => messages.length, WAIT).toBeGreaterThan(0);
    await server?.stop();
    expect(server?.state).toBe('stopped');
    const next = await openSocket(port);
    expect(next.address().port).toBe(port);
  });

  it('starts again after a stop', async () => {
    startServer();
    await expect.poll(() => events.length, WAIT).toBe(1);
    await server?.stop();
    server?.start();
    await expect.poll(() => events.length, WAIT).toBe(2);
  });
});
