import type { BootMode } from '../boot-control/boot-control.js';
import { BodyFields } from './body-fields.js';
import { formatDatetime, parseDatetime } from './datetime.js';
import { SMP_GROUP } from './error.js';
import { answer, mgmtError, osError } from './group.js';
import type { SmpCommand, SmpGroup, SmpOutcome } from './group.js';
import type { SmpBody } from './message.js';

/** The commands of the os group, by number. */
export const OS_COMMAND = {
  echo: 0,
  datetime: 4,
  reset: 5,
  params: 6,
  info: 7,
  bootloaderInfo: 8,
} as const;

/** The device's own sense of time. */
export interface AgentClock {
  /** Milliseconds since some moment; never moves back while the agent runs. */
  nowMs(): number;
}

/** What the os group's info command tells, field by field. */
export interface SystemInfo {
  readonly kernelName: string;
  readonly nodeName: string;
  readonly kernelRelease: string;
  readonly kernelVersion: string;
  readonly buildDateTime: string;
  readonly machine: string;
  readonly processor: string;
  readonly hardwarePlatform: string;
  readonly operatingSystem: string;
}

/** How a reset was asked for. */
export interface ResetRequest {
  /** Reset even if something would rather wait. */
  readonly force: boolean;
  /** 0 for a normal boot; what else there is depends on the system. */
  readonly bootMode: number;
}

/** The system that the agent runs on. */
export interface SystemPort {
  readonly info: SystemInfo;
  /** Asks for a reset, to be done once the answer to the request has left. */
  requestReset(request: ResetRequest): void;
}

/** What a client is told of the buffers behind its link. */
export interface SmpBuffers {
  /** The longest message taken or sent, header included. */
  readonly bufferSizeBytes: number;
  /** How many requests a client may have under way. */
  readonly bufferCount: number;
}

/** What the os group needs. */
export interface OsGroupPorts extends SmpBuffers {
  readonly bootMode: BootMode;
  /** Whether the bootloader was built to prevent downgrades. */
  readonly preventsDowngrade: boolean;
  readonly clock: AgentClock;
  readonly system: SystemPort;
}

/** The format letters of the info command, in the order their fields are written. */
const INFO_FIELDS: readonly (readonly [letter: string, field: keyof SystemInfo])[] = [
  ['s', 'kernelName'],
  ['n', 'nodeName'],
  ['r', 'kernelRelease'],
  ['v', 'kernelVersion'],
  ['b', 'buildDateTime'],
  ['m', 'machine'],
  ['p', 'processor'],
  ['i', 'hardwarePlatform'],
  ['o', 'operatingSystem'],
];

/** Group 0 (Zephyr's "Default / OS Management Group"). */
export function createOsGroup(ports: OsGroupPorts): SmpGroup {
  const datetime = new Datetime(ports.clock);
  return {
    id: SMP_GROUP.os,
    commands: new Map<number, SmpCommand>([
      [OS_COMMAND.echo, { read: echo, write: echo }],
      [OS_COMMAND.datetime, { read: () => datetime.read(), write: (body) => datetime.write(body) }],
      [OS_COMMAND.reset, { write: (body) => reset(ports.system, body) }],
      [OS_COMMAND.params, { read: () => params(ports) }],
      [OS_COMMAND.info, { read: (body) => info(ports.system.info, body) }],
      [OS_COMMAND.bootloaderInfo, { read: (body) => bootloaderInfo(ports, body) }],
    ]),
  };
}

/** The same group with other buffers: what one link can carry need not bind the others. */
export function withBuffers(group: SmpGroup, buffers: SmpBuffers): SmpGroup {
  const commands = new Map(group.commands);
  commands.set(OS_COMMAND.params, { read: () => params(buffers) });
  return { id: group.id, commands };
}

function echo(body: SmpBody): SmpOutcome {
  const fields = new BodyFields(body);
  const text = fields.text('d') ?? '';
  return fields.isMalformed ? mgmtError('invalid') : answer({ r: text });
}

/** Malformed fields do not stop a reset: it is how a device gets out of trouble. */
function reset(system: SystemPort, body: SmpBody): SmpOutcome {
  const fields = new BodyFields(body);
  system.requestReset({
    force: fields.bool('force') ?? false,
    bootMode: fields.uint32('boot_mode') ?? 0,
  });
  return answer({});
}

function params(ports: SmpBuffers): SmpOutcome {
  return answer({ buf_size: ports.bufferSizeBytes, buf_count: ports.bufferCount });
}

function info(system: SystemInfo, body: SmpBody): SmpOutcome {
  const fields = new BodyFields(body);
  const format = fields.text('format') ?? '';
  if (fields.isMalformed) return mgmtError('invalid');
  const letters = new Set(format === '' ? 's' : format);
  for (const letter of letters) {
    if (letter === 'a') continue;
    if (!INFO_FIELDS.some(([known]) => known === letter)) return osError('invalidFormat');
  }
  const chosen = INFO_FIELDS.filter(([letter]) => letters.has('a') || letters.has(letter));
  return answer({ output: chosen.map(([, field]) => system[field]).join(' ') });
}

/** Zephyr has the key `no-downgrade` only where it is true (CONFIG_MCUBOOT_BOOTLOADER_NO_DOWNGRADE). */
function bootloaderInfo(
  { bootMode, preventsDowngrade }: Pick<OsGroupPorts, 'bootMode' | 'preventsDowngrade'>,
  body: SmpBody,
): SmpOutcome {
  const fields = new BodyFields(body);
  const query = fields.text('query');
  if (fields.isMalformed) return mgmtError('invalid');
  if (query === undefined) return answer({ bootloader: 'MCUboot' });
  if (query !== 'mode') return osError('queryYieldsNoAnswer');
  const mode = { mode: bootMode.number };
  return answer(preventsDowngrade ? { ...mode, 'no-downgrade': true } : mode);
}

/** A clock that is set over SMP and forgotten at a reset. Nothing that matters believes it. */
class Datetime {
  readonly #clock: AgentClock;
  /** Milliseconds since 1970 when the clock read 0; undefined until set. */
  #originMs: number | undefined;

  constructor(clock: AgentClock) {
    this.#clock = clock;
  }

  read(): SmpOutcome {
    if (this.#originMs === undefined) return osError('clockNotSet');
    return answer({ datetime: formatDatetime(this.#originMs + this.#clock.nowMs()) });
  }

  write(body: SmpBody): SmpOutcome {
    const fields = new BodyFields(body);
    const text = fields.text('datetime');
    const ms = text === undefined ? undefined : parseDatetime(text);
    if (ms === undefined) return mgmtError('invalid');
    this.#originMs = ms - this.#clock.nowMs();
    return answer({});
  }
}
