import { readFileSync, statSync } from 'node:fs';
import { accept, formatImageVersion } from '@brickproof/bootloader-sim';
import { provision } from '../boot/provision.js';
import { AGENT_EXIT, exitWith } from '../daemon/exit-status.js';
import type { OpenDevice, Opened } from '../daemon/open-device.js';
import { describeSystemError } from '../system-error.js';

/** What a device is to be given. */
export interface ProvisionArguments {
  readonly imageFile: string | undefined;
  readonly force: boolean;
}

const HINTS: Readonly<Partial<Record<string, string>>> = {
  'image-security-counter-missing':
    '; sign it with --security-counter, or set trust.security-counter to none',
  'image-key-unknown': '; sign it with a key of trust.keys, or add its key there',
};

/** `brickproof-agent provision`: the device's first image. */
export function provisionDevice(
  device: OpenDevice,
  { imageFile = '', force }: ProvisionArguments,
): Opened<string> {
  const limit = device.config.slots.sizeBytes;
  let image: Uint8Array;
  try {
    const { size } = statSync(imageFile);
    if (size > limit) {
      const detail = `${imageFile} has ${size} bytes, the slot ${limit}; name an image that fits`;
      return exitWith(AGENT_EXIT.imageRefused, { ok: false, code: 'image-too-large', detail });
    }
    image = readFileSync(imageFile);
  } catch (error) {
    const detail = `cannot read ${imageFile}: ${describeSystemError(error)}; correct --image`;
    return exitWith(AGENT_EXIT.usage, { ok: false, code: 'image-unreadable', detail });
  }
  const done = provision(device, image, { force });
  if (!done.ok) {
    const hint = HINTS[done.code] ?? '';
    return exitWith(AGENT_EXIT.imageRefused, { ...done, detail: done.detail + hint });
  }
  const version = formatImageVersion(done.value.header.version);
  return accept(`slot 0: image ${version}, verified and confirmed; slot 1: empty`);
}
