import { createMqttTopics, type MqttPublication, type MqttTopics } from '@brickproof/agent';
import {
  MqttSession,
  describeMqttBroker,
  type MqttBroker,
  type MqttProblem,
} from '@brickproof/agent/node';
import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import { MQTT_PREFIX_DEFAULT, brokerOptions, type MqttAccess } from '../target/mqtt-access.js';
import type { BoardNetwork } from './board-options.js';
import type { VirtualBoard } from './virtual-board.js';

/** Why a board cannot be offered over MQTT. */
export type ServeMqttRejectCode = 'serve-broker-malformed' | 'serve-broker-unreachable';

/** A board that others can reach over a broker. */
export interface ServedMqtt {
  /** As a target: `mqtt://HOST:PORT/DEVICE`. */
  readonly target: string;
  close(): void;
}

/** How a board is offered over MQTT. */
export interface ServeMqttOptions extends MqttAccess {
  /** `mqtts://HOST:PORT`, or `mqtt://HOST:PORT` on this machine. */
  readonly brokerUrl: string;
  /** The device's name, and its client identifier; the board's own unless told. */
  readonly device?: string;
  /** Told when the broker is lost or refuses, once for each change of cause. */
  readonly onProblem?: (problem: MqttProblem) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A board's time may run faster than ours, and somebody looks on. */
const RECONNECT = { delayMsMin: 100, delayMsMax: 2_000 };

/**
 * Offers the board over a broker: each run of the firmware is one session, which ends without
 * a goodbye when the firmware does, so that the broker speaks the last will. Resolves once the
 * broker was reached, and refuses when it was not.
 */
export async function serveOnMqtt(
  board: VirtualBoard,
  options: ServeMqttOptions,
): Promise<Verdict<ServedMqtt, ServeMqttRejectCode>> {
  const device = options.device ?? board.deviceId;
  const topics = createMqttTopics({ prefix: options.prefix ?? MQTT_PREFIX_DEFAULT, device });
  if (!topics.ok) return reject('serve-broker-malformed', topics.detail);
  const broker = describeMqttBroker(brokerOptions(options.brokerUrl, options));
  if (!broker.ok) return reject('serve-broker-malformed', broker.detail);
  const network = new BrokerNetwork({
    board,
    broker: broker.value,
    clientId: device,
    topics: topics.value,
    onProblem: options.onProblem ?? (() => undefined),
  });
  const problem = await firstProblem(broker.value, device);
  if (problem !== undefined) {
    const detail = `the broker cannot be used: ${problem.detail} (${problem.code})`;
    return reject('serve-broker-unreachable', detail);
  }
  board.attachNetwork(network);
  return accept({
    target: `${broker.value.name}/${device}`,
    close: () => {
      network.stop();
    },
  });
}

/** Connects once, as the board will, to see whether the broker takes it. */
function firstProblem(broker: MqttBroker, clientId: string): Promise<MqttProblem | undefined> {
  return new Promise((resolve) => {
    const session: MqttSession = new MqttSession({
      broker,
      clientId,
      answerTimeoutMs: CONNECT_TIMEOUT_MS,
      onState: (state) => {
        if (state === 'up')
          void session.stop().then(() => {
            resolve(undefined);
          });
      },
      onProblem: (problem) => {
        session.abandon();
        resolve(problem);
      },
    });
    session.start({ onConnect: () => undefined, onMessage: () => undefined });
  });
}

interface BrokerNetworkParts {
  readonly board: VirtualBoard;
  readonly broker: MqttBroker;
  readonly clientId: string;
  readonly topics: MqttTopics;
  readonly onProblem: (problem: MqttProblem) => void;
}

class BrokerNetwork implements BoardNetwork {
  readonly topics: MqttTopics;
  readonly #parts: BrokerNetworkParts;
  #session: MqttSession | undefined;

  constructor(parts: BrokerNetworkParts) {
    this.#parts = parts;
    this.topics = parts.topics;
  }

  start(lastWill: MqttPublication): void {
    this.stop();
    const { board, broker, clientId, onProblem } = this.#parts;
    const session = new MqttSession({
      broker,
      clientId,
      reconnect: RECONNECT,
      onState: (state) => {
        if (state === 'down' && session === this.#session) board.networkDisconnected();
      },
      onProblem,
    });
    this.#session = session;
    session.start({
      lastWill,
      onConnect: () => {
        board.networkConnected();
      },
      onMessage: (topic, payload, { retained }) => {
        board.networkMessage(topic, payload, retained);
      },
    });
  }

  stop(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.abandon();
  }

  publish(
    topic: string,
    payload: Uint8Array,
    options: { readonly retain: boolean; readonly qos: 0 | 1 },
  ): void {
    this.#session?.publish(topic, payload, options);
  }

  subscribe(topic: string): void {
    this.#session?.subscribe(topic);
  }
}
