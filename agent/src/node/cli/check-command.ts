import { accept, formatImageVersion, readImageSummary } from '@brickproof/bootloader-sim';
import type { FlashArea } from '@brickproof/bootloader-sim';
import type { DeviceConfig } from '../config/device-config.js';
import { prepareLinks } from '../daemon/device-links.js';
import { AGENT_EXIT, exitWith } from '../daemon/exit-status.js';
import { openDevice } from '../daemon/open-device.js';
import type { Opened } from '../daemon/open-device.js';

/** `brickproof-agent check`: opens everything the configuration names, and changes nothing. */
export function checkDevice(config: DeviceConfig): Opened<string> {
  const links = prepareLinks(config);
  if (!links.ok) return exitWith(AGENT_EXIT.config, links);
  const device = openDevice(config, { mayCreateSlots: false });
  if (!device.ok) return device;
  const lines = device.value.slots.map((area, slot) => `slot ${slot}: ${describeSlot(area)}`);
  device.value.close();
  const keys = device.value.keys.map(({ algorithm }) => algorithm).join(', ');
  return accept([`keys: ${keys}`, ...lines, 'everything can be used'].join('\n'));
}

function describeSlot(area: FlashArea): string {
  const summary = readImageSummary(area);
  if (!summary.ok) return 'no image';
  return `image ${formatImageVersion(summary.value.header.version)}, not verified`;
}
