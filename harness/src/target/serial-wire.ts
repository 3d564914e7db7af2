import { formatDuration } from '@brickproof/agent/node';
import type { SerialPort } from 'serialport';
import type { ByteWire } from './console-connection.js';
import { openSerialPort } from './open-serial-port.js';
import type { OpenSerialPort } from './open-serial-port.js';
import { SERIAL_RECONNECT_MS_DEFAULT } from './serial-spec.js';
import type { SerialSpec } from './serial-spec.js';
import type { ConnectionClose } from './smp-connection.js';

/** How often we look whether the port is still there; a vanished one may stay silent. */
const PRESENCE_CHECK_INTERVAL_MS = 250;
/** How often a vanished port is tried again. */
const REOPEN_INTERVAL_MS = 100;
/** A port that is lost again before, without a byte, has not been back. */
const REOPEN_STABLE_MS = 2_000;
/** What may wait for a port that takes nothing; what comes on top is lost, as on a dead line. */
export const WIRE_PENDING_BYTES_MAX: number = 256 * 1024;

/** Who is told what comes over the wire, and what becomes of it. */
export interface SerialWireListener {
  bytes(bytes: Uint8Array): void;
  /** The port has vanished; it is waited for. */
  interrupted(): void;
  /** The port is back, perhaps as another device. */
  resumed(): void;
  /** The port did not come back. */
  lost(reason: ConnectionClose): void;
}

/** A serial port that may vanish for a while, as one that is unplugged or whose board restarts. */
export class SerialWire implements ByteWire {
  readonly #spec: SerialSpec;
  readonly #reconnectMs: number;
  readonly #listener: SerialWireListener;
  #open: OpenSerialPort | undefined;
  #presenceCheck: NodeJS.Timeout | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  #openedMs = 0;
  #hasHeard = false;
  /** When the wire gives up; moves on only once the port has really been back. */
  #deadlineMs: number | undefined;
  #isClosed = false;

  constructor(spec: SerialSpec, listener: SerialWireListener) {
    this.#spec = spec;
    this.#reconnectMs = spec.reconnectMs ?? SERIAL_RECONNECT_MS_DEFAULT;
    this.#listener = listener;
  }

  /** Takes an open port into use. */
  use(open: OpenSerialPort): void {
    this.#open = open;
    this.#openedMs = performance.now();
    this.#hasHeard = false;
    const { port } = open;
    const lose = (): void => {
      this.#lose(open);
    };
    port.on('data', (bytes: Uint8Array) => {
      if (this.#open !== open) return;
      this.#hasHeard = true;
      this.#listener.bytes(bytes);
    });
    // Without this listener a port that vanishes would end the process.
    port.on('error', lose);
    port.on('close', lose);
    // A hung-up port reads as empty for ever instead of failing, so its path is watched as well.
    this.#presenceCheck = setInterval(() => {
      void open.isStillThere().then((isThere) => {
        if (!isThere) lose();
      });
    }, PRESENCE_CHECK_INTERVAL_MS);
    this.#presenceCheck.unref();
  }

  write(bytes: Uint8Array): Promise<void> {
    const port = this.#open?.port;
    const isFull = (port?.writableLength ?? 0) + bytes.byteLength > WIRE_PENDING_BYTES_MAX;
    if (port?.isOpen !== true || isFull) return Promise.resolve();
    return new Promise((resolve) => {
      // A failed write ends the port through its own events.
      port.write(bytes, () => {
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#reopenTimer);
    const open = this.#release();
    if (open !== undefined) await closePort(open.port);
  }

  #release(): OpenSerialPort | undefined {
    clearInterval(this.#presenceCheck);
    const open = this.#open;
    this.#open = undefined;
    return open;
  }

  #lose(open: OpenSerialPort): void {
    if (this.#open !== open) return;
    this.#release();
    void closePort(open.port);
    const heldMs = performance.now() - this.#openedMs;
    if (this.#hasHeard || heldMs >= REOPEN_STABLE_MS) this.#deadlineMs = undefined;
    this.#deadlineMs ??= performance.now() + this.#reconnectMs;
    if (performance.now() >= this.#deadlineMs) {
      this.#giveUp(this.#reconnectMs === 0 ? '' : ' again and again');
      return;
    }
    this.#listener.interrupted();
    this.#reopenLater();
  }

  #reopenLater(): void {
    this.#reopenTimer = setTimeout(() => {
      void this.#reopen();
    }, REOPEN_INTERVAL_MS);
  }

  /** Whatever is in the way now, a udev rule that has not run yet perhaps, may be gone soon. */
  async #reopen(): Promise<void> {
    const open = await openSerialPort(this.#spec);
    if (this.#isClosed) {
      if (open.ok) await closePort(open.value.port);
    } else if (open.ok) {
      this.use(open.value);
      this.#listener.resumed();
    } else if (performance.now() >= (this.#deadlineMs ?? 0)) {
      this.#giveUp(
        ` and was not back within ${formatDuration(this.#reconnectMs)} (${open.detail})`,
      );
    } else {
      this.#reopenLater();
    }
  }

  #giveUp(how: string): void {
    this.#isClosed = true;
    const { path } = this.#spec;
    this.#listener.lost({
      code: 'connection-lost',
      detail: `the port ${path} vanished${how}; plug it in again and repeat the command`,
    });
  }
}

/** Closes a port that may be gone already. */
export function closePort(port: SerialPort): Promise<void> {
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
