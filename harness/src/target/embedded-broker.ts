import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes } from 'aedes';
import type { AedesOptions } from 'aedes';

const LOOPBACK = '127.0.0.1';

/** A broker that lives in this process. */
export interface EmbeddedBroker {
  readonly port: number;
  /** `mqtt://HOST:PORT`, without a device. */
  readonly url: string;
  /** Ends every connection and frees the port. A second call waits for the first. */
  close(): Promise<void>;
}

/** With TLS: what the broker shows, and what it asks of its clients. In PEM. */
export interface EmbeddedBrokerTls {
  readonly certificate: string;
  readonly key: string;
  /** Clients must have a certificate from this CA; unless told, none is asked for. */
  readonly clientCa?: string;
}

/** Where the broker listens, and to whom. */
export interface EmbeddedBrokerOptions {
  /** 0 or nothing: any free port. */
  readonly port?: number;
  readonly tls?: EmbeddedBrokerTls;
  /** Password by user name; unless told, everybody may connect. */
  readonly users?: ReadonlyMap<string, string>;
  /** Whether a user may subscribe to a filter; unless told, everybody may to all. */
  readonly maySubscribe?: (user: string | undefined, filter: string) => boolean;
}

const CONNACK_CREDENTIALS_REFUSED = 4;

/**
 * Starts an MQTT 3.1.1 broker on the loopback interface, for demonstrations and tests: nothing is
 * installed and nobody outside this machine can reach it. Rejects when the port is taken.
 */
export async function startEmbeddedBroker(
  options: EmbeddedBrokerOptions = {},
): Promise<EmbeddedBroker> {
  const broker = await Aedes.createBroker(accessRules(options));
  const sockets = new Set<Socket>();
  const server = createSocketServer(options.tls, (socket) => {
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
    url: `${options.tls === undefined ? 'mqtt' : 'mqtts'}://${LOOPBACK}:${port}`,
    close: () => (closing ??= closeAll(broker, server, sockets)),
  };
}

function accessRules({ users, maySubscribe }: EmbeddedBrokerOptions): AedesOptions {
  const names = new WeakMap<object, string>();
  return {
    authenticate: (client, username, password, done) => {
      if (username !== undefined) names.set(client, username);
      const isKnown =
        users === undefined ||
        (username !== undefined && users.get(username) === Buffer.from(password ?? []).toString());
      if (isKnown) done(null, true);
      else
        done(
          Object.assign(new Error('unknown'), { returnCode: CONNACK_CREDENTIALS_REFUSED }),
          null,
        );
    },
    authorizeSubscribe: (client, subscription, done) => {
      const user = names.get(client);
      const isAllowed = maySubscribe === undefined || maySubscribe(user, subscription.topic);
      done(null, isAllowed ? subscription : null);
    },
  };
}

function createSocketServer(
  tls: EmbeddedBrokerTls | undefined,
  onSocket: (socket: Socket) => void,
): Server {
  // Answers are small; waiting to join them with others would cost 40 ms each.
  if (tls === undefined) return createServer({ noDelay: true }, onSocket);
  const { certificate, key, clientCa } = tls;
  const asksClients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true };
  const server = createTlsServer(
    { noDelay: true, cert: certificate, key, ...asksClients },
    onSocket,
  );
  // A client that is refused, or that gives up: its end is told to itself.
  server.on('tlsClientError', () => undefined);
  return server;
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
