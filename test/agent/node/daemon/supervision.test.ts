import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceFolder, must, sampleImage } from './device-folder.js';
import type { DeviceFolderOptions, RunningDaemon } from './device-folder.js';
import { lastUpdate, resetInto, upload } from './device-update.js';

const NEXT = sampleImage('good-1.1.0-imgtool.bin');
const PATIENCE = { timeout: 10_000, interval: 20 };
/** The daemon's own bound for a stop. */
const STOP_MS = 5_000;
const devices: DeviceFolder[] = [];

afterEach(async () => {
  for (const device of devices.splice(0)) {
    endLeftOver(device);
    await device.dispose();
  }
});

function newDevice(options: DeviceFolderOptions = {}): DeviceFolder {
  const device = new DeviceFolder(options);
  devices.push(device);
  return device;
}

/** Part of a shell script that notes a process, for the end of the test. */
function note(device: DeviceFolder, processId: '$!' | '$$'): string {
  return `echo ${processId} > ${device.file('left-over')}`;
}

function endLeftOver(device: DeviceFolder): void {
  if (!existsSync(device.file('left-over'))) return;
  try {
    process.kill(Number(readFileSync(device.file('left-over'), 'utf8')), 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

async function startTrial(device: DeviceFolder, selfTest: string): Promise<RunningDaemon> {
  await device.provision();
  device.configure({ more: `self-test: { command: ${selfTest}, timeout: 8s }` });
  const first = await device.start();
  await upload(await first.client(), NEXT);
  return resetInto(device, first);
}

async function endOf(daemon: RunningDaemon): Promise<number | null | 'still alive'> {
  return Promise.race([daemon.kill('SIGTERM'), sleep(STOP_MS, 'still alive' as const)]);
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

describe('what the daemon starts', () => {
  it('fails the trial, not the daemon, when the self-test lies below a file', async () => {
    const device = newDevice();
    const trial = await startTrial(device, `['${device.file('key.pem')}/self-test']`);
    await trial.says(/it cannot be started \(spawn ENOTDIR\)/);
    await trial.says(/Trial failed: the self-test failed/);
  });

  it('has passed when it exits with 0, though it left a program with its output', async () => {
    const device = newDevice();
    const script = `sleep 60 & ${note(device, '$!')}; exit 0`;
    const trial = await startTrial(device, `[sh, -c, '${script}']`);
    await trial.says(/image confirmed/);
    expect(await lastUpdate(trial)).toBe('confirmed');
    expect(await endOf(trial)).toBe(0);
  });

  it('does not outlast SIGTERM as a self-test that has started a session of its own', async () => {
    const device = newDevice();
    const script = `setsid sleep 60 & ${note(device, '$!')}; echo begun; wait`;
    const trial = await startTrial(device, `[sh, -c, '${script}']`);
    await trial.says(/self-test: begun/);
    expect(await endOf(trial)).toBe(0);
  });

  it('does not outlast SIGTERM as a reboot command that hangs', async () => {
    const device = await newDevice().provision();
    device.configure({ reboot: `[sh, -c, '${note(device, '$$')}; echo begun; exec sleep 60']` });
    const daemon = await device.start();
    must(await (await daemon.client()).reset());
    await daemon.says(/reboot: begun/);
    expect(await endOf(daemon)).toBe(0);
  });
});

describe('a daemon that cannot log', () => {
  it('lives on when the disk of its log is full', async () => {
    const device = await newDevice().provision();
    const port = await freePort();
    device.configure({ links: `udp: { port: ${port} }` });
    device.command = ['sh', '-c', 'exec "$0" "$@" > /dev/full', ...device.command];
    const daemon = device.launch();
    const client = await daemon.client(`udp:127.0.0.1:${port}`);
    await vi.waitFor(async () => {
      must(await client.imageState());
    }, PATIENCE);
    await rebootAndEnd(device, daemon, port);
  });

  it('lives on when the reader of its log goes away', async () => {
    const device = await newDevice().provision();
    const port = await freePort();
    device.configure({ links: `udp: { port: ${port} }` });
    const daemon = await device.start();
    daemon.process.stdout?.destroy();
    await rebootAndEnd(device, daemon, port);
  });
});

/** Has the daemon write several lines, at different times. */
async function rebootAndEnd(
  device: DeviceFolder,
  daemon: RunningDaemon,
  port: number,
): Promise<void> {
  const client = await daemon.client(`udp:127.0.0.1:${port}`);
  await upload(client, NEXT);
  must(await client.reset());
  await vi.waitFor(() => {
    expect(existsSync(device.file('reboot-wanted'))).toBe(true);
  }, PATIENCE);
  must(await client.imageState());
  expect(await endOf(daemon)).toBe(0);
}
