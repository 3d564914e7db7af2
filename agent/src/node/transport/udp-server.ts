import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { SMP_UDP_PORT } from '../../transport/datagram-link.js';
import type { DatagramLink } from '../../transport/datagram-link.js';
import { RetryDelay } from './retry-delay.js';
import { PROCESS_CLOCK } from './transport-clock.js';
import type { CancelDelay, TransportClock } from './transport-clock.js';

/** Answers that may be on their way out; what comes on top is dropped, as networks do. */
export const UDP_SENDS_MAX = 64;
/** How long a stop waits for answers to leave. */
export const UDP_STOP_FLUSH_MS = 500;
/** Where a server listens unless told: for programs of this device only. */
export const UDP_ADDRESS_DEFAULT = '127.0.0.1';

/** Why a server does not listen, or no longer. */
export type UdpServerCode =
  | 'udp-port-in-use'
  | 'udp-access-denied'
  | 'udp-address-unavailable'
  | 'udp-bind-failed'
  | 'udp-socket-failed';

/** `waiting`: until the next try to bind. */
export type UdpServerState = 'stopped' | 'opening' | 'open' | 'waiting';

/** Who is told what becomes of a server. */
export interface UdpServerListener {
  opened?(place: UdpPlace): void;
  /** The socket failed, or cannot be bound; told once for as long as the cause stays the same. */
  lost?(code: UdpServerCode, detail: string): void;
}

/** An address and a port on it. */
export interface UdpPlace {
  readonly address: string;
  readonly port: number;
}

/** What a server is made of. */
export interface UdpServerOptions {
  readonly link: DatagramLink;
  /** An IPv4 or IPv6 address of this device; the loopback unless told. */
  readonly address?: string;
  /** 0 takes any free port. */
  readonly port?: number;
  readonly listener?: UdpServerListener;
  readonly clock?: TransportClock;
}

/**
 * SMP over UDP, for as long as it is started: one datagram is one message, and is answered to its
 * sender only. A socket that fails is bound again after a growing delay.
 */
export class UdpServer {
  readonly #options: UdpServerOptions;
  readonly #place: UdpPlace;
  readonly #clock: TransportClock;
  readonly #retry: RetryDelay = new RetryDelay();
  #state: UdpServerState = 'stopped';
  #socket: Socket | undefined;
  #openedMs = 0;
  #cancelDelay: CancelDelay | undefined;
  #toldCode: UdpServerCode | undefined;
  #sends = 0;
  #whenSent: (() => void)[] = [];
  #droppedAnswers = 0;

  constructor(options: UdpServerOptions) {
    this.#options = options;
    this.#place = {
      address: options.address ?? UDP_ADDRESS_DEFAULT,
      port: options.port ?? SMP_UDP_PORT,
    };
    this.#clock = options.clock ?? PROCESS_CLOCK;
  }

  get state(): UdpServerState {
    return this.#state;
  }

  /** Answers that did not leave. */
  get droppedAnswers(): number {
    return this.#droppedAnswers;
  }

  start(): void {
    if (this.#state === 'stopped') this.#bind();
  }

  /**
   * Closes the socket, after the answers have left or `UDP_STOP_FLUSH_MS` have passed. May be
   * started again once this has resolved.
   */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#toldCode = undefined;
    this.#cancelDelay?.();
    const socket = this.#socket;
    if (this.#sends > 0) await this.#flush();
    if (socket === this.#socket) this.#close();
  }

  #bind(): void {
    this.#state = 'opening';
    const { address, port } = this.#place;
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#lose(socket, error);
    });
    socket.on('message', (datagram, from) => {
      if (this.#socket === socket && this.#state === 'open') this.#receive(socket, datagram, from);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      if (this.#socket === socket) this.#noteOpen(socket);
    });
  }

  #noteOpen(socket: Socket): void {
    this.#state = 'open';
    this.#openedMs = this.#clock.nowMs();
    this.#toldCode = undefined;
    const { address, port } = socket.address();
    this.#options.listener?.opened?.({ address, port });
  }

  #receive(socket: Socket, datagram: Uint8Array, from: RemoteInfo): void {
    // Nobody can be answered there: such a datagram was made by hand.
    if (from.port === 0) return;
    const answer = this.#options.link.answer(`${from.address} ${from.port}`, datagram);
    if (answer === undefined) return;
    if (this.#sends >= UDP_SENDS_MAX) {
      this.#droppedAnswers += 1;
      return;
    }
    this.#send(socket, answer, from);
  }

  /** An answer that cannot be sent is a lost one: the client asks again. */
  #send(socket: Socket, answer: Uint8Array, to: RemoteInfo): void {
    this.#sends += 1;
    const noteEnd = (error: unknown): void => {
      if (error !== null) this.#droppedAnswers += 1;
      if (this.#socket === socket) this.#noteSent();
    };
    try {
      socket.send(answer, to.port, to.address, noteEnd);
    } catch (error) {
      // Node refuses some places at once, and anybody may write any place into a datagram.
      noteEnd(error);
    }
  }

  #noteSent(): void {
    this.#sends -= 1;
    if (this.#sends === 0) for (const tell of this.#whenSent.splice(0)) tell();
  }

  #lose(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    const wasOpen = this.#state === 'open';
    this.#close();
    if (this.#state === 'stopped') return;
    if (wasOpen) this.#retry.noteHeld(this.#clock.nowMs() - this.#openedMs);
    const { code, detail } = wasOpen ? explainLoss(error) : explainBind(this.#place, error);
    this.#state = 'waiting';
    this.#cancelDelay = this.#clock.after(this.#retry.takeMs(), () => {
      this.#bind();
    });
    if (this.#toldCode === code) return;
    this.#toldCode = code;
    this.#options.listener?.lost?.(code, detail);
  }

  #close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#sends = 0;
    for (const tell of this.#whenSent.splice(0)) tell();
  }

  #flush(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(UDP_STOP_FLUSH_MS, resolve);
      this.#whenSent.push(() => {
        cancel();
        resolve();
      });
    });
  }
}

interface Explained {
  readonly code: UdpServerCode;
  readonly detail: string;
}

function explainLoss(error: Error): Explained {
  const detail = `the UDP socket failed (${error.message}); it is opened again`;
  return { code: 'udp-socket-failed', detail };
}

function explainBind({ address, port }: UdpPlace, error: Error): Explained {
  const place = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
  switch ('code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return {
        code: 'udp-port-in-use',
        detail: `UDP ${place} is in use; end what listens there, or choose another port`,
      };
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'udp-access-denied',
        detail: `UDP ${place} may not be used; choose a port from 1024 on`,
      };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EINVAL':
      return {
        code: 'udp-address-unavailable',
        detail: `this device has no address ${address} now; check the network, or choose another`,
      };
    default:
      return { code: 'udp-bind-failed', detail: `UDP ${place} cannot be had (${error.message})` };
  }
}
