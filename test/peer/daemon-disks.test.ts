import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DeviceFolder, must, sampleImage } from '../agent/node/daemon/device-folder.js';
import { createMounts } from './mounts.js';

const IMAGE = readFileSync(sampleImage('good-1.1.0-imgtool.bin'));
const SLOT_BYTES = 512 * 1024;
const mounts = createMounts();
const { isSkipped, titleSuffix } = mounts.availability;
const devices: DeviceFolder[] = [];

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
  mounts.release();
});

function newDevice(): DeviceFolder {
  const device = new DeviceFolder();
  devices.push(device);
  return device;
}

/** Moves a part of the device to another disk. */
function moveTo(folder: string, device: DeviceFolder, name: string): void {
  cpSync(device.file(name), join(folder, name), { recursive: true });
  rmSync(device.file(name), { recursive: true });
  symlinkSync(join(folder, name), device.file(name));
}

describe('the daemon on a real disk', () => {
  it.skipIf(isSkipped)(`is updated on two block devices${titleSuffix}`, async () => {
    const device = newDevice();
    for (const name of ['slot0.img', 'slot1.img']) {
      symlinkSync(mounts.blockDevice(SLOT_BYTES), device.file(name));
    }
    await device.provision();
    const first = await device.start();
    const client = await first.client();
    must(await client.imageUpload(IMAGE));
    const staged = must(await client.imageState()).find(({ active }) => !active);
    must(await client.imageTest(staged?.hash ?? new Uint8Array(0)));
    expect(await first.kill('SIGTERM')).toBe(0);
    device.reboot();
    const second = await device.start();
    await second.says(/image confirmed/);
    await second.kill('SIGTERM');
    device.reboot();
    expect((await device.start()).output).toMatch(/Running image 1\.1\.0\+0 in slot 1/);
  });

  it.skipIf(isSkipped)(`does not start on slots that it cannot write${titleSuffix}`, async () => {
    const device = await newDevice().provision();
    const disk = mounts.memory(1024);
    moveTo(disk, device, 'slot1.img');
    mounts.remountReadOnly(disk);
    const run = await device.run();
    expect(run).toMatchObject({ status: 12, stdout: '' });
    expect(run.stderr).toMatch(/slot1\.img cannot be written .*read-only.*; mount .* for writing/);
    expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.skipIf(isSkipped)(`does not start on a store that it cannot write${titleSuffix}`, async () => {
    const device = await newDevice().provision();
    const disk = mounts.memory(64);
    moveTo(disk, device, 'store');
    mounts.remountReadOnly(disk);
    const run = await device.run();
    expect(run).toMatchObject({ status: 15 });
    expect(run.stderr).toMatch(/store.*read-only.*\(disk-store-unwritable, exit status 15\)/);
  });

  it.skipIf(isSkipped)(
    `refuses uploads while its disk is full, runs on, and takes them when there is room${titleSuffix}`,
    async () => {
      const device = await newDevice().provision();
      const disk = mounts.memory(64);
      moveTo(disk, device, 'store');
      const daemon = await device.start();
      const client = await daemon.client();
      const ballast = join(disk, 'ballast');
      try {
        writeFileSync(ballast, Buffer.alloc(64 * 1024));
      } catch {
        // It took what there was.
      }
      const refused = await client.imageUpload(IMAGE);
      expect(refused).toMatchObject({ ok: false, code: 'smp-device-refused' });
      must(await client.echo('there'));
      expect(must(await client.imageState()).map(({ version }) => version)).toEqual(['1.0.0']);
      rmSync(ballast);
      expect(must(await client.imageUpload(IMAGE))).toMatchObject({ match: true });
    },
  );

  it.skipIf(isSkipped)(
    `makes no half slot when the disk is full at provisioning${titleSuffix}`,
    async () => {
      const device = newDevice();
      const disk = mounts.memory(256);
      for (const name of ['slot0.img', 'slot1.img']) {
        symlinkSync(join(disk, name), device.file(name));
      }
      const image = sampleImage('good-1.0.0-imgtool.bin');
      const run = await device.run('provision', '--image', image);
      expect(run.status).toBe(12);
      expect(run.stderr).toMatch(/slot0\.img/);
      expect(await device.run()).toMatchObject({ status: 12 });
    },
  );
});
