import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { accept } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { CLOSED_BY_US, ConnectionEvents } from './connection-events.js';
import type {
  ConnectionClose,
  ConnectionListener,
  SmpConnection,
  TargetRejectCode,
} from './smp-connection.js';
import { formatTarget } from './target.js';
import type { TargetSpec } from './target.js';
import { refuseNetwork } from './tcp-target.js';

/** What fits one Ethernet frame beside the IP and UDP headers; fragments are lost together. */
const DATAGRAM_BYTES_MAX = 1472;

type UdpSpec = Extract<TargetSpec, { kind: 'udp' }>;

/**
 * Opens a socket to a device that takes bare SMP messages, one a datagram. That says nothing about
 * whether a device is there. Refuses with `target-not-found` or `target-unreachable`.
 */
export async function openUdpTarget(
  spec: UdpSpec,
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const name = formatTarget(spec);
  try {
    const { address, family } = await lookup(spec.host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    await connectSocket(socket, spec.port, address);
    return accept(new UdpConnection(name, socket));
  } catch (error) {
    if (error instanceof Error) return refuseNetwork(name, error);
    throw error;
  }
}

function connectSocket(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

class UdpConnection implements SmpConnection {
  readonly name: string;
  readonly messageBytesMax: number = DATAGRAM_BYTES_MAX;
  readonly bufferOverheadBytes: number = 0;
  readonly lineBytesPerSecond: undefined = undefined;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents = new ConnectionEvents();

  constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    socket.on('message', (message) => {
      this.#events.message(message);
    });
    // "Refused" only says that the device does not listen right now: it may be restarting.
    socket.on('error', () => undefined);
  }

  get closed(): ConnectionClose | undefined {
    return this.#events.closed;
  }

  listen(listener: ConnectionListener): void {
    this.#events.listen(listener);
  }

  send(message: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed !== undefined) {
        resolve();
        return;
      }
      this.#socket.send(message, () => {
        resolve();
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed !== undefined) {
        resolve();
        return;
      }
      this.#events.end(CLOSED_BY_US);
      this.#socket.close(resolve);
    });
  }
}
