import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { DeviceFolder, must, sampleImage } from './device-folder.js';
import type { DeviceFolderOptions } from './device-folder.js';
import { resetInto, upload } from './device-update.js';

const devices: DeviceFolder[] = [];

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
});

/** Loaded before the daemon: a disk whose slots cannot be read for as long as a file says so. */
const FAILING_READS = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { openSync, readSync } = fs;
const slots = new Set();
fs.openSync = (path, ...rest) => {
  const descriptor = openSync(path, ...rest);
  if (SLOTS.test(String(path))) slots.add(descriptor);
  return descriptor;
};
fs.readSync = (descriptor, ...rest) => {
  if (slots.has(descriptor) && fs.existsSync(process.env.DISK_FAILS)) {
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' });
  }
  return readSync(descriptor, ...rest);
};
syncBuiltinESMExports();
`;

async function deviceOnFailingDisk(
  slots = /slot[01]\.img$/,
  options: DeviceFolderOptions = {},
): Promise<DeviceFolder> {
  const device = new DeviceFolder(options);
  devices.push(device);
  await device.provision();
  const preload = device.file('failing-reads.mjs');
  writeFileSync(preload, FAILING_READS.replace('SLOTS', String(slots)));
  const [node = '', ...rest] = device.command;
  device.command = [node, '--import', preload, ...rest];
  device.environment = { DISK_FAILS: device.file('disk-fails') };
  return device;
}

describe('the daemon on a disk that cannot be read', () => {
  it('runs the image of the other slot, and leaves the one that cannot be read alone', async () => {
    const device = await deviceOnFailingDisk(/slot1\.img$/);
    writeFileSync(device.file('disk-fails'), '');
    const before = readFileSync(device.file('slot1.img'));
    const daemon = await device.start();
    expect(daemon.output).toMatch(/slot 1 is left alone: .*slot1\.img/);
    expect(daemon.output).toMatch(/Running image 1\.0\.0\+0 in slot 0/);
    const client = await daemon.client();
    expect(must(await client.imageState())).toHaveLength(1);
    const image = readFileSync(sampleImage('good-1.1.0-imgtool.bin'));
    expect(await client.imageUpload(image)).toMatchObject({ ok: false });
    expect(readFileSync(device.file('slot1.img')).equals(before)).toBe(true);
  });

  it('does not start, and says so in one line', async () => {
    const device = await deviceOnFailingDisk();
    writeFileSync(device.file('disk-fails'), '');
    const run = await device.run();
    expect(run).toMatchObject({ status: 12 });
    expect(run.stderr).toMatch(/slot0\.img.*\(slot-read-failed, exit status 12\)\n$/);
    expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends a trial in time whose running slot can no longer be read', async () => {
    const device = await deviceOnFailingDisk(/slot1\.img$/, {
      more: 'self-test: { command: [sleep, "60"] }',
      trial: '{ settle: 0s, timeout: 2s }',
    });
    const first = await device.start();
    await upload(await first.client(), sampleImage('good-1.1.0-imgtool.bin'));
    const trial = await resetInto(device, first);
    writeFileSync(device.file('disk-fails'), '');
    await trial.says(/Trial failed: the running slot cannot be read; rebooting/);
    await trial.says(/Rebooting: touch/);
    expect(trial.output).not.toMatch(/image confirmed/);
    await trial.kill('SIGKILL');
    // The next boot leaves the slot alone that it cannot read, and runs the other one.
    device.reboot();
    const next = await device.start();
    expect(next.output).toMatch(/Running image 1\.0\.0\+0 in slot 0/);
  });

  it('answers what needs no slot, refuses the rest, and goes on when the disk does', async () => {
    const device = await deviceOnFailingDisk();
    const daemon = await device.start();
    const client = await daemon.client();
    writeFileSync(device.file('disk-fails'), '');
    expect(await client.imageState()).toMatchObject({ ok: false, code: 'smp-device-refused' });
    must(await client.echo('there'));
    await daemon.says(/error: .*slot[01]\.img/);
    rmSync(device.file('disk-fails'));
    expect(must(await client.imageState())).toHaveLength(1);
    expect(await daemon.kill('SIGTERM')).toBe(0);
  });
});
