import {
  MQTT_NAME_LENGTH_MAX,
  MQTT_STATUS_BYTES_MAX,
  createMqttTopics,
  decodeMqttStatus,
  encodeMqttStatus,
  isMqttName,
} from '@brickproof/agent';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const ADDRESS = { prefix: 'lab', device: 'dev-1' };

describe('the MQTT topics', () => {
  it('are the same for the device and its clients', () => {
    const topics = createMqttTopics(ADDRESS);
    if (!topics.ok) throw new Error(topics.detail);
    expect(topics.value.status).toBe('lab/dev-1/status');
    expect(topics.value.requests).toBe('lab/dev-1/smp/request/+');
    expect(topics.value.request('s1')).toBe('lab/dev-1/smp/request/s1');
    expect(topics.value.response('s1')).toBe('lab/dev-1/smp/response/s1');
    expect(topics.value.sessionOf(topics.value.request('s1'))).toBe('s1');
  });

  it.each([
    'lab/dev-1/smp/request/',
    'lab/dev-1/smp/request/a/b',
    'lab/dev-1/smp/request/+',
    'lab/dev-1/smp/response/s1',
    'lab/dev-2/smp/request/s1',
    'lab/dev-1/status',
    '',
    `lab/dev-1/smp/request/${'x'.repeat(MQTT_NAME_LENGTH_MAX + 1)}`,
  ])('have no session in %s', (topic) => {
    const topics = createMqttTopics(ADDRESS);
    expect(topics.ok && topics.value.sessionOf(topic)).toBeUndefined();
  });

  it.each(['', 'a+b', '#', 'a/b', 'a\0b', '$SYS', 'a\nb', '\ud800', 'x'.repeat(65)])(
    'are refused for the name %j',
    (name) => {
      expect(isMqttName(name)).toBe(false);
      const code = 'mqtt-name-invalid';
      expect(createMqttTopics({ ...ADDRESS, prefix: name })).toMatchObject({ code });
      expect(createMqttTopics({ ...ADDRESS, device: name })).toMatchObject({ code });
      const topics = createMqttTopics(ADDRESS);
      expect(() => topics.ok && topics.value.request(name)).toThrow(RangeError);
      expect(() => topics.ok && topics.value.response(name)).toThrow(RangeError);
    },
  );

  it.each(['a', 'dev-1', 'a$b', 'größe', 'x'.repeat(64), '設備'])('take the name %s', (name) => {
    expect(isMqttName(name)).toBe(true);
  });
});

describe('the MQTT status', () => {
  it('comes back as it was sent, in ASCII', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('online', 'offline'),
        fc.string({ maxLength: 50 }),
        (state, version) => {
          const bytes = encodeMqttStatus({ state, version });
          expect(bytes.every((byte) => byte >= 0x20 && byte < 0x7f)).toBe(true);
          expect(decodeMqttStatus(bytes)).toEqual({ ok: true, value: { state, version } });
        },
      ),
    );
    expect(Buffer.from(encodeMqttStatus({ state: 'online', version: '1.0' })).toString()).toBe(
      '{"state":"online","version":"1.0"}',
    );
  });

  it.each(['', 'null', '7', '[]', '{}', '{"state":"on","version":"1"}', '{"state":"online"}', '{'])(
    'is refused for %s',
    (json) => {
      expect(decodeMqttStatus(Buffer.from(json))).toMatchObject({ code: 'mqtt-status-malformed' });
    },
  );

  it('is refused when it is too long', () => {
    const status = encodeMqttStatus({
      state: 'online',
      version: 'x'.repeat(MQTT_STATUS_BYTES_MAX),
    });
    expect(decodeMqttStatus(status)).toMatchObject({ code: 'mqtt-status-malformed' });
  });
});
