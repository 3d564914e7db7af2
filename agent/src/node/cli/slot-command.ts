import { closeSync, openSync, readSync } from 'node:fs';
import {
  IMAGE_HEADER_SIZE_BYTES,
  accept,
  decodeImageHeader,
  formatImageVersion,
} from '@brickproof/bootloader-sim';
import { readBootId, readBootRecord } from '../boot/boot-record.js';
import type { DeviceConfig } from '../config/device-config.js';
import { AGENT_EXIT, exitWith } from '../daemon/exit-status.js';
import type { AgentExitStatus } from '../daemon/exit-status.js';
import type { Opened } from '../daemon/open-device.js';
import { describeSystemError } from '../system-error.js';

/**
 * `brickproof-agent slot`: where the image of this boot lies, in lines that a shell can take in.
 * Reads what the daemon chose, and disturbs nothing.
 */
export function describeRunningSlot({ boot, slots }: DeviceConfig): Opened<string> {
  const bootId = readBootId(boot.bootIdFile);
  if (!bootId.ok) return exitWith(AGENT_EXIT.config, bootId);
  const record = readBootRecord(boot.stateFile);
  if (record?.bootId !== bootId.value) {
    const detail = 'no slot has been chosen in this boot; start the agent first';
    return refused(AGENT_EXIT.slotNotChosen, 'slot-not-chosen', detail);
  }
  const { path } = record.slot === 0 ? slots.primary : slots.secondary;
  const bytes = readHead(path);
  if (!(bytes instanceof Uint8Array)) {
    const detail = `cannot read ${path}: ${bytes.why}; correct slots`;
    return refused(AGENT_EXIT.slots, 'slot-file-unreadable', detail);
  }
  const header = decodeImageHeader(bytes);
  if (!header.ok) return exitWith(AGENT_EXIT.slots, header);
  const { version, headerSizeBytes, bodySizeBytes } = header.value;
  const lines = [
    `BRICKPROOF_SLOT=${record.slot}`,
    `BRICKPROOF_SLOT_PATH=${quote(path)}`,
    `BRICKPROOF_VERSION=${formatImageVersion(version)}`,
    `BRICKPROOF_PAYLOAD_OFFSET=${headerSizeBytes}`,
    `BRICKPROOF_PAYLOAD_SIZE=${bodySizeBytes}`,
  ];
  return accept(lines.join('\n'));
}

function refused(status: AgentExitStatus, code: string, detail: string): Opened<string> {
  return exitWith(status, { ok: false, code, detail });
}

function readHead(path: string): Uint8Array | { readonly why: string } {
  try {
    const file = openSync(path, 'r');
    try {
      const head = new Uint8Array(IMAGE_HEADER_SIZE_BYTES);
      const bytes = readSync(file, head, 0, head.byteLength, 0);
      return head.subarray(0, bytes);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return { why: describeSystemError(error) };
  }
}

/** For a POSIX shell: nothing in the path means anything to it. */
function quote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
