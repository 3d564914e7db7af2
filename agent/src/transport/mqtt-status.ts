import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

/** The longest status that is read. */
export const MQTT_STATUS_BYTES_MAX = 1024;

/** What a device says of itself in its retained status. */
export interface MqttStatus {
  readonly state: 'online' | 'offline';
  /** Of the running firmware. */
  readonly version: string;
}

/** Why bytes are not a status. */
export type MqttStatusRejectCode = 'mqtt-status-malformed';

/** JSON in ASCII alone: other characters are escaped. */
export function encodeMqttStatus(status: MqttStatus): Uint8Array {
  const { state, version } = status;
  const json = JSON.stringify({ state, version }).replace(/[^\x20-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return Uint8Array.from(json, (character) => character.charCodeAt(0));
}

/** Reads a status; unknown members are passed over. Refuses `mqtt-status-malformed`. */
export function decodeMqttStatus(bytes: Uint8Array): Verdict<MqttStatus, MqttStatusRejectCode> {
  if (bytes.byteLength > MQTT_STATUS_BYTES_MAX) {
    const detail = `${bytes.byteLength} bytes, at most ${MQTT_STATUS_BYTES_MAX}`;
    return reject('mqtt-status-malformed', detail);
  }
  const parsed = parseJson(String.fromCharCode(...bytes));
  if (typeof parsed !== 'object' || parsed === null) {
    return reject('mqtt-status-malformed', 'expected a JSON object');
  }
  const state = 'state' in parsed ? parsed.state : undefined;
  const version = 'version' in parsed ? parsed.version : undefined;
  const isState = state === 'online' || state === 'offline';
  if (isState && typeof version === 'string') return accept({ state, version });
  return reject('mqtt-status-malformed', 'expected a state, online or offline, and a version');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
