import type { MqttProblemCode, MqttTlsOptions } from '@brickproof/agent/node';
import type { TargetRejectCode } from '@brickproof/harness';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MqttBench, until } from './mqtt-bench.js';
import { createTestAuthority } from './test-certificates.js';
import type { TestAuthority, TestIdentity } from './test-certificates.js';
import type { TestBroker, TestBrokerKind } from './test-broker.js';

/** Long enough for a second try, which must not be told of again. */
const QUIET_MS = 200;
const HOST = { name: 'broker', hosts: ['localhost'], addresses: ['127.0.0.1'] };

interface Identities {
  readonly authority: TestAuthority;
  readonly other: TestAuthority;
  readonly broker: TestIdentity;
  readonly device: TestIdentity;
  readonly stranger: TestIdentity;
}

async function createIdentities(): Promise<Identities> {
  const [authority, other] = await Promise.all([
    createTestAuthority('lab'),
    createTestAuthority('elsewhere'),
  ]);
  return {
    authority,
    other,
    broker: await authority.issue(HOST),
    device: await authority.issue({ name: 'board-1' }),
    stranger: await other.issue({ name: 'board-1' }),
  };
}

interface RefusedCase {
  readonly title: string;
  readonly code: MqttProblemCode;
  readonly target: TargetRejectCode;
  readonly broker?: (identities: Identities) => Promise<TestIdentity>;
  readonly tls: (identities: Identities) => MqttTlsOptions;
}

const knows = ({ authority, device }: Identities): MqttTlsOptions => ({
  ca: authority.certificate,
  ...device,
});

const REFUSED: readonly RefusedCase[] = [
  {
    title: 'an unknown CA',
    code: 'mqtt-certificate-untrusted',
    target: 'target-untrusted',
    tls: ({ other, device }) => ({ ca: other.certificate, ...device }),
  },
  {
    title: 'no CA at all',
    code: 'mqtt-certificate-untrusted',
    target: 'target-untrusted',
    tls: ({ device }) => device,
  },
  {
    title: 'an expired broker certificate',
    code: 'mqtt-certificate-expired',
    target: 'target-untrusted',
    broker: ({ authority }) => authority.issue({ ...HOST, validFrom: -2, validUntil: -1 }),
    tls: knows,
  },
  {
    title: 'a broker certificate of tomorrow',
    code: 'mqtt-certificate-not-yet-valid',
    target: 'target-untrusted',
    broker: ({ authority }) => authority.issue({ ...HOST, validFrom: 1, validUntil: 2 }),
    tls: knows,
  },
  {
    title: 'a broker certificate for another host',
    code: 'mqtt-certificate-wrong-host',
    target: 'target-untrusted',
    broker: ({ authority }) => authority.issue({ name: 'broker', hosts: ['broker.example'] }),
    tls: knows,
  },
  {
    title: 'a client without a certificate',
    code: 'mqtt-client-certificate-refused',
    target: 'target-access-denied',
    tls: ({ authority }) => ({ ca: authority.certificate }),
  },
];

/** Whom both ends trust, whatever broker is between them. */
export function describeTls(kind: TestBrokerKind): void {
  const bench = new MqttBench(kind);
  let identities: Identities;
  beforeAll(async () => {
    identities = await createIdentities();
  });
  afterEach(() => bench.dispose());
  const startBroker = (own: TestIdentity): Promise<TestBroker> =>
    bench.broker({ tls: { ...own, clientCa: identities.authority.certificate } });

  describe(`over TLS to ${kind.name}`, () => {
    it.skipIf(kind.isSkipped)(
      `both ends know each other by their certificates${kind.titleSuffix}`,
      async () => {
        const broker = await startBroker(identities.broker);
        const tls = knows(identities);
        expect(broker.url).toMatch(/^mqtts:/);
        const device = await bench.device({ url: broker.url, tls }).untilUp();
        const client = await bench.client(broker.url, { tls });
        expect(await client.echo('secret')).toEqual({ ok: true, value: 'secret' });
        expect(device.codes).toEqual([]);
      },
    );

    it.skipIf(kind.isSkipped)(
      `a broker that is reached by another name is known by the one it should have${kind.titleSuffix}`,
      async () => {
        const own = await identities.authority.issue({ name: 'b', hosts: ['broker.example'] });
        const broker = await startBroker(own);
        const tls = { ...knows(identities), serverName: 'broker.example' };
        await bench.device({ url: broker.url, tls }).untilUp();
      },
    );

    it.skipIf(kind.isSkipped)(
      `a client with a certificate from elsewhere is not let in${kind.titleSuffix}`,
      async () => {
        const broker = await startBroker(identities.broker);
        const tls = { ca: identities.authority.certificate, ...identities.stranger };
        const device = bench.device({ url: broker.url, tls });
        await until(() => device.problems.length > 0, 'told');
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        expect(device.codes[0]).toBe(kind.stranger);
        expect(device.states).toEqual([]);
        expect(await bench.open(broker.url, { tls })).toMatchObject({ ok: false });
      },
    );

    it.skipIf(kind.isSkipped).each(REFUSED)(
      `refuses $title, once, and tries again${kind.titleSuffix}`,
      async (refused) => {
        const own = await (refused.broker?.(identities) ?? identities.broker);
        const broker = await startBroker(own);
        const tls = refused.tls(identities);
        const device = bench.device({ url: broker.url, tls });
        await until(() => device.problems.length > 0, 'told');
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        expect(device.codes).toEqual([refused.code]);
        expect(device.session.state).toBe('down');
        const opened = await bench.open(broker.url, { tls });
        expect(opened).toMatchObject({ ok: false, code: refused.target });
      },
    );
  });
}
