import { connect, createServer, type Server, type Socket } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** A way to a broker that can be taken away. */
export interface BrokerProxy {
  /** `mqtt://HOST:PORT`. */
  readonly url: string;
  /** Ends every connection, and refuses new ones until `restore`. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

/** Starts a proxy on the loopback interface before a broker at this port. */
export async function startBrokerProxy(brokerPort: number): Promise<BrokerProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer({ noDelay: true }, (socket) => {
    // Nothing is read before the end: the client sees a connection that breaks at once.
    if (isCut) socket.resetAndDestroy();
    else join(socket, connect({ port: brokerPort, host: LOOPBACK, noDelay: true }), sockets);
  });
  const port = await listen(server);
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `mqtt://${LOOPBACK}:${port}`,
    cut,
    restore: () => {
      isCut = false;
    },
    close: () => {
      cut();
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** Two sockets as one line: when one ends, so does the other. */
function join(client: Socket, broker: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [client, broker],
    [broker, client],
  ] as const) {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
    socket.pipe(other);
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') {
        reject(new Error('the proxy listens on no port'));
        return;
      }
      resolve(address.port);
    });
  });
}
