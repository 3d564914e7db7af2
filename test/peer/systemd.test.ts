import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceFolder } from '../agent/node/daemon/device-folder.js';
import { findPeer } from './peers.js';
import { removeFolder } from '../remove-folder.js';

const BOARD = fileURLToPath(new URL('../../agent/board/', import.meta.url));
const NOTIFY_SOCKET = fileURLToPath(new URL('notify_socket.py', import.meta.url));
const UNITS = readdirSync(BOARD).filter((name) => /\.(service|path)$/.test(name));
const SERVICE = 'brickproof-agent.service';
/** Of 10; systemd calls less than 2.5 well protected. */
const EXPOSURE_MAX = 2.5;
const PATIENCE = { timeout: 20_000, interval: 20 };
const WATCHDOG_MS = 600;
const WATCHDOG_SIGNS = 4;

const analyze = findPeer('systemd-analyze');
const notify = findPeer('systemd-notify');
const python = findPeer('python3');
const stops: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'brickproof-systemd-'));
  stops.push(() => {
    removeFolder(folder);
  });
  return folder;
}

/** The board's units, changed or not; their paths. */
function copyUnits(edit: (text: string) => string = (text) => text): readonly string[] {
  const folder = temporaryFolder();
  return UNITS.map((name) => {
    const text = readFileSync(join(BOARD, name), 'utf8');
    const path = join(folder, name);
    writeFileSync(path, edit(text));
    return path;
  });
}

function systemdAnalyze(...args: readonly string[]): { status: number | null; output: string } {
  const environment = { ...process.env, LC_ALL: 'C.UTF-8', SYSTEMD_COLORS: '0' };
  const run = spawnSync(analyze.command(), [...args], { encoding: 'utf8', env: environment });
  return { status: run.status, output: run.stdout + run.stderr };
}

describe("the board's systemd units", () => {
  it.skipIf(analyze.isSkipped)(`are as systemd wants them${analyze.titleSuffix}`, () => {
    expect(UNITS).toHaveLength(3);
    expect(systemdAnalyze('verify', ...copyUnits())).toEqual({ status: 0, output: '' });
  });

  it.skipIf(analyze.isSkipped)(`would not be with a key misspelt${analyze.titleSuffix}`, () => {
    const units = copyUnits((text) => text.replace('WatchdogSec', 'WatchdogSeconds'));
    expect(systemdAnalyze('verify', ...units).output).toMatch(/Unknown key .*'WatchdogSeconds'/);
  });

  it.skipIf(analyze.isSkipped)(`expose little of the machine${analyze.titleSuffix}`, () => {
    const service = copyUnits().find((path) => path.endsWith(SERVICE)) ?? '';
    const { output } = systemdAnalyze('security', '--offline=true', '--no-pager', service);
    const level = /Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1];
    expect(Number(level)).toBeLessThan(EXPOSURE_MAX);
  });
});

/** What a service manager was told, and when. */
interface Told {
  readonly text: string;
  readonly atMs: number;
}

/** Listens as a service manager would; what it was told so far. */
async function listenAsManager(path: string): Promise<readonly Told[]> {
  const told: Told[] = [];
  const child = spawn(python.command(), [NOTIFY_SOCKET, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stops.push(() => {
    child.kill('SIGKILL');
  });
  let partial = '';
  child.stdout.on('data', (bytes: Buffer) => {
    const lines = (partial + bytes.toString('utf8')).split('\n');
    partial = lines.pop() ?? '';
    const atMs = performance.now();
    told.push(...lines.map((line) => ({ text: String(JSON.parse(line)), atMs })));
  });
  await vi.waitFor(() => {
    expect(having(told, 'listening')).toHaveLength(1);
  }, PATIENCE);
  return told;
}

function having(told: readonly Told[], what: string): readonly Told[] {
  return told.filter(({ text }) => text.includes(what));
}

/** The shortest time between two of them. */
function shortestGapMs(told: readonly Told[]): number {
  return Math.min(...told.slice(1).map(({ atMs }, index) => atMs - (told[index]?.atMs ?? 0)));
}

/** A provisioned device whose daemon is told that a service manager watches it. */
async function watchedDevice(socket: string): Promise<DeviceFolder> {
  notify.command();
  const device = new DeviceFolder();
  stops.push(() => device.dispose());
  device.environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: String(1_000 * WATCHDOG_MS) };
  return device.provision();
}

describe('the daemon under a service manager', () => {
  const isSkipped = notify.isSkipped || python.isSkipped;
  const titleSuffix = [notify.titleSuffix, python.titleSuffix].join('');

  it.skipIf(isSkipped)(
    `tells through systemd-notify that it is ready, alive, and about to stop${titleSuffix}`,
    async () => {
      const socket = join(temporaryFolder(), 'notify');
      const told = await listenAsManager(socket);
      const daemon = await (await watchedDevice(socket)).start();
      await vi.waitFor(() => {
        expect(having(told, 'WATCHDOG=1').length).toBeGreaterThanOrEqual(WATCHDOG_SIGNS);
      }, PATIENCE);
      // Only the shortest: the machine that runs the test may be busy.
      expect(shortestGapMs(having(told, 'WATCHDOG=1'))).toBeLessThan(WATCHDOG_MS);
      expect(having(told, 'READY=1')[0]?.text).toMatch(/^STATUS=udp 127\.0\.0\.1 \d+$/m);
      expect(having(told, 'STOPPING=1')).toHaveLength(0);
      expect(await daemon.kill('SIGTERM')).toBe(0);
      await vi.waitFor(() => {
        expect(having(told, 'STOPPING=1')).toHaveLength(1);
      }, PATIENCE);
      expect(having(told, 'READY=1')).toHaveLength(1);
      expect(daemon.output).not.toMatch(/service manager cannot be told/);
    },
  );

  it.skipIf(isSkipped)(`shows no life while it hangs${titleSuffix}`, async () => {
    const socket = join(temporaryFolder(), 'notify');
    const told = await listenAsManager(socket);
    const daemon = await (await watchedDevice(socket)).start();
    await vi.waitFor(() => {
      expect(having(told, 'WATCHDOG=1')).not.toHaveLength(0);
    }, PATIENCE);
    daemon.process.kill('SIGSTOP');
    await quiet(told);
  });
});

/** Waits until nothing has been told for twice as long as the watchdog waits. */
async function quiet(told: readonly Told[]): Promise<void> {
  await vi.waitFor(
    async () => {
      const before = told.length;
      await pause(2 * WATCHDOG_MS);
      expect(told).toHaveLength(before);
    },
    { timeout: PATIENCE.timeout, interval: 0 },
  );
}
