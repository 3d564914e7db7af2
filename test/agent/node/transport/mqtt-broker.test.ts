import { describeMqttBroker } from '@brickproof/agent/node';
import type { MqttBrokerOptions, MqttBrokerRejectCode } from '@brickproof/agent/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTestAuthority } from './test-certificates.js';
import type { TestIdentity } from './test-certificates.js';

let own: TestIdentity;
let other: TestIdentity;

beforeAll(async () => {
  const authority = await createTestAuthority('lab');
  own = await authority.issue({ name: 'a' });
  other = await authority.issue({ name: 'b' });
});

describe('describeMqttBroker', () => {
  it.each([
    ['mqtts://broker.example', 'mqtts://broker.example:8883'],
    ['mqtts://10.0.0.7:1/', 'mqtts://10.0.0.7:1'],
    ['mqtt://127.0.0.1', 'mqtt://127.0.0.1:1883'],
    ['mqtt://127.9.9.9:5', 'mqtt://127.9.9.9:5'],
    ['mqtt://localhost:5', 'mqtt://localhost:5'],
    ['mqtt://[::1]:5', 'mqtt://[::1]:5'],
  ])('takes %s', (url, name) => {
    expect(describeMqttBroker({ url })).toMatchObject({ ok: true, value: { name } });
  });

  it('sends nothing in the clear over a network unless that is allowed', () => {
    for (const host of [
      '10.0.0.7',
      'broker.example',
      '127.example',
      'localhost.example',
      '[::2]',
    ]) {
      const url = `mqtt://${host}:1883`;
      expect(describeMqttBroker({ url })).toMatchObject({ code: 'mqtt-plaintext-refused' });
      expect(describeMqttBroker({ url, plaintext: 'allowed' })).toMatchObject({ ok: true });
    }
  });

  const cases: readonly [string, () => Omit<MqttBrokerOptions, 'url'>, MqttBrokerRejectCode][] = [
    ['a password without a user', () => ({ password: 'x' }), 'mqtt-credentials-malformed'],
    [
      'a certificate without its key',
      () => ({ tls: { certificate: own.certificate } }),
      'mqtt-credentials-malformed',
    ],
    [
      'a key without its certificate',
      () => ({ tls: { key: own.key } }),
      'mqtt-credentials-malformed',
    ],
    [
      "another's key",
      () => ({ tls: { certificate: own.certificate, key: other.key } }),
      'mqtt-credentials-malformed',
    ],
    ['a CA that is no PEM', () => ({ tls: { ca: 'ca.pem' } }), 'mqtt-credentials-malformed'],
    [
      'a CA that only looks like PEM',
      () => ({ tls: { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' } }),
      'mqtt-credentials-malformed',
    ],
    [
      'an address as the server name',
      () => ({ tls: { serverName: '10.0.0.7' } }),
      'mqtt-credentials-malformed',
    ],
  ];
  it.each(cases)('refuses %s', (_what, options, code) => {
    const verdict = describeMqttBroker({ url: 'mqtts://broker.example', ...options() });
    expect(verdict).toMatchObject({ ok: false, code });
  });

  it.each(['', 'broker', 'http://broker', 'mqtts://', 'mqtts://a b', 'mqtts://a:0', 'mqtts://a/b'])(
    'refuses %j as an address',
    (url) => {
      expect(describeMqttBroker({ url })).toMatchObject({ code: 'mqtt-broker-malformed' });
    },
  );

  it('does not repeat a password that somebody wrote into the address', () => {
    const verdict = describeMqttBroker({ url: 'mqtts://user:secret@broker' });
    expect(verdict).toMatchObject({ ok: false, code: 'mqtt-broker-malformed' });
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });
});
