import { fileURLToPath } from 'node:url';
import { startEmbeddedBroker } from '@brickproof/harness';
import { afterEach, describe, expect, it } from 'vitest';
import { DeviceFolder, must, sampleImage } from '../agent/node/daemon/device-folder.js';
import type { DeviceFolderOptions } from '../agent/node/daemon/device-folder.js';
import { lastUpdate, resetInto, runningImage, upload } from '../agent/node/daemon/device-update.js';
import { ARM64_SYSROOT, findPeer } from './peers.js';

const BUNDLE = fileURLToPath(new URL('../../agent/bundle/brickproof-agent.mjs', import.meta.url));
const NEXT = sampleImage('good-1.1.0-imgtool.bin');
/** The emulator is about ten times slower than the machine, and a test machine may be busy. */
const PATIENCE_MS = 90_000;
const TEST_TIMEOUT_MS = 300_000;

const qemu = findPeer('qemu-aarch64-static');
const node = findPeer('node-arm64');
const isSkipped = qemu.isSkipped || node.isSkipped;
const titleSuffix = [qemu.titleSuffix, node.titleSuffix].join('');
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A device whose agent is the bundle, run by Node.js for arm64. */
function arm64Device(options: DeviceFolderOptions = {}): DeviceFolder {
  const device = new DeviceFolder(options);
  stops.push(() => device.dispose());
  device.command = [qemu.command(), '-L', ARM64_SYSROOT, node.command(), BUNDLE];
  device.patienceMs = PATIENCE_MS;
  return device;
}

describe('the bundle on arm64', () => {
  it.skipIf(isSkipped)(
    `verifies the first image, and refuses a forged one${titleSuffix}`,
    async () => {
      const device = arm64Device();
      const version = await device.run('--version');
      expect(version.status).toBe(0);
      expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      const forged = await device.run(
        'provision',
        '--image',
        sampleImage('bad-signature-1.1.0.bin'),
      );
      expect(forged.status).toBe(17);
      expect(forged.stderr).toMatch(/image-signature-invalid/);
      const good = await device.run('provision', '--image', sampleImage('good-1.0.0-imgtool.bin'));
      expect(good.status).toBe(0);
      expect(good.stdout).toMatch(/image 1\.0\.0\+0, verified/);
    },
    TEST_TIMEOUT_MS,
  );

  it.skipIf(isSkipped)(
    `answers over UDP, and is updated through a reboot${titleSuffix}`,
    async () => {
      const device = await arm64Device().provision();
      const first = await device.start();
      const client = await first.client();
      expect(must(await client.echo('Hello, board!'))).toBe('Hello, board!');
      expect(must(await client.params())).toEqual({ bufSizeBytes: 1472, bufCount: 4 });
      expect(must(await client.info())).toMatch(/\barm64\b/);
      expect(await runningImage(first)).toMatchObject({ slot: 0, version: '1.0.0' });
      await upload(client, NEXT);
      const second = await resetInto(device, first);
      await second.says(/image confirmed/);
      expect(await runningImage(second)).toMatchObject({
        slot: 1,
        version: '1.1.0',
        confirmed: true,
      });
      expect(await lastUpdate(second)).toBe('confirmed');
    },
    TEST_TIMEOUT_MS,
  );

  it.skipIf(isSkipped)(
    `takes an image over MQTT, but not a forged one${titleSuffix}`,
    async () => {
      const broker = await startEmbeddedBroker();
      stops.push(() => broker.close());
      const device = await arm64Device({ links: `mqtt: { url: '${broker.url}' }` }).provision();
      const daemon = await device.start();
      await daemon.says(/MQTT: connected/);
      const client = await daemon.client(`${broker.url}/device-1`);
      expect(must(await client.echo('Hello, board!'))).toBe('Hello, board!');
      await expect(upload(client, sampleImage('bad-signature-1.1.0.bin'))).rejects.toThrow(
        /smp-device-refused/,
      );
      await daemon.says(/image-signature-invalid/);
      await upload(client, NEXT);
      const staged = must(await client.imageState()).find(({ active }) => !active);
      expect(staged).toMatchObject({ slot: 1, version: '1.1.0', pending: true });
    },
    TEST_TIMEOUT_MS,
  );
});
