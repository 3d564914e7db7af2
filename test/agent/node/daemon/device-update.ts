import { existsSync, readFileSync } from 'node:fs';
import type { ImageEntry, SmpClient } from '@brickproof/harness';
import { expect, vi } from 'vitest';
import { must } from './device-folder.js';
import type { DeviceFolder, RunningDaemon } from './device-folder.js';

const POLL_MS = 20;

/** Uploads the image in a file, and marks it to boot next. */
export async function upload(client: SmpClient, path: string): Promise<void> {
  must(await client.imageUpload(readFileSync(path)));
  const staged = must(await client.imageState()).find(({ active }) => !active);
  must(await client.imageTest(staged?.hash ?? new Uint8Array(0)));
}

/** Asks for a reset, sees the reboot command done, and starts the daemon in the next boot. */
export async function resetInto(
  device: DeviceFolder,
  daemon: RunningDaemon,
): Promise<RunningDaemon> {
  const client = await daemon.client();
  must(await client.reset());
  await vi.waitFor(
    () => {
      expect(existsSync(device.file('reboot-wanted'))).toBe(true);
    },
    { timeout: device.patienceMs, interval: POLL_MS },
  );
  expect(await daemon.kill('SIGTERM')).toBe(0);
  device.reboot();
  return device.start();
}

/** What the device lists as running. */
export async function runningImage(daemon: RunningDaemon): Promise<ImageEntry | undefined> {
  const client = await daemon.client();
  return must(await client.imageState()).find(({ active }) => active);
}

/** How the device says that its last update went. */
export async function lastUpdate(daemon: RunningDaemon): Promise<string> {
  const client = await daemon.client();
  return must(await client.lastUpdate()).state;
}
