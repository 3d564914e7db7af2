import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { MqttBench, collect, topicsOf, until } from '../agent/node/transport/mqtt-bench.js';
import type { MqttDevice } from '../agent/node/transport/mqtt-bench.js';
import { createTestAuthority } from '../agent/node/transport/test-certificates.js';
import type { TestBroker, TestBrokerKind } from '../agent/node/transport/test-broker.js';
import { createMosquitto } from './mosquitto-broker.js';
import { findPeer } from './peers.js';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
/** Long enough for what must not arrive. */
const QUIET_MS = 500;

const peer = findPeer('mosquitto');
const stops: (() => unknown)[] = [];

/** The one block of its kind in the README. */
function block(kind: string): string {
  const blocks = [...README.matchAll(new RegExp(`^\`\`\`${kind}\n([^]*?)^\`\`\`$`, 'gm'))];
  if (blocks.length !== 1) throw new Error(`${blocks.length} blocks of ${kind} in the README`);
  return blocks[0]?.[1] ?? '';
}

const NEVER: TestBrokerKind = {
  name: 'none',
  isSkipped: false,
  titleSuffix: '',
  wrongPassword: 'mqtt-not-authorised',
  stranger: 'mqtt-client-certificate-refused',
  seeds: [],
  create: () => Promise.reject(new Error('this test makes its own')),
};
const bench = new MqttBench(NEVER);

describe('the access list of the README', () => {
  afterEach(async () => {
    await bench.dispose();
    for (const stop of stops.splice(0)) await stop();
  });

  it.skipIf(peer.isSkipped)(
    `keeps one device out of another's topics, and lets the operator reach both${peer.titleSuffix}`,
    async () => {
      const authority = await createTestAuthority('lab');
      const own = await authority.issue({ name: 'broker', addresses: ['127.0.0.1'] });
      const broker: TestBroker = await createMosquitto(peer.command(), {
        config: block('conf'),
        files: {
          'acl.conf': block('acl'),
          'ca.pem': authority.certificate,
          'broker.pem': own.certificate,
          'broker.key': own.key,
        },
      });
      stops.push(() => broker.dispose());
      await broker.start();
      const url = broker.url.replace('mqtt:', 'mqtts:');
      const loginAs = async (name: string): Promise<Login> => {
        const { certificate, key } = await authority.issue({ name });
        return { ca: authority.certificate, certificate, key };
      };
      const devices: MqttDevice[] = [];
      for (const name of ['board-1', 'board-2']) {
        devices.push(await bench.device({ url, tls: await loginAs(name) }, { name }).untilUp());
      }
      const operator = await loginAs('operator');
      const asOperator = await bench.raw({ ...broker, url }, nodeTls(operator));
      const statuses = await collect(asOperator, topicsOf('board-1').status);
      await until(() => statuses.length === 1, "the first device's status");
      const answers = await collect(asOperator, topicsOf('board-1').response('theirs'));

      // A second device that went bad: it has its certificate and uses another program.
      const bad = await bench.raw(
        { ...broker, url },
        { ...nodeTls(await loginAs('board-3')), clientId: 'bad' },
      );
      const overheard: string[] = [];
      bad.on('message', (topic) => overheard.push(topic));
      for (const filter of ['#', 'brickproof/board-1/#', topicsOf('board-1').requests]) {
        await bad.subscribeAsync(filter, { qos: 1 });
      }
      const handledBefore = devices[0]?.handled.length;
      const theirs = topicsOf('board-1');
      for (const topic of [theirs.status, theirs.request('theirs'), theirs.response('theirs')]) {
        await bad.publishAsync(topic, Buffer.from('{"state":"offline","version":"0"}'), { qos: 1 });
      }
      for (const device of ['board-1', 'board-2']) {
        const client = await bench.client(url, { tls: operator, device });
        expect(await client.echo(device)).toEqual({ ok: true, value: device });
      }
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      expect(overheard).toEqual([]);
      expect(statuses).toHaveLength(1);
      expect(answers).toEqual([]);
      // One echo of the operator, and nothing of the other's.
      expect(devices[0]?.handled).toHaveLength((handledBefore ?? 0) + 1);
    },
  );
});

interface Login {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

function nodeTls({ ca, certificate, key }: Login): Record<'ca' | 'cert' | 'key', string> {
  return { ca, cert: certificate, key };
}
