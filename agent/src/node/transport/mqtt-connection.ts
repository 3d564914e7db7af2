import type { MqttClient } from 'mqtt';
import type { MqttPublication } from '../../transport/mqtt-link.js';
import { GuardError, GuardedStream } from './guarded-stream.js';
import type { MqttBroker } from './mqtt-broker.js';
import { closedProblem, connackProblem, networkProblem } from './mqtt-problem.js';
import type { MqttProblem } from './mqtt-problem.js';

const MQTT_3_1_1 = 4;
const QOS_AT_LEAST_ONCE = 1;
const QOS_REFUSED = 0x80;
/** From here on a number is the library's own word for a breach of the protocol. */
const LIBRARY_CODES = 0x80;

type MqttClientConstructor = typeof MqttClient;

/** What one connection is made of. */
export interface MqttConnectionOptions {
  readonly broker: MqttBroker;
  readonly clientId: string;
  readonly lastWill: MqttPublication | undefined;
  readonly keepAliveSeconds: number;
  /** How long the broker may take to answer the connect, and then each subscription. */
  readonly answerTimeoutMs: number;
  /** Of a longer message only the beginning is delivered. */
  readonly incomingBytesMax: number;
}

/** What a connection tells. */
export interface MqttConnectionListener {
  /** The broker accepted. Told once. */
  accepted(): void;
  /** Every subscription that was asked for is granted; told again after further ones. */
  subscribed(): void;
  message(topic: string, payload: Uint8Array, isRetained: boolean): void;
  /** It is over; nothing follows. Told once. */
  ended(problem: MqttProblem): void;
}

/**
 * Loads the library, once. It is the larger part of what a device on a serial line alone would
 * never need, and only its client is taken: no WebSockets.
 */
export async function loadMqttClient(): Promise<MqttClientConstructor> {
  const { default: library } = await import('mqtt/lib/client');
  // What a CommonJS module's default is, is seen differently by Node and by bundlers.
  return 'default' in library ? library.default : library;
}

/** One connection to a broker, from the first packet to its end. It is never opened again. */
export class MqttConnection {
  readonly #options: MqttConnectionOptions;
  readonly #listener: MqttConnectionListener;
  readonly #stream: GuardedStream;
  readonly #client: MqttClient;
  #timer: NodeJS.Timeout | undefined;
  #isAccepted = false;
  #unanswered = 0;
  #problem: MqttProblem | undefined;
  #hasEnded = false;

  constructor(
    Client: MqttClientConstructor,
    options: MqttConnectionOptions,
    listener: MqttConnectionListener,
  ) {
    this.#options = options;
    this.#listener = listener;
    this.#expectAnswer('the connect');
    const { broker } = options;
    this.#stream = new GuardedStream(broker.open, options.incomingBytesMax);
    // A listener of our own: the library passes over errors that have no code.
    this.#stream.on('error', (error) => {
      this.end(this.#describe(error));
    });
    this.#client = new Client(() => this.#stream, clientOptions(options));
    this.#listen();
  }

  /** Whether it carries messages now. */
  get isAccepted(): boolean {
    return this.#isAccepted && this.#problem === undefined && !this.#hasEnded;
  }

  /** Whether the broker accepted it, whatever came later. */
  get wasAccepted(): boolean {
    return this.#isAccepted;
  }

  /** What the network has not taken yet. */
  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  /** `taken` is called when the broker acknowledged a message of QoS 1; never otherwise. */
  publish({ topic, payload, retain, qos }: MqttPublication, taken?: () => void): void {
    this.#client.publish(topic, viewOf(payload), { retain, qos }, (error) => {
      if (error == null && qos === QOS_AT_LEAST_ONCE && taken !== undefined) callOwn(taken);
    });
  }

  subscribe(topic: string): void {
    this.#unanswered += 1;
    this.#expectAnswer('a subscription');
    this.#client.subscribe(topic, { qos: QOS_AT_LEAST_ONCE }, (error, granted) => {
      if (this.#hasEnded) return;
      const isRefused = granted?.some(({ qos }) => qos === QOS_REFUSED) === true;
      if (error !== null || isRefused) {
        const detail = `${this.#options.broker.name} refuses the subscription to ${topic}; allow it`;
        this.end({ code: 'mqtt-subscription-refused', detail });
        return;
      }
      this.#unanswered -= 1;
      this.reportSubscribed();
    });
  }

  /** Tells that all subscriptions are granted, if they are; none is all of none. */
  reportSubscribed(): void {
    if (this.#unanswered > 0 || !this.isAccepted) return;
    clearTimeout(this.#timer);
    this.#listener.subscribed();
  }

  /** Says goodbye, so that the broker does not speak the last will, and closes. */
  goodbye(): void {
    this.#problem ??= this.#closed();
    if (this.#isAccepted) this.#client.end(false);
    else this.#stream.destroy();
  }

  /** Ends it from this side, without a word. Only the first cause counts. */
  end(problem: MqttProblem): void {
    this.#problem ??= problem;
    this.#stream.destroy();
  }

  #listen(): void {
    const client = this.#client;
    client.on('connect', () => {
      if (this.#problem !== undefined) return;
      this.#isAccepted = true;
      clearTimeout(this.#timer);
      callOwn(() => {
        this.#listener.accepted();
      });
    });
    client.on('packetreceive', () => {
      this.#stream.noteTaken();
    });
    client.on('message', (topic, payload, packet) => {
      if (this.#problem !== undefined) return;
      callOwn(() => {
        this.#listener.message(topic, payload, packet.retain);
      });
    });
    client.on('error', (error) => {
      this.end(this.#describe(error));
    });
    client.on('close', () => {
      if (this.#hasEnded) return;
      this.#hasEnded = true;
      clearTimeout(this.#timer);
      this.#listener.ended(this.#problem ?? this.#closed());
    });
  }

  #expectAnswer(what: string): void {
    clearTimeout(this.#timer);
    const { broker, answerTimeoutMs } = this.#options;
    this.#timer = setTimeout(() => {
      const detail = `${broker.name} does not answer ${what} (${answerTimeoutMs} ms); tried again`;
      this.end({ code: 'mqtt-broker-silent', detail });
    }, answerTimeoutMs);
  }

  #closed(): MqttProblem {
    return closedProblem(this.#options.broker.name, this.#isAccepted);
  }

  #describe(error: Error): MqttProblem {
    const { name } = this.#options.broker;
    if (error instanceof GuardError) {
      const detail = `${name} sent what is no packet for this side (${error.code}); ended`;
      return { code: error.code, detail };
    }
    if ('code' in error && typeof error.code === 'string') {
      return networkProblem(name, error) ?? this.#closed();
    }
    if ('code' in error && typeof error.code === 'number' && error.code < LIBRARY_CODES) {
      return connackProblem(name, error.code);
    }
    if (error.message === 'Keepalive timeout') {
      const detail = `${name} no longer answers (keep-alive); the connection is made again`;
      return { code: 'mqtt-broker-silent', detail };
    }
    const detail = `${name} sent what is not MQTT (${error.message}); check what listens there`;
    return { code: 'mqtt-packet-malformed', detail };
  }
}

function clientOptions(
  options: MqttConnectionOptions,
): ConstructorParameters<MqttClientConstructor>[1] {
  const { broker, lastWill, answerTimeoutMs } = options;
  return {
    protocolVersion: MQTT_3_1_1,
    clientId: options.clientId,
    clean: true,
    keepalive: options.keepAliveSeconds,
    // When to try again is decided by the session: the library waits a fixed time.
    reconnectPeriod: 0,
    resubscribe: false,
    // Our own timer is the shorter one; it also covers subscriptions.
    connectTimeout: 2 * answerTimeoutMs,
    // The cache holds a buffer for each of 65,536 numbers.
    writeCache: false,
    timerVariant: 'native',
    ...(broker.username === undefined ? {} : { username: broker.username }),
    ...(broker.password === undefined ? {} : { password: broker.password }),
    ...(lastWill === undefined ? {} : { will: { ...lastWill, payload: viewOf(lastWill.payload) } }),
  };
}

// The stream takes whatever is thrown while a packet is read for the broker's fault. A mistake of
// our own is not: it is thrown where nobody takes it for one.
function callOwn(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
