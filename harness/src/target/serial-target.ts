import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { accept, DONE, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { SerialPort } from 'serialport';
import { ConsoleConnection } from './console-connection.js';
import type { SmpConnection, TargetRejectCode } from './smp-connection.js';
import { formatTarget } from './target.js';
import type { TargetSpec } from './target.js';

/** How often we look whether the port's file is still there; a vanished one may stay silent. */
const PRESENCE_CHECK_INTERVAL_MS = 250;
const BITS_PER_BYTE_ON_LINE = 10;

type SerialSpec = Extract<TargetSpec, { kind: 'serial' }>;

/**
 * Opens a serial port, or a pty. Refuses with `target-not-found`, `target-access-denied`,
 * `target-busy` or `target-unavailable`.
 */
export async function openSerialTarget(
  spec: SerialSpec,
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const present = await checkPresent(spec.path);
  if (!present.ok) return present;
  const port = new SerialPort({ path: spec.path, baudRate: spec.baudRate, autoOpen: false });
  const failure = await new Promise<Error | null>((resolve) => {
    port.open(resolve);
  });
  if (failure !== null) return refuseOpen(spec, failure.message);
  return accept(connectPort(spec, port));
}

function connectPort(spec: SerialSpec, port: SerialPort): SmpConnection {
  const connection = new ConsoleConnection({
    name: formatTarget(spec),
    lineBytesPerSecond: spec.baudRate / BITS_PER_BYTE_ON_LINE,
    wire: { write: (bytes) => writePort(port, bytes), close: () => closePort(port) },
  });
  const lose = (): void => {
    clearInterval(presenceCheck);
    connection.end({
      code: 'connection-lost',
      detail: `the port ${spec.path} vanished; plug it in again and repeat the command`,
    });
    void closePort(port);
  };
  // A hung-up port reads as empty for ever instead of failing, so its file is watched as well.
  const presenceCheck = setInterval(() => {
    access(spec.path).catch(lose);
  }, PRESENCE_CHECK_INTERVAL_MS);
  presenceCheck.unref();
  port.on('data', (bytes: Uint8Array) => {
    connection.receive(bytes);
  });
  // Without this listener a port that vanishes would end the process.
  port.on('error', lose);
  port.on('close', lose);
  return connection;
}

function writePort(port: SerialPort, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (!port.isOpen) {
      resolve();
      return;
    }
    // A failed write ends the connection through the port's own events.
    port.write(bytes, () => {
      resolve();
    });
  });
}

function closePort(port: SerialPort): Promise<void> {
  return new Promise((resolve) => {
    if (!port.isOpen) {
      resolve();
      return;
    }
    port.close(() => {
      resolve();
    });
  });
}

async function checkPresent(path: string): Promise<Verdict<void, TargetRejectCode>> {
  // Ports that are no files (COM3) are left to the serial library.
  if (!path.includes('/')) return DONE;
  try {
    const entry = await stat(path);
    if (!entry.isCharacterDevice()) {
      return reject(
        'target-not-found',
        `${path} is not a serial port; give a path such as /dev/ttyACM0`,
      );
    }
  } catch {
    return reject(
      'target-not-found',
      `there is no port ${path}; plug the board in, or look in /dev for its name`,
    );
  }
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return DONE;
  } catch {
    return refuseAccess(path);
  }
}

/** The library tells its failures by sentence only. */
function refuseOpen(spec: SerialSpec, message: string): Verdict<never, TargetRejectCode> {
  if (/cannot lock|busy|temporarily unavailable|access denied/i.test(message)) {
    return reject('target-busy', `${spec.path} is in use; close the other program and try again`);
  }
  if (/permission denied|operation not permitted/i.test(message)) return refuseAccess(spec.path);
  if (/no such file|no such device|not found|input\/output/i.test(message)) {
    return reject('target-not-found', `there is no device behind ${spec.path}; plug the board in`);
  }
  if (/inappropriate ioctl|not a serial/i.test(message)) {
    return reject(
      'target-not-found',
      `${spec.path} is not a serial port; give a path such as /dev/ttyACM0`,
    );
  }
  const firstLine = message.split('\n')[0] ?? '';
  return reject(
    'target-unavailable',
    `cannot open ${spec.path} at ${spec.baudRate} baud: ${firstLine}`,
  );
}

function refuseAccess(path: string): Verdict<never, TargetRejectCode> {
  return reject(
    'target-access-denied',
    `you may not open ${path}; join the group that owns it (often dialout) and log in again`,
  );
}
