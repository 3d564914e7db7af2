import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedBroker } from '@brickproof/harness';
import type { EmbeddedBroker } from '@brickproof/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MqttBench, DEVICE } from '../../agent/node/transport/mqtt-bench.js';
import { EMBEDDED } from '../../agent/node/transport/test-broker.js';
import { createTestAuthority } from '../../agent/node/transport/test-certificates.js';
import { runCli } from './run-cli.js';
import { removeFolder } from '../../remove-folder.js';

const bench = new MqttBench(EMBEDDED);
let broker: EmbeddedBroker;
let folder: string;
let target: string;
let files: Readonly<Record<'ca' | 'cert' | 'key', string>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-mqtt-'));
  const authority = await createTestAuthority('lab');
  const own = await authority.issue({ name: 'broker', hosts: ['broker.example'] });
  const operator = await authority.issue({ name: 'operator' });
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  files = {
    ca: write('ca.pem', authority.certificate),
    cert: write('operator.pem', operator.certificate),
    key: write('operator.key', operator.key),
  };
  broker = await startEmbeddedBroker({
    tls: { ...own, clientCa: authority.certificate },
    users: new Map([['operator', 'right']]),
  });
  target = `${broker.url}/${DEVICE}`;
  const tls = { ca: authority.certificate, ...operator, serverName: 'broker.example' };
  const login = { url: broker.url, tls, username: 'operator', password: 'right' };
  await bench.device(login).untilUp();
});

afterAll(async () => {
  await bench.dispose();
  await broker.close();
  removeFolder(folder);
});

function echo(
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  to = target,
): ReturnType<typeof runCli> {
  return runCli(['--json', 'smp', '-t', to, ...flags, 'echo', 'hello'], environment);
}

const NAME = ['--mqtt-server-name', 'broker.example'];
const PASSWORD = { BRICKPROOF_MQTT_PASSWORD: 'right' };

describe('the flags for a broker', () => {
  it('reach a broker that asks for everything', async () => {
    const { ca, cert, key } = files;
    const tls = ['--mqtt-ca', ca, '--mqtt-cert', cert, '--mqtt-key', key, ...NAME];
    const run = await echo([...tls, '--mqtt-username', 'operator'], PASSWORD);
    expect(JSON.parse(run.stdout)).toMatchObject({ ok: true, text: 'hello' });
    expect(run.status).toBe(0);
  });

  it('may stand in the environment', async () => {
    const run = await echo(NAME, {
      ...PASSWORD,
      BRICKPROOF_MQTT_CA: files.ca,
      BRICKPROOF_MQTT_CERT: files.cert,
      BRICKPROOF_MQTT_KEY: files.key,
      BRICKPROOF_MQTT_USERNAME: 'operator',
    });
    expect(run.status).toBe(0);
  });

  it('reach a device under another prefix', async () => {
    const plain = await startEmbeddedBroker();
    try {
      const device = bench.device({ url: plain.url }, { prefix: 'lab' });
      await device.untilUp();
      const to = `${plain.url}/${DEVICE}`;
      expect((await echo(['--mqtt-prefix', 'lab'], {}, to)).status).toBe(0);
      expect((await echo([], { BRICKPROOF_MQTT_PREFIX: 'lab' }, to)).status).toBe(0);
      expect((await echo(['--mqtt-prefix', 'a/b'], {}, to)).status).toBe(2);
    } finally {
      await plain.close();
    }
  });

  it.each([
    ['a CA that is not there', ['--mqtt-ca', 'no/such/ca.pem'], 'file-unreadable', 2],
    ['a certificate without its key', ['--mqtt-cert', 'CERT'], 'target-credentials-malformed', 2],
    ['nobody to trust', NAME, 'target-untrusted', 3],
    ['another host than expected', ['--mqtt-ca', 'CA'], 'target-untrusted', 3],
    ['no certificate of ours', ['--mqtt-ca', 'CA', ...NAME], 'target-access-denied', 3],
  ])('end with one line for %s', async (_what, flags, code, status) => {
    const named = flags.map((flag) =>
      flag === 'CA' ? files.ca : flag === 'CERT' ? files.cert : flag,
    );
    const run = await echo(named);
    expect(JSON.parse(run.stdout)).toMatchObject({ ok: false, code });
    expect(run.status).toBe(status);
  });

  it('send nothing in the clear over a network unless they say so', async () => {
    const to = `mqtt://192.0.2.1:1/${DEVICE}`;
    const refused = await echo([], {}, to);
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'target-plaintext-refused' });
    expect(refused.status).toBe(2);
    const board = await runCli(['--json', 'board', '--mqtt', 'mqtt://192.0.2.1:1']);
    expect(board.status).toBe(2);
  });
});
