import { execFile } from 'node:child_process';
import type { ExecFileException } from 'node:child_process';
import { DONE, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

/** How a serial line is set up. Eight data bits, always: frames hold bytes of all eight. */
export interface SerialSettings {
  readonly baudRate: number;
  /** What tells a sender to wait: two wires, two characters, or nothing. */
  readonly flow: 'none' | 'rtscts' | 'xonxoff';
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
}

/** What most consoles use. */
export const SERIAL_SETTINGS_DEFAULT: SerialSettings = {
  baudRate: 115_200,
  flow: 'none',
  parity: 'none',
  stopBits: 1,
};

/** Why a line could not be set up. */
export type SerialSettingsRejectCode =
  'serial-stty-missing' | 'serial-stty-timeout' | 'serial-settings-refused' | 'serial-not-a-port';

/** What is set up, and with which program. */
export interface SerialSetup {
  readonly path: string;
  readonly settings: SerialSettings;
  /** Another stty than the one on PATH. */
  readonly sttyCommand?: string;
}

const STTY_DEFAULT = 'stty';
const STTY_TIMEOUT_MS = 5_000;
const STTY_OUTPUT_BYTES_MAX = 4_096;

/**
 * No line editing, no echo, no signals, no change of any byte; no waiting for a modem's carrier,
 * and no hanging up when the port is closed.
 */
const RAW = ['raw', '-echo', '-iexten', 'cs8', 'cread', 'clocal', '-hupcl'] as const;

const FLOW = {
  none: ['-crtscts', '-ixon', '-ixoff'],
  rtscts: ['crtscts', '-ixon', '-ixoff'],
  xonxoff: ['-crtscts', 'ixon', 'ixoff', '-ixany'],
} as const;

const PARITY = {
  none: ['-parenb', '-inpck'],
  even: ['parenb', '-parodd', 'inpck'],
  odd: ['parenb', 'parodd', 'inpck'],
} as const;

/** Sets a line up through stty, of coreutils or of busybox: Node has no call for it. */
export function setUpSerialLine(
  setup: SerialSetup,
): Promise<Verdict<void, SerialSettingsRejectCode>> {
  const { path, settings } = setup;
  const command = setup.sttyCommand ?? STTY_DEFAULT;
  const args = [
    ...['-F', path, ...RAW, ...FLOW[settings.flow], ...PARITY[settings.parity]],
    ...[settings.stopBits === 2 ? 'cstopb' : '-cstopb', String(settings.baudRate)],
  ];
  const options = {
    timeout: STTY_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: STTY_OUTPUT_BYTES_MAX,
    // Its complaints are read below.
    env: { ...process.env, LC_ALL: 'C' },
  } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, _, complaint) => {
      resolve(error === null ? DONE : refuse(setup, error, complaint));
    });
  });
}

function refuse(
  setup: SerialSetup,
  error: ExecFileException,
  complaint: string,
): Verdict<never, SerialSettingsRejectCode> {
  const { path, settings, sttyCommand } = setup;
  if (error.code === 'ENOENT' || error.code === 'EACCES') {
    return reject(
      'serial-stty-missing',
      `${sttyCommand ?? STTY_DEFAULT} cannot be run; install coreutils or busybox, which have it`,
    );
  }
  if (error.killed === true) {
    return reject(
      'serial-stty-timeout',
      `stty did not end within ${STTY_TIMEOUT_MS} ms; the driver of ${path} hangs: plug it in again`,
    );
  }
  if (/inappropriate ioctl|not a (typewriter|tty)/i.test(complaint)) {
    return reject('serial-not-a-port', `${path} is no serial port; name one such as /dev/ttyS0`);
  }
  const { baudRate, flow, parity, stopBits } = settings;
  const said = complaint.split('\n')[0]?.trim() ?? '';
  return reject(
    'serial-settings-refused',
    `${path} does not take ${baudRate} baud, flow ${flow}, parity ${parity}, ${stopBits} stop ` +
      `bit(s) (${said}); choose settings that it has`,
  );
}
