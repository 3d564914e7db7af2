import { close, closeSync, constants, fstatSync, open } from 'node:fs';
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isatty, ReadStream } from 'node:tty';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { setUpSerialLine } from './serial-settings.js';
import type { SerialSettingsRejectCode, SerialSetup } from './serial-settings.js';

/** Why a port cannot be opened. */
export type OpenTerminalRejectCode =
  | SerialSettingsRejectCode
  | 'serial-port-missing'
  | 'serial-access-denied'
  | 'serial-busy'
  | 'serial-open-failed';

/** An open port, set up, that nothing has been read from. */
export interface Terminal {
  /** To write to; does not block. */
  readonly descriptor: number;
  readonly reader: ReadStream;
  /** Closes both. */
  close(): void;
  /** Whether the path still leads to the device that is open. */
  isStillAt(path: string): Promise<'here' | 'gone' | 'replaced'>;
}

/** `O_NOCTTY`: not our controlling terminal. `O_NONBLOCK`: no waiting for a modem's carrier. */
const OPEN_FLAGS = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;

/** Opens a port by its path, links followed, and sets it up. */
export async function openTerminal(
  setup: SerialSetup,
): Promise<Verdict<Terminal, OpenTerminalRejectCode>> {
  const opened = await openDescriptor(setup.path);
  if (!opened.ok) return opened;
  const descriptor = opened.value;
  const ready = isatty(descriptor) ? await setUpSerialLine(setup) : refuseNoPort(setup.path);
  if (!ready.ok) {
    close(descriptor);
    return ready;
  }
  try {
    return accept(readTerminal(descriptor));
  } catch (error) {
    // Unplugged just now.
    close(descriptor);
    return refuseOpen(setup.path, error);
  }
}

function openDescriptor(path: string): Promise<Verdict<number, OpenTerminalRejectCode>> {
  return new Promise((resolve) => {
    open(path, OPEN_FLAGS, (error, descriptor) => {
      resolve(error === null ? accept(descriptor) : refuseOpen(path, error));
    });
  });
}

function readTerminal(descriptor: number): Terminal {
  const opened = fstatSync(descriptor);
  const reader = new ReadStream(descriptor);
  // The reader opens the device once more for itself; where it could not, it uses our descriptor.
  const isShared = descriptorOf(reader) === descriptor;
  let isClosed = false;
  return {
    descriptor,
    reader,
    close: () => {
      if (isClosed) return;
      isClosed = true;
      reader.destroy();
      if (!isShared) closeSync(descriptor);
    },
    isStillAt: async (path) => {
      try {
        return isSameDevice(opened, await stat(path)) ? 'here' : 'replaced';
      } catch {
        return 'gone';
      }
    },
  };
}

/** Node keeps a stream's descriptor in its handle, and has no other way to tell it. */
function descriptorOf(reader: ReadStream): number | undefined {
  const handle: unknown = Reflect.get(reader, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const descriptor: unknown = Reflect.get(handle, 'fd');
  return typeof descriptor === 'number' ? descriptor : undefined;
}

function isSameDevice(a: Stats, b: Stats): boolean {
  return a.rdev === b.rdev && a.ino === b.ino && a.dev === b.dev;
}

function refuseNoPort(path: string): Verdict<never, OpenTerminalRejectCode> {
  return reject('serial-not-a-port', `${path} is no serial port; name one such as /dev/ttyS0`);
}

function refuseOpen(path: string, error: unknown): Verdict<never, OpenTerminalRejectCode> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENXIO':
    case 'ENODEV':
    case 'EIO':
      return reject('serial-port-missing', `there is no port ${path}; plug it in`);
    case 'EACCES':
    case 'EPERM':
      return reject(
        'serial-access-denied',
        `${path} may not be opened; add this user to the group that owns it (often dialout)`,
      );
    case 'EBUSY':
      return reject('serial-busy', `${path} is in use; end the process that has it`);
    case 'EISDIR':
      return refuseNoPort(path);
    default:
      return reject('serial-open-failed', `${path} cannot be opened (${code}); check its driver`);
  }
}
