import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { createMqttTopics, decodeMqttStatus } from '@brickproof/agent';
import type { MqttTopics } from '@brickproof/agent';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Rejected, Verdict } from '@brickproof/bootloader-sim';
import { connect } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { CLOSED_BY_US, ConnectionEvents } from './connection-events.js';
import { CONNECT_TIMEOUT_MS_DEFAULT } from './smp-connection.js';
import type {
  ConnectionClose,
  ConnectionListener,
  OpenOptions,
  SmpConnection,
  TargetRejectCode,
} from './smp-connection.js';
import { formatTarget } from './target.js';
import type { TargetSpec } from './target.js';
import { refuseNetwork } from './tcp-target.js';

/** The first level of all topics, for devices and clients that are told no other. */
export const MQTT_PREFIX_DEFAULT = 'brickproof';

/** The longest SMP message: what its header can say. */
const MESSAGE_BYTES_MAX = 0xffff + 8;
const SESSION_BYTES = 12;
const MQTT_3_1_1 = 4;
const QOS_AT_LEAST_ONCE = 1;
const QOS_REFUSED = 128;

type MqttSpec = Extract<TargetSpec, { kind: 'mqtt' }>;
type OpenVerdict = Verdict<SmpConnection, TargetRejectCode>;

/**
 * Connects to a broker and waits until the device says it is online. Each connection has a session
 * of its own, so that answers to others are never seen. Refuses with `target-malformed`,
 * `target-not-found`, `target-unreachable`, `target-access-denied`, `target-timeout` or
 * `target-offline`.
 */
export async function openMqttTarget(spec: MqttSpec, options: OpenOptions): Promise<OpenVerdict> {
  const address = { prefix: MQTT_PREFIX_DEFAULT, device: spec.device };
  const topics = createMqttTopics(address);
  if (!topics.ok) return reject('target-malformed', topics.detail);
  const opening = new MqttOpening(spec, topics.value, options);
  return opening.result;
}

/** From the first packet to the device's "online", or to the reason why not. */
class MqttOpening {
  readonly result: Promise<OpenVerdict>;
  readonly #spec: MqttSpec;
  readonly #topics: MqttTopics;
  readonly #session: string = randomBytes(SESSION_BYTES).toString('hex');
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #client: MqttClient;
  readonly #connection: MqttConnection;
  #settle: (verdict: OpenVerdict) => void = () => undefined;
  #state: 'connecting' | 'waiting' | 'offline' | 'settled' = 'connecting';

  constructor(spec: MqttSpec, topics: MqttTopics, options: OpenOptions) {
    this.#spec = spec;
    this.#topics = topics;
    this.#timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = setTimeout(() => {
      this.#refuse(this.#refuseTimeout());
    }, this.#timeoutMs);
    this.#client = connect({
      host: spec.host,
      port: spec.port,
      protocol: 'mqtt',
      protocolVersion: MQTT_3_1_1,
      clientId: `brickproof-${this.#session}`,
      clean: true,
      connectTimeout: this.#timeoutMs,
      // A lost connection is the caller's to open again: only it knows what was under way.
      reconnectPeriod: 0,
    });
    this.#connection = new MqttConnection({
      name: formatTarget(spec),
      client: this.#client,
      requestTopic: topics.request(this.#session),
    });
    this.#listen();
  }

  #listen(): void {
    this.#client.on('connect', () => {
      // Requests are small; waiting to join them with others would cost 40 ms each.
      const { stream } = this.#client;
      if (stream instanceof Socket) stream.setNoDelay(true);
      this.#subscribe();
    });
    this.#client.on('message', (topic, payload) => {
      if (topic === this.#topics.status) this.#takeStatus(payload);
      else if (topic === this.#topics.response(this.#session)) this.#connection.receive(payload);
    });
    this.#client.on('error', (error) => {
      this.#refuse(refuseBroker(formatTarget(this.#spec), error));
    });
    this.#client.on('close', () => {
      const name = formatTarget(this.#spec);
      this.#refuse(reject('target-unreachable', `the broker of ${name} ended the connection`));
      this.#connection.end({
        code: 'connection-lost',
        detail: `the broker of ${name} is gone; start it again and repeat the command`,
      });
    });
  }

  #subscribe(): void {
    this.#state = 'waiting';
    const filters = [this.#topics.response(this.#session), this.#topics.status];
    this.#client.subscribe(filters, { qos: QOS_AT_LEAST_ONCE }, (error, granted) => {
      const refused = granted?.some(({ qos }) => qos === QOS_REFUSED) ?? false;
      if (error !== null || refused) {
        const name = formatTarget(this.#spec);
        const detail = `the broker of ${name} refuses its topics; allow them for this client`;
        this.#refuse(reject('target-access-denied', detail));
      }
    });
  }

  #takeStatus(payload: Uint8Array): void {
    const status = decodeMqttStatus(payload);
    if (!status.ok) return;
    if (status.value.state === 'online') {
      if (this.#state === 'settled') return;
      this.#finish(accept(this.#connection));
      return;
    }
    if (this.#state === 'settled') this.#connection.loseDevice(this.#spec.device);
    else this.#state = 'offline';
  }

  #refuseTimeout(): Rejected<TargetRejectCode> {
    const { device, host, port } = this.#spec;
    switch (this.#state) {
      case 'offline':
        return reject('target-offline', `device "${device}" is offline; switch it on`);
      case 'waiting': {
        const detail = `no device "${device}" has announced itself at ${host}:${port}`;
        return reject('target-offline', `${detail}; check its name, or switch it on`);
      }
      default: {
        const detail = `the broker ${host}:${port} did not answer within ${this.#timeoutMs} ms`;
        return reject('target-timeout', `${detail}; check that it speaks MQTT there`);
      }
    }
  }

  #refuse(refusal: Rejected<TargetRejectCode>): void {
    if (this.#state === 'settled') return;
    this.#finish(refusal);
    this.#client.end(true);
  }

  #finish(verdict: OpenVerdict): void {
    this.#state = 'settled';
    clearTimeout(this.#timer);
    this.#settle(verdict);
  }
}

interface MqttConnectionParts {
  readonly name: string;
  readonly client: MqttClient;
  readonly requestTopic: string;
}

class MqttConnection implements SmpConnection {
  readonly name: string;
  readonly messageBytesMax: number = MESSAGE_BYTES_MAX;
  readonly bufferOverheadBytes: number = 0;
  readonly lineBytesPerSecond: undefined = undefined;
  readonly #client: MqttClient;
  readonly #requestTopic: string;
  readonly #events: ConnectionEvents = new ConnectionEvents();

  constructor(parts: MqttConnectionParts) {
    this.name = parts.name;
    this.#client = parts.client;
    this.#requestTopic = parts.requestTopic;
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
      const options = { qos: QOS_AT_LEAST_ONCE, retain: false } as const;
      // A publication that fails does so with its connection, which tells its own end.
      this.#client.publish(this.#requestTopic, Buffer.from(message), options, () => {
        resolve();
      });
    });
  }

  close(): Promise<void> {
    if (this.closed !== undefined) return Promise.resolve();
    this.#events.end(CLOSED_BY_US);
    return this.#endClient();
  }

  receive(message: Uint8Array): void {
    this.#events.message(message);
  }

  end(reason: ConnectionClose): void {
    this.#events.end(reason);
  }

  /** The device's status says that it left; its answers would never come. */
  loseDevice(device: string): void {
    this.end({
      code: 'device-offline',
      detail: `device "${device}" went offline; repeat the command when it is back`,
    });
    void this.#endClient();
  }

  #endClient(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.end(!this.#client.connected, () => {
        resolve();
      });
    });
  }
}

function refuseBroker(name: string, error: Error): Rejected<TargetRejectCode> {
  if ('code' in error && typeof error.code === 'number') {
    const detail = `the broker of ${name} refuses this client (code ${error.code})`;
    return reject('target-access-denied', `${detail}; check its access rules`);
  }
  return refuseNetwork(`the broker of ${name}`, error);
}
