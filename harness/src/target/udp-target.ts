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
const DATAGRAM_BYTES_MAX = { 4: 1_472, 6: 1_452 } as const;
/** How often a datagram is sent again because an earlier one was refused. */
const SENDS_AFTER_REFUSAL_MAX = 1;

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
    return accept(new UdpConnection(name, socket, DATAGRAM_BYTES_MAX[family === 6 ? 6 : 4]));
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

/** The socket is connected: what others than the device send never reaches it. */
class UdpConnection implements SmpConnection {
  readonly name: string;
  readonly messageBytesMax: number;
  readonly bufferOverheadBytes: number = 0;
  readonly lineBytesPerSecond: undefined = undefined;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents = new ConnectionEvents();

  constructor(name: string, socket: Socket, messageBytesMax: number) {
    this.name = name;
    this.messageBytesMax = messageBytesMax;
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

  async send(message: Uint8Array): Promise<void> {
    for (let sends = 0; sends <= SENDS_AFTER_REFUSAL_MAX; sends += 1) {
      if (this.closed !== undefined || !(await this.#sendOnce(message))) return;
    }
  }

  /**
   * Whether the datagram is still here because of an earlier one: the system tells that a
   * datagram was refused when the next one is sent, and does not send that.
   */
  #sendOnce(message: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      this.#socket.send(message, (error) => {
        resolve(error !== null && 'code' in error && error.code === 'ECONNREFUSED');
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
