import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEVICE_CONFIG_SCHEMA, loadDeviceConfig } from '@brickproof/agent/node';
import type { DeviceConfig } from '@brickproof/agent/node';
import { afterAll, describe, expect, it } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../../../agent/board/device.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'brickproof-config-'));
const FILE = join(folder, 'device.yaml');

const SMALLEST = `device: { name: board-1 }
slots:
  primary: { path: slot0.img }
  secondary: { path: slot1.img }
  size: 1MiB
trust: { keys: [key.pem] }
store: { folder: store }
links:
  udp: {}
`;

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function load(text: string): ReturnType<typeof loadDeviceConfig> {
  writeFileSync(FILE, text);
  return loadDeviceConfig(FILE);
}

function mustLoad(text: string): DeviceConfig {
  const config = load(text);
  if (!config.ok) throw new Error(config.detail);
  return config.value;
}

/** Every key of a schema, as it is written in the file. */
function keysOf(schema: object): readonly string[] {
  const shape = schema as {
    readonly entries?: Record<string, object>;
    readonly wrapped?: object;
    readonly item?: object;
  };
  const inner = [shape.wrapped, shape.item].filter((one) => one !== undefined).flatMap(keysOf);
  return Object.entries(shape.entries ?? {}).reduce<readonly string[]>(
    (keys, [key, entry]) => [...keys, key, ...keysOf(entry)],
    inner,
  );
}

describe('device.yaml', () => {
  it('may be short: all else has a default', () => {
    expect(mustLoad(SMALLEST)).toEqual({
      device: { name: 'board-1', hardware: 'linux' },
      slots: {
        strategy: 'direct-xip',
        primary: { path: join(folder, 'slot0.img'), address: 0 },
        secondary: { path: join(folder, 'slot1.img'), address: 0 },
        sizeBytes: 1024 * 1024,
        sectorSizeBytes: 128 * 1024,
        writeAlignBytes: 8,
      },
      trust: { keyFiles: [join(folder, 'key.pem')], securityCounter: 'required' },
      store: { folder: join(folder, 'store') },
      boot: {
        stateFile: '/run/brickproof/boot.json',
        bootIdFile: '/proc/sys/kernel/random/boot_id',
        reboot: ['systemctl', 'reboot'],
      },
      trial: { settleMs: 10_000, timeoutMs: 300_000, confirm: 'self-test' },
      selfTest: undefined,
      links: {
        serial: undefined,
        mqtt: undefined,
        udp: { bind: '127.0.0.1', port: 1337, bufferSizeBytes: 1472, bufferCount: 4 },
      },
    });
  });

  it('has an example that can be loaded and leaves no key unexplained', () => {
    const config = loadDeviceConfig(EXAMPLE);
    expect(config).toMatchObject({ ok: true });
    const keys = new Set(keysOf(DEVICE_CONFIG_SCHEMA));
    expect(keys.size).toBeGreaterThan(40);
    const text = readFileSync(EXAMPLE, 'utf8');
    expect([...keys].filter((key) => !new RegExp(`^.*\\b${key}:`, 'm').test(text))).toEqual([]);
  });

  it('says in its example what the defaults are', () => {
    const text = readFileSync(EXAMPLE, 'utf8');
    const told = [...text.matchAll(/# (?:.* )?default: (.+)\n(?:\s*#.*\n)*/g)];
    expect(told.length).toBeGreaterThan(20);
  });

  it.each([
    ['an unknown key', ['size: 1MiB', 'size: 1MiB\n  sise: 1'], '6:3: "slots.sise" is not a known'],
    [
      'a size in other units',
      ['1MiB', '1MB'],
      '5:3: "slots.size" is "1MB", expected a size such as',
    ],
    ['a size that is no multiple', ['1MiB', '1000000'], '5:3: "slots.size" (1000000 bytes) is no'],
    [
      'no keys',
      ['[key.pem]', '[]'],
      '6:10: "trust.keys" is a list of 0, expected at least one key',
    ],
    ['one path for both slots', ['slot1', 'slot0'], '4:16: both slots have the same path'],
    ['no link', ['links:\n  udp: {}', 'links: {}'], '8:1: "links" names no way to the device'],
    [
      'a trial that cannot end well',
      ['links:', 'trial: { settle: 10s, timeout: 5s }\nlinks:'],
      '8:23: "trial.timeout" must be longer than settle',
    ],
    [
      'a time without a unit',
      ['links:', 'trial: { settle: 10 }\nlinks:'],
      '8:10: "trial.settle" is 10, expected a time such as',
    ],
    [
      'a certificate without its key',
      ['  udp: {}', '  mqtt: { url: "mqtts://b:8883", certificate: c.pem }'],
      '9:3: "links.mqtt" needs certificate and key together',
    ],
    [
      'certificates without encryption',
      ['  udp: {}', '  mqtt: { url: "mqtt://b:1883", ca: c.pem }'],
      '9:11: "links.mqtt.url" is not encrypted',
    ],
    [
      'a password without a user',
      ['  udp: {}', '  mqtt: { url: "mqtts://b", password-file: p }'],
      '9:29: "links.mqtt.password-file" needs a username',
    ],
    [
      'an address of another kind',
      ['  udp: {}', '  mqtt: { url: "http://b" }'],
      '9:11: "links.mqtt.url" is "http://b", expected a broker, written mqtts://HOST:PORT',
    ],
    [
      'a port out of range',
      ['udp: {}', 'udp: { port: 70000 }'],
      '9:10: "links.udp.port" is 70000, expected at most 65535',
    ],
  ] as const)('is refused with %s, naming the line', (_, [from, to], expected) => {
    expect(SMALLEST).toContain(from);
    const refused = load(SMALLEST.replace(from, to));
    expect(refused).toMatchObject({ ok: false, code: 'config-invalid' });
    const detail = refused.ok ? '' : refused.detail;
    expect(detail.split('\n')).toHaveLength(1);
    expect(detail).toContain(`${FILE}:${expected}`);
  });

  it('that is not there is told with what to do', () => {
    const refused = loadDeviceConfig(join(folder, 'nowhere.yaml'));
    expect(refused).toMatchObject({ ok: false, code: 'config-unreadable' });
    expect(refused.ok ? '' : refused.detail).toMatch(/there is no such file.*--config/);
  });
});
