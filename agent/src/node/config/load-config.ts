import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { describeSystemError } from '../system-error.js';
import { DEVICE_CONFIG_SCHEMA } from './device-config.js';
import type { DeviceConfig, MqttConfig } from './device-config.js';
import { formatProblem, readYamlDocument } from './yaml-document.js';
import type { DocumentPath } from './yaml-document.js';

/** Why a configuration cannot be used. The detail has a line for each problem. */
export type ConfigRejectCode = 'config-unreadable' | 'config-invalid';

/** Something that is only wrong beside something else. */
interface Conflict {
  readonly path: DocumentPath;
  readonly sentence: string;
}

/**
 * Reads `device.yaml` and holds it to its schema; relative paths count from the file's folder.
 * Refuses `config-unreadable` and `config-invalid`.
 */
export function loadDeviceConfig(file: string): Verdict<DeviceConfig, ConfigRejectCode> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const detail = `cannot read ${file}: ${describeSystemError(error)}; name the file with --config`;
    return reject('config-unreadable', detail);
  }
  const document = readYamlDocument(text, DEVICE_CONFIG_SCHEMA);
  if (!document.ok) {
    const lines = document.problems.map((problem) => formatProblem(file, problem));
    return reject('config-invalid', lines.join('\n'));
  }
  const conflicts = conflictsOf(document.value);
  if (conflicts.length > 0) {
    const lines = conflicts.map(({ path, sentence }) => {
      return formatProblem(file, { ...document.placeOf(path), sentence });
    });
    return reject('config-invalid', lines.join('\n'));
  }
  return accept(withAbsolutePaths(document.value, dirname(resolve(file))));
}

function conflictsOf(config: DeviceConfig): readonly Conflict[] {
  const { slots, links, trial } = config;
  const conflicts: Conflict[] = [];
  const check = (holds: boolean, path: DocumentPath, sentence: string): void => {
    if (!holds) conflicts.push({ path, sentence });
  };
  check(
    slots.primary.path !== slots.secondary.path,
    ['slots', 'secondary', 'path'],
    'both slots have the same path; each needs a file or a partition of its own',
  );
  check(
    slots.sectorSizeBytes % slots.writeAlignBytes === 0,
    ['slots', 'sector-size'],
    `"slots.sector-size" is no multiple of write-align (${slots.writeAlignBytes})`,
  );
  check(
    slots.sizeBytes % slots.sectorSizeBytes === 0,
    ['slots', 'size'],
    `"slots.size" (${slots.sizeBytes} bytes) is no multiple of sector-size (${slots.sectorSizeBytes} bytes)`,
  );
  check(
    trial.timeoutMs > trial.settleMs,
    ['trial', 'timeout'],
    '"trial.timeout" must be longer than settle, or no image could ever be confirmed',
  );
  check(
    Object.values(links).some((link) => link !== undefined),
    ['links'],
    '"links" names no way to the device; add serial, mqtt or udp',
  );
  if (links.mqtt !== undefined) conflicts.push(...mqttConflicts(links.mqtt));
  return conflicts;
}

function mqttConflicts(mqtt: MqttConfig): readonly Conflict[] {
  const conflicts: Conflict[] = [];
  const isEncrypted = mqtt.url.startsWith('mqtts:');
  if ((mqtt.certificateFile === undefined) !== (mqtt.keyFile === undefined)) {
    const sentence = '"links.mqtt" needs certificate and key together, or neither';
    conflicts.push({ path: ['links', 'mqtt'], sentence });
  }
  if (!isEncrypted && (mqtt.caFile ?? mqtt.certificateFile) !== undefined) {
    const sentence =
      '"links.mqtt.url" is not encrypted, but certificates are given; write mqtts://';
    conflicts.push({ path: ['links', 'mqtt', 'url'], sentence });
  }
  if (mqtt.passwordFile !== undefined && mqtt.username === undefined) {
    const sentence = '"links.mqtt.password-file" needs a username beside it';
    conflicts.push({ path: ['links', 'mqtt', 'password-file'], sentence });
  }
  return conflicts;
}

function withAbsolutePaths(config: DeviceConfig, folder: string): DeviceConfig {
  const absolute = (path: string): string => resolve(folder, path);
  const maybe = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : absolute(path);
  const { slots, trust, store, boot, links } = config;
  const { mqtt, serial } = links;
  return {
    ...config,
    slots: {
      ...slots,
      primary: { ...slots.primary, path: absolute(slots.primary.path) },
      secondary: { ...slots.secondary, path: absolute(slots.secondary.path) },
    },
    trust: { ...trust, keyFiles: trust.keyFiles.map(absolute) },
    store: { folder: absolute(store.folder) },
    boot: {
      ...boot,
      stateFile: absolute(boot.stateFile),
      bootIdFile: absolute(boot.bootIdFile),
    },
    links: {
      ...links,
      serial: serial && { ...serial, path: absolute(serial.path) },
      mqtt: mqtt && {
        ...mqtt,
        caFile: maybe(mqtt.caFile),
        certificateFile: maybe(mqtt.certificateFile),
        keyFile: maybe(mqtt.keyFile),
        passwordFile: maybe(mqtt.passwordFile),
      },
    },
  };
}
