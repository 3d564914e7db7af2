import { formatDuration, parseDuration } from '@brickproof/agent/node';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

/** The speed of a serial port when the target names none. */
export const SERIAL_BAUD_RATE_DEFAULT = 115_200;
/** How long a port that vanished is waited for when the target does not say. */
export const SERIAL_RECONNECT_MS_DEFAULT = 10_000;

/** A serial port, and how its line is set up; what is left out is the common way. */
export interface SerialSpec {
  readonly kind: 'serial';
  readonly path: string;
  readonly baudRate: number;
  /** What tells a sender to wait; without, nothing does. */
  readonly flow?: 'rtscts' | 'xonxoff';
  readonly parity?: 'even' | 'odd';
  /** Instead of one. */
  readonly stopBits?: 2;
  /** How long a port that vanished is waited for; 0 not at all. */
  readonly reconnectMs?: number;
}

const BAUD_RATE_MIN = 50;
const BAUD_RATE_MAX = 20_000_000;
const RECONNECT_MS_MAX = 3_600_000;
const FORM =
  'write serial:/dev/ttyACM0 or serial:/dev/ttyACM0?baud=115200, ' +
  'with &flow=rtscts, &parity=even, &stop=2 or &reconnect=10s where needed';

type SerialVerdict<T = SerialSpec> = Verdict<T, 'target-malformed'>;
type SerialOptions = Omit<SerialSpec, 'kind' | 'path'>;

/** Reads what follows `serial:`: a path, and options as in a URL. The refusal names the form. */
export function parseSerialSpec(text: string): SerialVerdict {
  const question = text.indexOf('?');
  const path = question < 0 ? text : text.slice(0, question);
  if (path === '' || path.includes('\0')) return malformed(`"serial:${text}" names no port`);
  const options = parseOptions(question < 0 ? '' : text.slice(question + 1));
  return options.ok ? accept({ kind: 'serial', path, ...options.value }) : options;
}

/** The port as it is written, with what differs from the common way. */
export function formatSerialSpec(spec: SerialSpec): string {
  const options = [`baud=${spec.baudRate}`];
  if (spec.flow !== undefined) options.push(`flow=${spec.flow}`);
  if (spec.parity !== undefined) options.push(`parity=${spec.parity}`);
  if (spec.stopBits !== undefined) options.push(`stop=${spec.stopBits}`);
  if (spec.reconnectMs !== undefined) options.push(`reconnect=${formatDuration(spec.reconnectMs)}`);
  return `serial:${spec.path}?${options.join('&')}`;
}

function parseOptions(text: string): SerialVerdict<SerialOptions> {
  let options: SerialOptions = { baudRate: SERIAL_BAUD_RATE_DEFAULT };
  const seen = new Set<string>();
  for (const part of text === '' ? [] : text.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (seen.has(name)) return malformed(`"${name}" stands there twice`);
    seen.add(name);
    const option = parseOption(name, equals < 0 ? '' : part.slice(equals + 1));
    if (!option.ok) return option;
    options = { ...options, ...option.value };
  }
  return accept(options);
}

function parseOption(name: string, value: string): SerialVerdict<Partial<SerialOptions>> {
  switch (name) {
    case 'baud':
      return parseBaudRate(value);
    case 'flow':
      if (value === 'none') return accept({});
      if (value === 'rtscts' || value === 'xonxoff') return accept({ flow: value });
      return malformed(`"${value}" is no flow control: none, rtscts or xonxoff`);
    case 'parity':
      if (value === 'none') return accept({});
      if (value === 'even' || value === 'odd') return accept({ parity: value });
      return malformed(`"${value}" is no parity: none, even or odd`);
    case 'stop':
      if (value === '1') return accept({});
      if (value === '2') return accept({ stopBits: 2 });
      return malformed(`"${value}" is no number of stop bits: 1 or 2`);
    case 'reconnect':
      return parseReconnect(value);
    default:
      return malformed(`a serial port has no option "${name}"`);
  }
}

function parseBaudRate(value: string): SerialVerdict<Partial<SerialOptions>> {
  const baudRate = /^\d{1,8}$/.test(value) ? Number(value) : 0;
  if (baudRate >= BAUD_RATE_MIN && baudRate <= BAUD_RATE_MAX) return accept({ baudRate });
  return malformed(`"${value}" is no baud rate from ${BAUD_RATE_MIN} to ${BAUD_RATE_MAX}`);
}

function parseReconnect(value: string): SerialVerdict<Partial<SerialOptions>> {
  const reconnectMs = parseDuration(value);
  if (reconnectMs.ok && reconnectMs.value <= RECONNECT_MS_MAX) {
    return accept({ reconnectMs: reconnectMs.value });
  }
  return malformed(`"${value}" is no time of at most 1h, such as 10s`);
}

function malformed(what: string): SerialVerdict<never> {
  return reject('target-malformed', `${what}; ${FORM}`);
}
