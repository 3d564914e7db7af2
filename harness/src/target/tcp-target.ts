import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Rejected, Verdict } from '@brickproof/bootloader-sim';
import { ConsoleConnection } from './console-connection.js';
import { CONNECT_TIMEOUT_MS_DEFAULT } from './smp-connection.js';
import type { OpenOptions, SmpConnection, TargetRejectCode } from './smp-connection.js';
import { formatTarget } from './target.js';
import type { TargetSpec } from './target.js';

type TcpSpec = Extract<TargetSpec, { kind: 'tcp' }>;

/**
 * Connects to a UART that is served on a TCP port, as emulators and port servers do: the bytes
 * are those of the serial console. Refuses with `target-not-found`, `target-unreachable` or
 * `target-timeout`.
 */
export function openTcpTarget(
  spec: TcpSpec,
  options: OpenOptions,
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
  const name = formatTarget(spec);
  return new Promise((resolve) => {
    const socket = connect({ host: spec.host, port: spec.port, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(reject('target-timeout', `${name} did not accept within ${timeoutMs} ms`));
    }, timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      resolve(refuseNetwork(name, error));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(accept(connectSocket(name, socket)));
    });
  });
}

function connectSocket(name: string, socket: Socket): SmpConnection {
  const connection = new ConsoleConnection({
    name,
    wire: { write: (bytes) => writeSocket(socket, bytes), close: () => closeSocket(socket) },
  });
  socket.on('data', (bytes) => {
    connection.receive(bytes);
  });
  const lose = (): void => {
    socket.destroy();
    connection.end({
      code: 'connection-lost',
      detail: `${name} ended the connection; start the board again and repeat the command`,
    });
  };
  socket.on('error', lose);
  socket.on('end', lose);
  socket.on('close', lose);
  return connection;
}

function writeSocket(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    // A failed write ends the connection through the socket's own events.
    socket.write(bytes, () => {
      resolve();
    });
  });
}

function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) {
      resolve();
      return;
    }
    // What was sent last, a reset perhaps, still goes out.
    socket.once('close', () => {
      resolve();
    });
    socket.destroySoon();
  });
}

/** Says in one sentence why a host could not be reached. */
export function refuseNetwork(name: string, error: Error): Rejected<TargetRejectCode> {
  const code = networkErrorCode(error);
  switch (code) {
    case 'ECONNREFUSED':
      return reject(
        'target-unreachable',
        `nothing listens at ${name}; start it, or check the port`,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return reject('target-not-found', `the host of ${name} is not known; check its name`);
    case 'ETIMEDOUT':
      return reject('target-timeout', `${name} did not answer; check the host and the network`);
    default:
      return reject('target-unreachable', `${name} cannot be reached (${code}); check the network`);
  }
}

// Where a name has several addresses, Node gathers one error for each.
function networkErrorCode(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (first instanceof Error && 'code' in first && typeof first.code === 'string')
    return first.code;
  return error.message;
}
