import { randomBytes } from 'node:crypto';
import { createMqttTopics, decodeMqttStatus } from '@brickproof/agent';
import type { MqttTopics } from '@brickproof/agent';
import { MqttSession, describeMqttBroker } from '@brickproof/agent/node';
import type { MqttBroker, MqttBrokerRejectCode, MqttProblem } from '@brickproof/agent/node';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Rejected, Verdict } from '@brickproof/bootloader-sim';
import { CLOSED_BY_US, ConnectionEvents } from './connection-events.js';
import { MQTT_PREFIX_DEFAULT, brokerOptions } from './mqtt-access.js';
import type { MqttTargetOptions } from './mqtt-access.js';
import { refuseMqttProblem } from './mqtt-refusal.js';
import { CONNECT_TIMEOUT_MS_DEFAULT } from './smp-connection.js';
import type {
  ConnectionClose,
  ConnectionCloseCode,
  ConnectionListener,
  OpenOptions,
  SmpConnection,
  TargetRejectCode,
} from './smp-connection.js';
import { formatBroker, formatTarget } from './target.js';
import type { TargetSpec } from './target.js';

/** How long broker or device may be away before what is under way is given up. */
export const MQTT_ABSENCE_MS_MAX = 30_000;

/** The longest SMP message: what its header can say. */
const MESSAGE_BYTES_MAX = 0xffff + 8;
const SESSION_BYTES = 12;
/** Somebody waits at the terminal: tried more often than a device would. */
const RECONNECT = { delayMsMin: 100, delayMsMax: 2_000 };
/** Every request that may be under way, of the largest size, and as many again. */
const OUTGOING = { messagesMax: 64, bytesMax: 4_194_304 };

type MqttSpec = Extract<TargetSpec, { kind: 'mqtt' }>;
type OpenVerdict = Verdict<SmpConnection, TargetRejectCode>;

const REFUSALS: Readonly<Record<MqttBrokerRejectCode, TargetRejectCode>> = {
  'mqtt-broker-malformed': 'target-malformed',
  'mqtt-plaintext-refused': 'target-plaintext-refused',
  'mqtt-credentials-malformed': 'target-credentials-malformed',
};

/**
 * Connects to a broker and waits until the device says it is online. Each connection has a session
 * of its own, so that answers to others are never seen. Broker and device may go and come back
 * within `absenceMsMax`; the session goes on. Refuses with `target-malformed`,
 * `target-plaintext-refused`, `target-credentials-malformed`, `target-not-found`,
 * `target-unreachable`, `target-untrusted`, `target-access-denied`, `target-timeout` or
 * `target-offline`.
 */
export async function openMqttTarget(
  spec: MqttSpec,
  options: OpenOptions & MqttTargetOptions,
): Promise<OpenVerdict> {
  const address = { prefix: options.prefix ?? MQTT_PREFIX_DEFAULT, device: spec.device };
  const topics = createMqttTopics(address);
  if (!topics.ok) return reject('target-malformed', topics.detail);
  const broker = describeMqttBroker(brokerOptions(formatBroker(spec), options));
  if (!broker.ok) return reject(REFUSALS[broker.code], broker.detail);
  return new MqttOpening({ spec, topics: topics.value, broker: broker.value, options }).result;
}

interface MqttParts {
  readonly spec: MqttSpec;
  readonly topics: MqttTopics;
  readonly broker: MqttBroker;
  readonly options: OpenOptions & MqttTargetOptions;
}

/** From the first packet to the device's "online", or to the reason why not. */
class MqttOpening {
  readonly result: Promise<OpenVerdict>;
  readonly #spec: MqttSpec;
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #connection: MqttConnection;
  #settle: (verdict: OpenVerdict) => void = () => undefined;

  constructor(parts: MqttParts) {
    this.#spec = parts.spec;
    this.#timeoutMs = parts.options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = setTimeout(() => {
      this.#refuse(this.#refuseTimeout());
    }, this.#timeoutMs);
    this.#connection = new MqttConnection(parts, {
      reached: () => {
        clearTimeout(this.#timer);
        this.#settle(accept(this.#connection));
      },
      failed: (problem) => {
        this.#refuse(refuseMqttProblem(problem));
      },
    });
  }

  #refuseTimeout(): Rejected<TargetRejectCode> {
    const { device, host, port } = this.#spec;
    switch (this.#connection.presence) {
      case 'offline':
        return reject('target-offline', `device "${device}" is offline; switch it on`);
      case 'unknown': {
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
    clearTimeout(this.#timer);
    this.#connection.abandon();
    this.#settle(refusal);
  }
}

/** Told while a connection is opened: one of these, once. */
interface OpeningListener {
  reached(): void;
  failed(problem: MqttProblem): void;
}

/**
 * What is known of the device: nothing without a broker (`away`); nothing yet (`unknown`); what it
 * said of itself.
 */
type Presence = 'away' | 'unknown' | 'offline' | 'online';

class MqttConnection implements SmpConnection {
  readonly name: string;
  readonly messageBytesMax: number = MESSAGE_BYTES_MAX;
  readonly bufferOverheadBytes: number = 0;
  readonly lineBytesPerSecond: undefined = undefined;
  readonly #parts: MqttParts;
  readonly #session: string = randomBytes(SESSION_BYTES).toString('hex');
  readonly #mqtt: MqttSession;
  readonly #events: ConnectionEvents = new ConnectionEvents();
  #opening: OpeningListener | undefined;
  #presence: Presence = 'away';
  #absence: NodeJS.Timeout | undefined;

  constructor(parts: MqttParts, opening: OpeningListener) {
    this.name = formatTarget(parts.spec);
    this.#parts = parts;
    this.#opening = opening;
    this.#mqtt = new MqttSession({
      broker: parts.broker,
      clientId: `brickproof-${this.#session}`,
      reconnect: RECONNECT,
      outgoing: OUTGOING,
      // Requests that were not answered are sent again by whoever asked.
      sendsAgain: false,
      onState: (state) => {
        if (state === 'down') this.#setPresence('away');
      },
      onProblem: (problem) => {
        this.#opening?.failed(problem);
      },
    });
    this.#mqtt.start({
      onConnect: () => {
        this.#setPresence('unknown');
        this.#mqtt.subscribe(parts.topics.response(this.#session));
        this.#mqtt.subscribe(parts.topics.status);
      },
      onMessage: (topic, payload) => {
        if (topic === parts.topics.status) this.#takeStatus(payload);
        else if (topic === parts.topics.response(this.#session)) this.#events.message(payload);
      },
    });
  }

  get presence(): Presence {
    return this.#presence;
  }

  get isInterrupted(): boolean {
    return this.#presence !== 'online';
  }

  get closed(): ConnectionClose | undefined {
    return this.#events.closed;
  }

  listen(listener: ConnectionListener): void {
    this.#events.listen(listener);
  }

  send(message: Uint8Array): Promise<void> {
    // To a device that is away it would only be lost: it is sent when the way resumes.
    if (this.closed === undefined && !this.isInterrupted) {
      const topic = this.#parts.topics.request(this.#session);
      this.#mqtt.publish(topic, message, { qos: 1, retain: false });
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    clearTimeout(this.#absence);
    this.#events.end(CLOSED_BY_US);
    return this.#mqtt.stop();
  }

  /** Leaves at once, without a word to the broker. */
  abandon(): void {
    this.#opening = undefined;
    clearTimeout(this.#absence);
    this.#mqtt.abandon();
  }

  #takeStatus(payload: Uint8Array): void {
    const status = decodeMqttStatus(payload);
    if (!status.ok) return;
    this.#setPresence(status.value.state);
    if (status.value.state !== 'online') return;
    // A device that announces itself has just connected: what was sent before may be lost.
    if (this.#opening === undefined) this.#events.resumed();
    else this.#opening.reached();
    this.#opening = undefined;
  }

  /** The time runs from when the device was last there, whatever was missing since. */
  #setPresence(presence: Presence): void {
    this.#presence = presence;
    if (presence === 'online') {
      clearTimeout(this.#absence);
      this.#absence = undefined;
    } else if (this.#opening === undefined && this.#absence === undefined) {
      if (this.closed !== undefined) return;
      this.#absence = setTimeout(() => {
        this.#giveUp();
      }, this.#parts.options.absenceMsMax ?? MQTT_ABSENCE_MS_MAX);
      this.#events.interrupted();
    }
  }

  #giveUp(): void {
    const [code, detail] = this.#whyLost();
    this.#events.end({ code, detail });
    this.abandon();
  }

  #whyLost(): readonly [ConnectionCloseCode, string] {
    const { spec, options } = this.#parts;
    const seconds = Math.ceil((options.absenceMsMax ?? MQTT_ABSENCE_MS_MAX) / 1_000);
    if (this.#presence !== 'away') {
      const detail = `device "${spec.device}" went offline and did not come back for ${seconds} s`;
      return ['device-offline', `${detail}; repeat the command when it is back`];
    }
    const why = this.#mqtt.problem?.detail ?? 'it does not answer';
    const detail = `the broker of ${this.name} is gone for ${seconds} s (${why})`;
    return ['connection-lost', `${detail}; repeat the command when it is back`];
  }
}
