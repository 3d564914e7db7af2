import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { formatSerialSpec, parseSerialSpec } from './serial-spec.js';
import type { SerialSpec } from './serial-spec.js';

/** Where a board is reached. */
export type TargetSpec =
  | { readonly kind: 'sim' }
  | SerialSpec
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'mqtt';
      /** Whether it is `mqtts://`. */
      readonly isTls: boolean;
      readonly host: string;
      readonly port: number;
      readonly device: string;
    };

/** The port SMP servers listen on for UDP (Zephyr's default). */
export const SMP_UDP_PORT_DEFAULT = 1337;
/** The port MQTT brokers listen on. */
export const MQTT_PORT_DEFAULT = 1883;
/** The port they listen on for TLS. */
export const MQTTS_PORT_DEFAULT = 8883;

const TARGET_CHARACTERS_MAX = 1024;
const PORT_MAX = 65_535;
const FORMS = 'sim, serial:/dev/ttyACM0, tcp:HOST:PORT, udp:HOST:PORT or mqtts://HOST:PORT/DEVICE';

type TargetVerdict = Verdict<TargetSpec, 'target-malformed'>;

/**
 * Reads a target as people write it: `sim`, `serial:/dev/ttyACM0?baud=115200`, `tcp:HOST:PORT`,
 * `udp:HOST[:PORT]`, `mqtts://HOST[:PORT]/DEVICE` or `mqtt://HOST[:PORT]/DEVICE`, the slashes at
 * will. IPv6 addresses stand in brackets. The refusal names the right form.
 */
export function parseTarget(text: string): TargetVerdict {
  if (text.length > TARGET_CHARACTERS_MAX) {
    return malformed(`a target has at most ${TARGET_CHARACTERS_MAX} characters`);
  }
  if (text === 'sim') return accept({ kind: 'sim' });
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  switch (colon < 0 ? '' : text.slice(0, colon)) {
    case 'serial':
      return parseSerialSpec(rest);
    case 'tcp':
      return parseSocket({ kind: 'tcp', text, rest: withoutSlashes(rest), portDefault: undefined });
    case 'udp':
      return parseSocket({
        kind: 'udp',
        text,
        rest: withoutSlashes(rest),
        portDefault: SMP_UDP_PORT_DEFAULT,
      });
    case 'mqtt':
    case 'mqtts':
      return parseMqtt(text, withoutSlashes(rest));
    default:
      return malformed(`"${text}" is no target; write ${FORMS}`);
  }
}

/** The target as it is written, in its shortest unambiguous form. */
export function formatTarget(spec: TargetSpec): string {
  switch (spec.kind) {
    case 'sim':
      return 'sim';
    case 'serial':
      return formatSerialSpec(spec);
    case 'tcp':
    case 'udp':
      return `${spec.kind}:${formatHost(spec.host)}:${spec.port}`;
    case 'mqtt':
      return `${formatBroker(spec)}/${spec.device}`;
  }
}

/** The broker of an mqtt target: `mqtts://HOST:PORT`, or `mqtt://HOST:PORT`. */
export function formatBroker(spec: Extract<TargetSpec, { kind: 'mqtt' }>): string {
  return `${spec.isTls ? 'mqtts' : 'mqtt'}://${formatHost(spec.host)}:${spec.port}`;
}

interface SocketText {
  readonly kind: 'tcp' | 'udp';
  readonly text: string;
  readonly rest: string;
  readonly portDefault: number | undefined;
}

function parseSocket(socket: SocketText): TargetVerdict {
  const place = parsePlace(socket.rest, socket.portDefault);
  if (place === undefined) {
    return malformed(
      `"${socket.text}" is no ${socket.kind} target; write ${socket.kind}:HOST:PORT, ` +
        `for example ${socket.kind}:127.0.0.1:${socket.portDefault ?? 4000}`,
    );
  }
  return accept({ kind: socket.kind, ...place });
}

function parseMqtt(text: string, rest: string): TargetVerdict {
  const isTls = text.startsWith('mqtts:');
  const slash = rest.indexOf('/');
  const device = slash < 0 ? '' : rest.slice(slash + 1);
  const portDefault = isTls ? MQTTS_PORT_DEFAULT : MQTT_PORT_DEFAULT;
  const place = parsePlace(slash < 0 ? rest : rest.slice(0, slash), portDefault);
  const form = 'write mqtts://HOST:PORT/DEVICE, or mqtt://127.0.0.1:1883/board-1 on this machine';
  if (place === undefined) return malformed(`"${text}" is no mqtt target; ${form}`);
  // The device is one level of a topic: wildcards and further levels would address others.
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(device)) {
    return malformed(
      `"${device}" is no device name (1 to 64 letters, digits, dots, dashes, underscores); ${form}`,
    );
  }
  return accept({ kind: 'mqtt', isTls, ...place, device });
}

function parsePlace(
  text: string,
  portDefault: number | undefined,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]/?#\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? portDefault : parseNumber(match[3], 1, PORT_MAX);
  return host === undefined || port === undefined ? undefined : { host, port };
}

function parseNumber(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function withoutSlashes(text: string): string {
  return text.startsWith('//') ? text.slice(2) : text;
}

function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function malformed(detail: string): TargetVerdict {
  return reject('target-malformed', detail);
}
