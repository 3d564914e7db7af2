import { createServer, type Socket } from 'node:net';
import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import { openPty } from './pty.js';
import type { VirtualBoard } from './virtual-board.js';

/** Why a board's UART cannot be offered. */
export type ServeRejectCode = 'serve-port-unavailable' | 'serve-pty-unavailable';

/** A UART that others can reach. */
export interface ServedUart {
  /** As a target: `serial:/dev/pts/3`, `tcp:127.0.0.1:4000`. */
  readonly target: string;
  close(): void;
}

/** Clients of one TCP UART; all see what the board sends. */
const TCP_CLIENTS_MAX = 8;
/** What a client that does not read may let pile up, before it misses bytes as on a real UART. */
const TCP_PENDING_BYTES_MAX = 1_048_576;

/** Offers the board's UART as a pty. */
export async function serveOnPty(
  board: VirtualBoard,
): Promise<Verdict<ServedUart, ServeRejectCode>> {
  try {
    const pty = await openPty();
    pty.onData((bytes) => {
      board.uartReceive(bytes);
    });
    const silence = board.listen({
      uart: (bytes) => {
        pty.write(bytes);
      },
    });
    return accept({
      target: `serial:${pty.path}`,
      close: () => {
        silence();
        pty.close();
      },
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return reject('serve-pty-unavailable', `no pty can be opened here (${why}); use --tcp PORT`);
  }
}

/** Offers the board's UART on a TCP port of the loopback interface; 0 takes any free port. */
export function serveOnTcp(
  board: VirtualBoard,
  port: number,
): Promise<Verdict<ServedUart, ServeRejectCode>> {
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      board.uartReceive(bytes);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => clients.delete(socket));
  });
  server.maxConnections = TCP_CLIENTS_MAX;
  const silence = board.listen({
    uart: (bytes) => {
      for (const client of clients) {
        if (client.writableLength < TCP_PENDING_BYTES_MAX) client.write(bytes);
      }
    },
  });
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      silence();
      const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
      resolve(
        reject('serve-port-unavailable', `port ${port} cannot be had (${why}); choose another`),
      );
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      const close = (): void => {
        silence();
        for (const client of clients) client.destroy();
        server.close();
      };
      resolve(accept({ target: `tcp:127.0.0.1:${bound}`, close }));
    });
  });
}
