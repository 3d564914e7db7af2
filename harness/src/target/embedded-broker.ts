import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { Aedes } from 'aedes';

const LOOPBACK = '127.0.0.1';

/** A broker that lives in this process. */
export interface EmbeddedBroker {
  readonly port: number;
  /** `mqtt://HOST:PORT`, without a device. */
  readonly url: string;
  /** Ends every connection and frees the port. A second call waits for the first. */
  close(): Promise<void>;
}

/** Where the broker listens. */
export interface EmbeddedBrokerOptions {
  /** 0 or nothing: any free port. */
  readonly port?: number;
}

/**
 * Starts an MQTT 3.1.1 broker on the loopback interface, for demonstrations and tests: nothing is
 * installed and nobody outside this machine can reach it. Rejects when the port is taken.
 */
export async function startEmbeddedBroker(
  options: EmbeddedBrokerOptions = {},
): Promise<EmbeddedBroker> {
  const broker = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  // Answers are small; waiting to join them with others would cost 40 ms each.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    // A client that is cut off mid-packet must not end the process.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    broker.handle(socket);
  });
  const port = await listen(server, options.port ?? 0);
  let closing: Promise<void> | undefined;
  return {
    port,
    url: `mqtt://${LOOPBACK}:${port}`,
    close: () => (closing ??= closeAll(broker, server, sockets)),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') {
        reject(new Error('the broker listens on no port'));
        return;
      }
      resolve(address.port);
    });
  });
}

async function closeAll(broker: Aedes, server: Server, sockets: Set<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  // Sockets first: the broker waits for its clients, and a client that hangs would hold it.
  for (const socket of sockets) socket.destroy();
  await closed;
  await new Promise<void>((resolve) => {
    broker.close(() => {
      resolve();
    });
  });
}
