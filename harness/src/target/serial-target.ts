import { setTimeout as sleep } from 'node:timers/promises';
import { accept } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { ConsoleConnection } from './console-connection.js';
import { openSerialPort } from './open-serial-port.js';
import type { OpenSerialPort } from './open-serial-port.js';
import { formatSerialSpec } from './serial-spec.js';
import type { SerialSpec } from './serial-spec.js';
import { SerialWire } from './serial-wire.js';
import type { SmpConnection, TargetRejectCode } from './smp-connection.js';

/** A port that was just plugged in gets its rights, and a modem probe, within about this time. */
const SETTLE_MS = 1_000;
const SETTLE_INTERVAL_MS = 100;
const SETTLING_CODES: ReadonlySet<TargetRejectCode> = new Set<TargetRejectCode>([
  'target-access-denied',
  'target-busy',
]);

/** A start bit and eight data bits; parity and stop bits come on top. */
const BITS_PER_BYTE_MIN = 9;

/**
 * Opens a serial port, or a pty. The connection outlives a port that vanishes and is back in time.
 * Refuses with `target-not-found`, `target-access-denied`, `target-busy` or `target-unavailable`.
 */
export async function openSerialTarget(
  spec: SerialSpec,
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const open = await openSettled(spec);
  return open.ok ? accept(connectPort(spec, open.value)) : open;
}

async function openSettled(spec: SerialSpec): Promise<Verdict<OpenSerialPort, TargetRejectCode>> {
  const deadlineMs = performance.now() + SETTLE_MS;
  for (;;) {
    const open = await openSerialPort(spec);
    const mayChange = !open.ok && SETTLING_CODES.has(open.code);
    if (!mayChange || performance.now() >= deadlineMs) return open;
    await sleep(SETTLE_INTERVAL_MS);
  }
}

function connectPort(spec: SerialSpec, open: OpenSerialPort): SmpConnection {
  const wire = new SerialWire(spec, {
    bytes: (bytes) => {
      connection.receive(bytes);
    },
    interrupted: () => {
      connection.interrupt();
    },
    resumed: () => {
      connection.resume();
    },
    lost: (reason) => {
      connection.end(reason);
    },
  });
  const connection = new ConsoleConnection({
    name: formatSerialSpec(spec),
    lineBytesPerSecond: bytesPerSecond(spec),
    wire,
  });
  wire.use(open);
  return connection;
}

function bytesPerSecond({ baudRate, parity, stopBits }: SerialSpec): number {
  return baudRate / (BITS_PER_BYTE_MIN + (stopBits ?? 1) + (parity === undefined ? 0 : 1));
}
