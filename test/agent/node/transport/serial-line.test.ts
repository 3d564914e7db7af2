import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  SerialDeframer,
  decodeSmpMessage,
  encodeSerialFrames,
  encodeSmpMessage,
} from '@brickproof/agent';
import type { RequestHandler } from '@brickproof/agent';
import {
  RETRY_DELAY_MS_MAX,
  SERIAL_PRESENCE_INTERVAL_MS,
  SERIAL_SETTINGS_DEFAULT,
  SerialLine,
  WRITE_QUEUE_BYTES_MAX,
} from '@brickproof/agent/node';
import type { SerialLineOptions, SerialSettings } from '@brickproof/agent/node';
import type { Pty } from '@brickproof/harness';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortLink } from '../../../port-link.js';
import { TestDevice } from '../../test-device.js';

const WAIT = { timeout: 10_000, interval: 10 } as const;

let port: PortLink;
let line: SerialLine | undefined;
let events: string[] = [];

beforeEach(() => {
  port = new PortLink();
  events = [];
});

afterEach(async () => {
  await line?.stop();
  line = undefined;
  port.close();
});

interface LineChoices extends Partial<Omit<SerialLineOptions, 'settings'>> {
  readonly settings?: Partial<SerialSettings>;
}

function startLine(choices: LineChoices = {}): SerialLine {
  const device = new TestDevice();
  line = new SerialLine({
    path: port.path,
    handle: (request) => device.server.handle(request),
    maxMessageBytes: 2048,
    lockFolder: port.folder,
    listener: {
      opened: () => events.push('opened'),
      lost: (code) => events.push(code),
      note: (detail) => events.push(`note: ${detail}`),
      console: (bytes) => events.push(`console: ${Buffer.from(bytes).toString()}`),
    },
    ...choices,
    settings: { ...SERIAL_SETTINGS_DEFAULT, ...choices.settings },
  });
  line.start();
  return line;
}

function until(event: string): Promise<void> {
  return expect.poll(() => events, WAIT).toContain(event);
}

function echo(d: string): Uint8Array {
  return encodeSmpMessage({
    version: 2,
    op: 'write',
    group: 0,
    command: 0,
    sequence: 1,
    body: { d },
  });
}

/** What the line sends back: the texts of echoes, in order. */
function echoesOn(pty: Pty): string[] {
  const texts: string[] = [];
  const deframer = new SerialDeframer({ maxMessageBytes: 4096 });
  pty.onData((bytes) => {
    for (const event of deframer.push(bytes)) {
      const message = event.kind === 'message' ? decodeSmpMessage(event.bytes) : undefined;
      const text = message?.ok === true ? message.value.body['r'] : undefined;
      if (typeof text === 'string') texts.push(text);
    }
  });
  return texts;
}

async function expectEcho(pty: Pty, text: string): Promise<void> {
  const texts = echoesOn(pty);
  pty.write(encodeSerialFrames(echo(text)));
  await expect.poll(() => texts, WAIT).toEqual([text]);
}

describe('SerialLine', () => {
  it('answers on a port, and hands on what is typed between the frames', async () => {
    const pty = await port.plugIn();
    startLine();
    await until('opened');
    await expectEcho(pty, 'x'.repeat(500));
    pty.write(Buffer.from('help\n'));
    await until('console: help\n');
    expect(line?.state).toBe('open');
  });

  it('changes no byte, in either direction, on a port that was set up for people', async () => {
    const pty = await port.plugIn();
    execFileSync('stty', ['-F', pty.path, 'sane']);
    const awkward = Buffer.from([0x00, 0x03, 0x0a, 0x0d, 0x11, 0x13, 0x1a, 0x1c, 0x7f, 0xff]);
    let heard = Buffer.alloc(0);
    startLine({
      listener: {
        opened: () => events.push('opened'),
        console: (bytes) => (heard = Buffer.concat([heard, bytes])),
      },
    });
    await until('opened');
    const sent: number[] = [];
    pty.onData((bytes) => sent.push(...bytes));
    pty.write(awkward);
    await expect.poll(() => heard, WAIT).toEqual(awkward);
    line?.print(awkward);
    await expect.poll(() => Buffer.from(sent), WAIT).toEqual(awkward);
  });

  it.each([
    ['9600 baud', { baudRate: 9600 }],
    ['3 M baud', { baudRate: 3_000_000 }],
    ['two wires for flow control', { flow: 'rtscts' }],
    ['two characters for flow control', { flow: 'xonxoff' }],
    ['two stop bits', { stopBits: 2 }],
  ] as const)('sets up %s', async (_, settings) => {
    const pty = await port.plugIn();
    startLine({ settings });
    await until('opened');
    await expectEcho(pty, 'hello');
  });

  it.each([
    ['a speed that there is not', { settings: { baudRate: 12_345 } }, 'serial-settings-refused'],
    // A pty has no parity, and says so.
    ['parity on a port without', { settings: { parity: 'even' } }, 'serial-settings-refused'],
    ['no stty', { sttyCommand: '/no/such/stty' }, 'serial-stty-missing'],
    ['a device that is no port', { path: '/dev/null' }, 'serial-not-a-port'],
    ['a folder', { path: '/dev' }, 'serial-not-a-port'],
    ['a path that is not there', { path: '/dev/no-such-port' }, 'serial-port-missing'],
  ] as const)('tells %s by its code, once, and goes on trying', async (_, choices, code) => {
    await port.plugIn();
    const delays: number[] = [];
    startLine({
      ...choices,
      clock: {
        nowMs: () => performance.now(),
        after: (delayMs, run) => {
          delays.push(delayMs);
          const timer = setTimeout(run, 1);
          return () => {
            clearTimeout(timer);
          };
        },
      },
    });
    await expect.poll(() => delays.length, WAIT).toBeGreaterThan(7);
    expect(events).toEqual([code]);
    expect(delays.slice(0, 7)).toEqual([100, 200, 400, 800, 1600, RETRY_DELAY_MS_MAX, 2000]);
  });

  it('opens a port that comes later', async () => {
    startLine();
    await until('serial-port-missing');
    const pty = await port.plugIn();
    await until('opened');
    await expectEcho(pty, 'late');
  });

  it('goes on after the port was unplugged and plugged in again as another device', async () => {
    const old = await port.plugIn();
    startLine();
    await until('opened');
    old.write(Buffer.from('first\n'));
    old.write(encodeSerialFrames(echo('never whole')).subarray(0, 10));
    await until('console: first\n');
    port.unplug();
    await until('serial-port-lost');
    events = [];
    const pty = await port.plugIn();
    await until('opened');
    // The half frame of before would have swallowed this.
    pty.write(Buffer.from('second\n'));
    await until('console: second\n');
    await expectEcho(pty, 'again');
  });

  it('notices that the path leads elsewhere though the old device is silent', async () => {
    const old = await port.plugIn();
    startLine();
    await until('opened');
    const pty = await port.plugIn();
    await until('serial-port-replaced');
    await expect.poll(() => events.filter((event) => event === 'opened').length, WAIT).toBe(2);
    await expectEcho(pty, 'here');
    old.close();
    expect(SERIAL_PRESENCE_INTERVAL_MS).toBeLessThanOrEqual(1_000);
    expect(line?.state).toBe('open');
  });

  it('frees its descriptors with every port that it loses', async () => {
    startLine();
    const counts: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      events = [];
      await port.plugIn();
      await until('opened');
      port.unplug();
      await until('serial-port-lost');
      await new Promise((resolve) => setImmediate(resolve));
      counts.push(readdirSync('/proc/self/fd').length);
    }
    expect(counts.at(-1)).toBeLessThanOrEqual(counts[1] ?? 0);
  });

  it('does not wait for a reader, drops whole answers beyond its bound, and works on', async () => {
    const pty = await port.plugIn();
    const longest = 2000;
    const handle: RequestHandler = () => echo('y'.repeat(longest));
    startLine({ handle, maxMessageBytes: 2048 });
    await until('opened');
    // Nothing is read from the pty: its reader only starts with the first listener.
    const request = encodeSerialFrames(echo('more'));
    for (let count = 0; count < 100; count += 1) pty.write(request);
    await expect.poll(() => line?.droppedAnswers, WAIT).toBeGreaterThan(0);
    let bytes = 0;
    const deframer = new SerialDeframer({ maxMessageBytes: 4096 });
    const kinds = new Set<string>();
    pty.onData((piece) => {
      bytes += piece.byteLength;
      for (const event of deframer.push(piece)) kinds.add(event.kind);
    });
    await expect.poll(() => bytes, WAIT).toBeGreaterThan(WRITE_QUEUE_BYTES_MAX / 2);
    expect([...kinds]).toEqual(['message']);
  });

  it('lets the last answer leave when it is stopped, and opens nothing afterwards', async () => {
    const pty = await port.plugIn();
    const texts = echoesOn(pty);
    const device = new TestDevice();
    startLine({
      handle: (request) => {
        void line?.stop();
        return device.server.handle(request);
      },
    });
    await until('opened');
    pty.write(encodeSerialFrames(echo('last')));
    await expect.poll(() => texts.length, WAIT).toBe(1);
    await line?.stop();
    expect(line?.state).toBe('stopped');
    expect(readdirSync(port.folder)).toEqual(['usb-board-if00']);
  });
});

describe('the lock of a serial line', () => {
  function lockFile(pty: Pty): string {
    return join(port.folder, `LCK..${pty.path.replace('/dev/', '').replaceAll('/', '_')}`);
  }

  it('is there while the port is open, and names this process', async () => {
    const pty = await port.plugIn();
    startLine();
    await until('opened');
    expect(readFileSync(lockFile(pty), 'latin1')).toBe(`${String(process.pid).padStart(10)}\n`);
    await line?.stop();
    expect(existsSync(lockFile(pty))).toBe(false);
  });

  it('keeps away from a port that a living process has, until that has ended', async () => {
    const pty = await port.plugIn();
    const other = spawn('sleep', ['60']);
    writeFileSync(lockFile(pty), `${String(other.pid).padStart(10)}\n`);
    startLine();
    await until('serial-busy');
    expect(line?.state).not.toBe('open');
    other.kill('SIGKILL');
    await until('opened');
    expect(readFileSync(lockFile(pty), 'latin1')).toContain(String(process.pid));
  });

  it.each([
    ['of a dead process, as text', Buffer.from(`${String(4_194_303).padStart(10)}\n`)],
    ['of a dead process, as bytes', Buffer.from(Int32Array.of(4_194_303).buffer)],
    ['that names nobody', Buffer.from('rubbish')],
    ['left by one that had our number', Buffer.from(`${String(process.pid).padStart(10)}\n`)],
  ])('is taken over when it is one %s', async (_, content) => {
    const pty = await port.plugIn();
    writeFileSync(lockFile(pty), content);
    startLine();
    await until('opened');
    expect(readFileSync(lockFile(pty), 'latin1')).toContain(String(process.pid));
    expect(readdirSync(port.folder).filter((name) => /new|stale/.test(name))).toEqual([]);
  });

  it.each([
    ['is missing', 'missing'],
    ['is no folder', 'usb-board-if00'],
    ['may not be written', '../../proc/self'],
  ])('is done without, with a note, where its folder %s', async (_, folder) => {
    const pty = await port.plugIn();
    startLine({ lockFolder: join(port.folder, folder) });
    await until('opened');
    expect(events.filter((event) => event.startsWith('note: '))).toHaveLength(1);
    await expectEcho(pty, 'unlocked');
  });
});
