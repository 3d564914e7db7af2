import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { accept, DONE, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { SerialPort } from 'serialport';
import { findPortHolder } from './port-holder.js';
import type { SerialSpec } from './serial-spec.js';
import type { TargetRejectCode } from './smp-connection.js';

/** Linux' number for the devices that are only memory. */
const MEMORY_DEVICES_MAJOR = 1;

/** An open port, and which device it is. */
export interface OpenSerialPort {
  readonly port: SerialPort;
  /** Whether the path still leads to the device that was opened. */
  isStillThere(): Promise<boolean>;
}

/**
 * Opens a serial port, or a pty. Refuses with `target-not-found`, `target-access-denied`,
 * `target-busy` or `target-unavailable`.
 */
export async function openSerialPort(
  spec: SerialSpec,
): Promise<Verdict<OpenSerialPort, TargetRejectCode>> {
  const usable = await checkUsable(spec.path);
  if (!usable.ok) return usable;
  const device = await identify(spec.path);
  const port = new SerialPort({
    path: spec.path,
    baudRate: spec.baudRate,
    rtscts: spec.flow === 'rtscts',
    xon: spec.flow === 'xonxoff',
    xoff: spec.flow === 'xonxoff',
    parity: spec.parity ?? 'none',
    stopBits: spec.stopBits ?? 1,
    autoOpen: false,
  });
  const failure = await new Promise<Error | null>((resolve) => {
    port.open(resolve);
  });
  if (failure !== null) return refuseOpen(spec, failure.message);
  // Opening takes its time; what is there now may be another device already.
  const isStillThere = async (): Promise<boolean> => (await identify(spec.path)) === device;
  return accept({ port, isStillThere });
}

/** What tells one device from another behind the same path; undefined when there is none. */
async function identify(path: string): Promise<string | undefined> {
  if (!isFile(path)) return path;
  try {
    const { dev, ino, rdev } = await stat(path);
    return `${dev} ${ino} ${rdev}`;
  } catch {
    return undefined;
  }
}

/** /dev/null and its like: half of all processes have them open, and none is in our way. */
function isMemory({ rdev }: Stats): boolean {
  return ((rdev >>> 8) & 0xfff) === MEMORY_DEVICES_MAJOR;
}

/** Ports that are no files (COM3) are left to the serial library. */
function isFile(path: string): boolean {
  return path.includes('/');
}

async function checkUsable(path: string): Promise<Verdict<void, TargetRejectCode>> {
  if (!isFile(path)) return DONE;
  try {
    const entry = await stat(path);
    if (!entry.isCharacterDevice() || isMemory(entry)) return refuseNoPort(path);
  } catch {
    return reject(
      'target-not-found',
      `there is no port ${path}; plug the board in, or look in /dev for its name`,
    );
  }
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch {
    return refuseAccess(path);
  }
  // Two readers take each other's bytes: one that has set no lock is in the way as well.
  return findPortHolder(path) === undefined ? DONE : refuseBusy(path);
}

/** The library tells its failures by sentence only. */
function refuseOpen(spec: SerialSpec, message: string): Verdict<never, TargetRejectCode> {
  const { path, baudRate } = spec;
  if (/cannot lock|busy|temporarily unavailable|access denied/i.test(message)) {
    return refuseBusy(path);
  }
  if (/permission denied|operation not permitted/i.test(message)) return refuseAccess(path);
  if (/no such file|no such device|not found|input\/output/i.test(message)) {
    return reject('target-not-found', `there is no device behind ${path}; plug the board in`);
  }
  if (/inappropriate ioctl|not a serial/i.test(message)) return refuseNoPort(path);
  const firstLine = message.split('\n')[0] ?? '';
  return reject('target-unavailable', `cannot open ${path} at ${baudRate} baud: ${firstLine}`);
}

function refuseNoPort(path: string): Verdict<never, TargetRejectCode> {
  return reject(
    'target-not-found',
    `${path} is not a serial port; give a path such as /dev/ttyACM0`,
  );
}

function refuseBusy(path: string): Verdict<never, TargetRejectCode> {
  const holder = findPortHolder(path);
  const who = holder === undefined ? 'another program' : `${holder.name} (process ${holder.pid})`;
  return reject('target-busy', `${path} is in use by ${who}; end it and try again`);
}

function refuseAccess(path: string): Verdict<never, TargetRejectCode> {
  return reject(
    'target-access-denied',
    `you may not open ${path}; join the group that owns it (often dialout) and log in again`,
  );
}
