import { afterEach, describe, it } from 'vitest';
import { DeviceFolder, sampleImage } from './device-folder.js';
import type { DeviceFolderOptions } from './device-folder.js';
import { resetInto, upload } from './device-update.js';

const NEXT = sampleImage('good-1.1.0-imgtool.bin');
const devices: DeviceFolder[] = [];

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
});

function newDevice(options: DeviceFolderOptions = {}): DeviceFolder {
  const device = new DeviceFolder(options);
  devices.push(device);
  return device;
}

describe('what the daemon starts', () => {
  it('fails the trial, not the daemon, when the self-test lies below a file', async () => {
    const device = await newDevice().provision();
    device.configure({ more: `self-test: { command: ['${device.file('key.pem')}/self-test'] }` });
    const first = await device.start();
    await upload(await first.client(), NEXT);
    const trial = await resetInto(device, first);
    await trial.says(/it cannot be started \(spawn ENOTDIR\)/);
    await trial.says(/Trial failed: the self-test failed/);
  });
});
