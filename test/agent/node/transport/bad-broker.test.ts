import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { describeMqttBroker, MqttSession } from '@brickproof/agent/node';
import type { MqttProblemCode } from '@brickproof/agent/node';
import { startEmbeddedBroker } from '@brickproof/harness';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MqttBench, topicsOf, until } from './mqtt-bench.js';
import { EMBEDDED } from './test-broker.js';
import { createTestAuthority } from './test-certificates.js';

const CONNACK = [0x20, 2, 0, 0];
/** Long enough for several tries. */
const QUIET_MS = 200;

const bench = new MqttBench(EMBEDDED);
const servers: Server[] = [];

afterEach(async () => {
  await bench.dispose();
  for (const server of servers.splice(0)) server.close();
});

/** A server that answers as it is told to; `connections` counts them. */
async function serve(
  onSocket: (socket: Socket) => void,
): Promise<{ readonly url: string; readonly connections: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `mqtt://127.0.0.1:${port}`, connections: () => count };
}

const answer =
  (...replies: readonly (readonly number[])[]) =>
  (socket: Socket): void => {
    const left = [...replies];
    socket.on('data', () => {
      const reply = left.shift();
      if (reply !== undefined) socket.write(Uint8Array.from(reply));
    });
  };

const CASES: readonly [string, (socket: Socket) => void, MqttProblemCode][] = [
  ['does not speak 3.1.1', answer([0x20, 2, 0, 1]), 'mqtt-protocol-refused'],
  ['refuses the identifier', answer([0x20, 2, 0, 2]), 'mqtt-identifier-refused'],
  ['is not available', answer([0x20, 2, 0, 3]), 'mqtt-broker-unavailable'],
  ['refuses the password', answer([0x20, 2, 0, 4]), 'mqtt-credentials-refused'],
  ['does not authorise', answer([0x20, 2, 0, 5]), 'mqtt-not-authorised'],
  ['says a number that nobody knows', answer([0x20, 2, 0, 99]), 'mqtt-not-authorised'],
  ['never answers a connect', answer(), 'mqtt-broker-silent'],
  ['never answers a subscription', answer(CONNACK), 'mqtt-broker-silent'],
  ['hangs up at once', (socket) => socket.destroy(), 'mqtt-connection-closed'],
  [
    'speaks something else',
    answer([...Buffer.from('HTTP/1.1 400 '.padEnd(200, 'x'))]),
    'mqtt-packet-malformed',
  ],
  [
    'announces a packet without end',
    answer(CONNACK, [0x30, 0xff, 0xff, 0xff, 0xff, 0xff]),
    'mqtt-packet-malformed',
  ],
  [
    'announces a huge acknowledgement',
    answer(CONNACK, [0x90, 0xff, 0xff, 0xff, 0x7f]),
    'mqtt-packet-too-large',
  ],
  ['accepts twice', answer([...CONNACK, ...CONNACK]), 'mqtt-packet-malformed'],
  ['releases without saying what', answer([...CONNACK, 0x62, 1, 0]), 'mqtt-packet-malformed'],
  ['acknowledges without saying what', answer([...CONNACK, 0x40, 0]), 'mqtt-packet-malformed'],
  [
    'sends a message of QoS 2',
    answer([...CONNACK, 0x34, 5, 0, 1, 0x61, 0, 1]),
    'mqtt-packet-malformed',
  ],
  [
    // The library takes it for number -1, and throws when it acknowledges that.
    'sends a message of QoS 1 without a number',
    answer([...CONNACK, 0x32, 3, 0, 1, 0x61]),
    'mqtt-packet-malformed',
  ],
  [
    'sends one behind a message that is still being acknowledged',
    answer([...CONNACK, 0x32, 5, 0, 1, 0x61, 0, 1, 0x32, 3, 0, 1, 0x61]),
    'mqtt-packet-malformed',
  ],
];

describe('a session with a broker that', () => {
  it.each(CASES)('%s tells of it once and tries again', async (_what, onSocket, code) => {
    const { url, connections } = await serve(onSocket);
    const device = bench.device({ url }, { answerTimeoutMs: 100 });
    await until(() => device.problems.length > 0 && connections() >= 3, 'three tries');
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    expect(device.codes[0]).toBe(code);
    expect(new Set(device.codes).size).toBe(device.codes.length);
    expect(device.session.state).toBe('down');
    for (const { detail } of device.problems) expect(detail).not.toContain('\n');
  });

  it('does not speak TLS is told of as that', async () => {
    const broker = await bench.broker();
    const authority = await createTestAuthority('lab');
    const url = broker.url.replace('mqtt:', 'mqtts:');
    const device = bench.device(
      { url, tls: { ca: authority.certificate } },
      { answerTimeoutMs: 300 },
    );
    await until(() => device.problems.length > 0, 'told');
    expect(['mqtt-tls-failed', 'mqtt-broker-silent', 'mqtt-connection-closed']).toContain(
      device.codes[0],
    );
  });

  it('refuses a subscription by its rules is told of, also to a client', async () => {
    const broker = await startEmbeddedBroker({ maySubscribe: (user) => user === 'friend' });
    try {
      const device = bench.device({ url: broker.url });
      await until(() => device.problems.length > 0, 'told');
      expect(device.codes).toEqual(['mqtt-subscription-refused']);
      expect(await bench.open(broker.url)).toMatchObject({ code: 'target-access-denied' });
      await bench.device({ url: broker.url, username: 'friend', password: '' }).untilUp();
    } finally {
      await broker.close();
    }
  });

  it('was checked is checked although the environment says not to', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      const authority = await createTestAuthority('lab');
      const identity = await authority.issue({ name: 'b', addresses: ['127.0.0.1'] });
      const broker = await bench.broker({ tls: identity });
      const device = bench.device({ url: broker.url });
      await until(() => device.problems.length > 0, 'told');
      expect(device.codes).toEqual(['mqtt-certificate-untrusted']);
      expect(device.problems[0]?.detail).toMatch(/no CA trusted here .*links\.mqtt\.ca.*--mqtt-ca/);
      await bench.device({ url: broker.url, tls: { ca: authority.certificate } }).untilUp();
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('what is published without a connection', () => {
  it('is kept when it is an answer, and forgotten when it is how things stood', async () => {
    const broker = await bench.broker();
    const described = describeMqttBroker({ url: broker.url });
    if (!described.ok) throw new Error(described.detail);
    const watcher = await bench.raw(broker);
    const seen: string[] = [];
    watcher.on('message', (topic) => seen.push(topic));
    await watcher.subscribeAsync('#', { qos: 1 });
    const session = new MqttSession({ broker: described.value, clientId: 'x' });
    session.publish('answer', new Uint8Array(1), { qos: 1, retain: false });
    session.publish('status', new Uint8Array(1), { qos: 1, retain: true });
    session.publish('fleeting', new Uint8Array(1), { qos: 0, retain: false });
    session.start({ onConnect: () => undefined, onMessage: () => undefined });
    await until(() => session.state === 'up', 'up');
    await session.stop();
    expect(seen).toEqual(['answer']);
  });

  it('makes room for how things stand now, whatever waits', async () => {
    const broker = await bench.broker();
    const outgoing = { messagesMax: 2, bytesMax: 1_000 };
    const device = bench.device({ url: broker.url }, { outgoing });
    for (let n = 0; n < 5; n += 1) {
      const topic = topicsOf().response('s');
      device.session.publish(topic, new Uint8Array(10), { qos: 1, retain: false });
    }
    expect(device.session.dropped).toBe(3);
    await device.untilUp();
    const statuses: string[] = [];
    const watcher = await bench.raw(broker);
    watcher.on('message', (_topic, payload) => statuses.push(payload.toString()));
    await watcher.subscribeAsync(topicsOf().status, { qos: 1 });
    await until(() => statuses.some((status) => status.includes('online')), 'online');
  });
});
