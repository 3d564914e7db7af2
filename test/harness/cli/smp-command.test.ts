import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SerialLink } from '@brickproof/agent';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../../agent/test-device.js';
import { PortLink } from '../../port-link.js';
import { runCli } from './run-cli.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 40_000);

let device: TestDevice;
let server: Server;
let target: string;
let folder: string;
let image: string;
const sockets = new Set<Socket>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
  image = join(folder, 'next.bin');
  writeFileSync(image, NEXT.bytes);
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const link = new SerialLink({
      handle: (request) => device.server.handle(request),
      maxMessageBytes: 2048,
    });
    socket.on('data', (bytes) => {
      for (const answer of link.receive(bytes).answers) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  target = `tcp:127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});

beforeEach(() => {
  device = new TestDevice({ slotRuns: [{ count: 16, sizeBytes: 4096 }] }).program(0, RUNNING);
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('brickproof smp on a serial port', () => {
  it('says that the port is gone and back, and finishes the upload', async () => {
    const port = new PortLink();
    let isUnplugged = false;
    const plugIn = async (): Promise<void> => {
      const pty = await port.plugIn();
      const link = new SerialLink({
        handle: (request) => device.server.handle(request),
        maxMessageBytes: 2048,
      });
      let requests = 0;
      pty.onData((bytes) => {
        for (const answer of link.receive(bytes).answers) {
          requests += 1;
          if (requests === 8 && !isUnplugged) {
            isUnplugged = true;
            port.unplug();
            setTimeout(() => void plugIn(), 400);
            return;
          }
          pty.write(answer);
        }
      });
    };
    await plugIn();
    const run = await runCli(['smp', 'image', 'upload', image, '-t', `serial:${port.path}`]);
    port.close();
    expect(run.stderr).toContain(`${port.path}?baud=115200 is gone; waiting`);
    expect(run.stderr).toContain(`${port.path}?baud=115200 is back`);
    expect(run.status).toBe(0);
    expect(Buffer.from(device.slotBytes(1)).subarray(0, NEXT.bytes.byteLength)).toEqual(
      Buffer.from(NEXT.bytes),
    );
  });
});

describe('brickproof smp', () => {
  it('echoes, with the target as a flag before or after the verb, or from the environment', async () => {
    const runs = await Promise.all([
      runCli(['smp', '--target', target, 'echo', 'hello']),
      runCli(['smp', 'echo', 'hello', '-t', target]),
      runCli(['smp', 'echo', 'hello'], { BRICKPROOF_TARGET: target }),
    ]);
    for (const run of runs) expect(run).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
  });

  it('prints one JSON object and nothing else with --json, wherever the flag stands', async () => {
    const runs = await Promise.all([
      runCli(['--json', 'smp', '-t', target, 'params']),
      runCli(['smp', '-t', target, 'params', '--json']),
    ]);
    for (const run of runs) {
      expect(run.status).toBe(0);
      expect(run.stderr).toBe('');
      expect(JSON.parse(run.stdout)).toEqual({ ok: true, bufSizeBytes: 2048, bufCount: 4 });
    }
  });

  it('prints info, bootloader, clock and slots for people', async () => {
    const say = async (...verb: string[]): Promise<string> =>
      (await runCli(['smp', '-t', target, ...verb])).stdout;
    expect(await say('info')).toContain('Brickproof');
    expect(await say('bootloader')).toContain('direct-xip-with-revert');
    expect(await say('datetime', '2026-03-01T12:00:00')).toContain('2026-03-01T12:00:00');
    expect(await say('last-update')).toBe('none\n');
    expect(await say('image', 'slots')).toMatch(/^0 +1 +64 KiB/m);
  });

  it('uploads, tests and confirms by file or hash, and lists the images', async () => {
    const uploaded = await runCli(['smp', '-t', target, 'image', 'upload', image, '--json']);
    expect(uploaded.status).toBe(0);
    expect(JSON.parse(uploaded.stdout)).toMatchObject({
      ok: true,
      bytes: NEXT.bytes.byteLength,
      resumedFrom: 0,
      match: true,
    });
    const tested = await runCli(['smp', '-t', target, 'image', 'test', image]);
    expect(tested.stdout).toMatch(new RegExp(`1\\.1\\.0 +pending +${hex(NEXT.hash)}`));
    const last = await runCli(['smp', '-t', target, '--json', 'last-update']);
    expect(JSON.parse(last.stdout)).toEqual({ ok: true, state: 'marked', hash: hex(NEXT.hash) });
    device.restart();
    const listed = await runCli(['smp', '-t', target, '--json', 'image', 'list']);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      ok: true,
      images: [
        { slot: 0, version: '1.0.0', hash: hex(RUNNING.hash), active: true, confirmed: true },
        { slot: 1, version: '1.1.0', hash: hex(NEXT.hash), pending: true },
      ],
    });
  });

  it('resets, by force if told', async () => {
    const run = await runCli(['smp', '-t', target, 'reset', '--force']);
    expect(run.status).toBe(0);
    expect(device.resets).toEqual([{ force: true, bootMode: 0 }]);
  });

  it('ends with 1 when the device refuses, with its numbers in JSON', async () => {
    const refused = await runCli(['smp', '-t', target, 'image', 'test', hex(RUNNING.hash)]);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^brickproof: the device refused: [^\n]+\n$/);
    const asJson = await runCli(['smp', '-t', target, 'image', 'test', hex(NEXT.hash), '--json']);
    expect(asJson.status).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      ok: false,
      code: 'smp-device-refused',
      group: 1,
      rc: 8,
    });
  });

  it.each([
    ['nothing that listens', ['-t', 'tcp:127.0.0.1:1', 'echo', 'x']],
    ['a port that is not there', ['-t', 'serial:/dev/no-such-port', 'echo', 'x']],
    ['a broker that is not there', ['-t', 'mqtt://127.0.0.1:1/board', 'echo', 'x']],
    [
      'a device that does not answer',
      ['-t', 'udp:127.0.0.1:9', '--timeout', '20', '--retries', '1', 'echo', 'x'],
    ],
  ])('ends with 3, and one line, for %s', async (_, args) => {
    const run = await runCli(['smp', ...args]);
    expect(run).toMatchObject({ status: 3, stdout: '' });
    expect(run.stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(run.stderr).not.toContain('    at ');
  });

  it.each([
    ['no target', ['smp', 'echo', 'x']],
    ['a malformed target', ['smp', '-t', 'tcp:nowhere', 'echo', 'x']],
    ['an unknown verb', ['smp', 'explode']],
    ['an unknown flag', ['smp', 'echo', 'x', '--loud']],
    ['a missing argument', ['smp', 'image', 'upload']],
    ['too many arguments', ['smp', 'image', 'list', 'everything']],
    ['a flag that is no number', ['smp', '-t', 'udp:h', '--timeout', 'soon', 'echo', 'x']],
    ['a slot that is no number', ['smp', '-t', 'udp:h', 'image', 'erase', 'all']],
    ['a file that is not there', ['smp', '-t', 'udp:h', 'image', 'upload', '/no/such/file']],
    ['a folder', ['smp', '-t', 'udp:h', 'image', 'upload', '/']],
    ['a hash that is none', ['smp', '-t', 'udp:h', 'image', 'test', '0123']],
  ])('ends with 2, and one line, for %s', async (_, args) => {
    const run = await runCli(args);
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toMatch(/^brickproof: [^\n]+\n$/);
    const asJson = await runCli([...args, '--json']);
    expect(asJson).toMatchObject({ status: 2, stderr: '' });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ ok: false });
  });

  it('ends the help of each verb with an example that starts with its own words', async () => {
    const verbs = [
      ['smp', 'echo'],
      ['smp', 'datetime'],
      ['smp', 'reset'],
      ['smp', 'image', 'upload'],
      ['smp', 'image', 'erase'],
      ['image', 'verify'],
      ['image', 'sign'],
    ];
    for (const verb of verbs) {
      const run = await runCli([...verb, '--help']);
      expect(run.status).toBe(0);
      const example = run.stdout.trimEnd().split('\n').at(-1);
      const words = ['$', 'brickproof', ...verb].join('.*');
      expect(example).toMatch(new RegExp(`^ *\\${words}`));
    }
  });

  it('tells its version', async () => {
    expect(await runCli(['--version'])).toMatchObject({ status: 0, stdout: '0.1.0\n' });
  });
});
