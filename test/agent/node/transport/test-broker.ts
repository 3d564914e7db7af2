import { startEmbeddedBroker } from '@brickproof/harness';
import type { EmbeddedBroker, EmbeddedBrokerOptions } from '@brickproof/harness';

/** What a broker that is made for a test may ask of its clients. */
export type TestBrokerOptions = Pick<EmbeddedBrokerOptions, 'tls' | 'users'>;

/** A broker that a test can end and start again on its port. It keeps nothing over that. */
export interface TestBroker {
  readonly port: number;
  readonly url: string;
  /** Ends it without a goodbye. */
  kill(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** A kind of broker. */
export interface TestBrokerKind {
  readonly name: string;
  readonly isSkipped: boolean;
  readonly titleSuffix: string;
  /** What it calls a wrong password: some brokers do not tell that from a missing right. */
  readonly wrongPassword: 'mqtt-credentials-refused' | 'mqtt-not-authorised';
  /** Whether it says so when it does not trust a client's certificate; Node's TLS only hangs up. */
  readonly stranger: 'mqtt-client-certificate-refused' | 'mqtt-connection-closed';
  /** Of the bad networks it is tried in; each takes seconds. */
  readonly seeds: readonly number[];
  create(options: TestBrokerOptions): Promise<TestBroker>;
}

export const EMBEDDED: TestBrokerKind = {
  name: 'the embedded broker',
  isSkipped: false,
  titleSuffix: '',
  wrongPassword: 'mqtt-credentials-refused',
  stranger: 'mqtt-connection-closed',
  seeds: [1, 2],
  create: async (options) => {
    let broker: EmbeddedBroker = await startEmbeddedBroker(options);
    const { port, url } = broker;
    return {
      port,
      url,
      kill: () => broker.close(),
      start: async () => {
        broker = await startEmbeddedBroker({ ...options, port });
      },
      dispose: () => broker.close(),
    };
  },
};
