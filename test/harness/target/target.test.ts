import { describe, expect, it } from 'vitest';
import { formatTarget, parseTarget } from '@brickproof/harness';

describe('parseTarget', () => {
  it.each([
    ['sim', { kind: 'sim' }],
    ['serial:/dev/ttyACM0', { kind: 'serial', path: '/dev/ttyACM0', baudRate: 115_200 }],
    ['serial:/dev/ttyS1?baud=921600', { kind: 'serial', path: '/dev/ttyS1', baudRate: 921_600 }],
    [
      'serial:/dev/ttyS1?flow=none&parity=none&stop=1',
      { kind: 'serial', path: '/dev/ttyS1', baudRate: 115_200 },
    ],
    [
      'serial:/dev/ttyS1?stop=2&reconnect=10s',
      {
        kind: 'serial',
        path: '/dev/ttyS1',
        baudRate: 115_200,
        stopBits: 2,
        reconnectMs: 10_000,
      },
    ],
    ['serial:COM3', { kind: 'serial', path: 'COM3', baudRate: 115_200 }],
    ['tcp:localhost:4000', { kind: 'tcp', host: 'localhost', port: 4000 }],
    ['tcp://10.0.0.7:1', { kind: 'tcp', host: '10.0.0.7', port: 1 }],
    ['udp:[fe80::1]:1337', { kind: 'udp', host: 'fe80::1', port: 1337 }],
    ['udp:board.local', { kind: 'udp', host: 'board.local', port: 1337 }],
    [
      'mqtt://broker:1884/board-1',
      { kind: 'mqtt', isTls: false, host: 'broker', port: 1884, device: 'board-1' },
    ],
    ['mqtt:broker/a', { kind: 'mqtt', isTls: false, host: 'broker', port: 1883, device: 'a' }],
    [
      'mqtts://broker/board-1',
      { kind: 'mqtt', isTls: true, host: 'broker', port: 8883, device: 'board-1' },
    ],
  ])('reads %s', (text, spec) => {
    expect(parseTarget(text)).toEqual({ ok: true, value: spec });
  });

  it.each([
    ['', 'write sim, serial:'],
    ['simulator', 'write sim, serial:'],
    ['ftp:host:21', 'write sim, serial:'],
    ['serial:', 'write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?baud=fast', 'write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?baud=0', 'write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?parity=mark', 'none, even or odd; write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?flow=yes', 'none, rtscts or xonxoff; write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?stop=3', '1 or 2; write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?reconnect=10', 'such as 10s; write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?reconnect=2h', 'at most 1h'],
    ['serial:/dev/ttyS0?baud=9600&baud=115200', '"baud" stands there twice'],
    ['serial:/dev/ttyS0?speed=9600', 'no option "speed"; write serial:/dev/ttyACM0'],
    ['serial:/dev/ttyS0?baud=9600&', 'no option ""'],
    ['tcp:host', 'write tcp:HOST:PORT'],
    ['tcp:host:0', 'write tcp:HOST:PORT'],
    ['tcp:host:65536', 'write tcp:HOST:PORT'],
    ['tcp::80', 'write tcp:HOST:PORT'],
    ['udp:fe80::1:1337', 'write udp:HOST:PORT'],
    ['mqtt://broker:1883', 'write mqtts://HOST:PORT/DEVICE'],
    ['mqtt://broker:1883/', 'write mqtts://HOST:PORT/DEVICE'],
    ['mqtt://broker:1883/+', 'write mqtts://HOST:PORT/DEVICE'],
    ['mqtt://broker:1883/a/b', 'write mqtts://HOST:PORT/DEVICE'],
    ['x'.repeat(5000), 'at most 1024 characters'],
  ])('refuses %j and names the right form', (text, form) => {
    const verdict = parseTarget(text);
    expect(verdict).toMatchObject({ ok: false, code: 'target-malformed' });
    expect(verdict).toHaveProperty('detail', expect.stringContaining(form));
  });
});

describe('formatTarget', () => {
  it.each([
    'sim',
    'serial:/dev/ttyACM0?baud=9600',
    'serial:/dev/serial/by-id/usb-x-if00?baud=921600&flow=rtscts&parity=odd&stop=2&reconnect=90s',
    'serial:/dev/ttyS0?baud=3000000&flow=xonxoff&parity=even&reconnect=0ms',
    'serial:/dev/ttyS0?baud=50&reconnect=2min',
    'tcp:[::1]:4000',
    'udp:host:1337',
    'mqtt://broker:1883/board-1',
  ])('writes %s as it was read', (text) => {
    const verdict = parseTarget(text);
    expect(verdict.ok && formatTarget(verdict.value)).toBe(text);
  });
});
