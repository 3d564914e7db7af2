import { Socket } from 'node:net';
import { createMqttTopics, type MqttTopics } from '@brickproof/agent';
import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import { connect, type MqttClient } from 'mqtt';
import { MQTT_PREFIX_DEFAULT } from '../target/mqtt-target.js';
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
export interface ServeMqttOptions {
  /** `mqtt://HOST:PORT`. */
  readonly brokerUrl: string;
  /** The device's name; the board's own unless told. */
  readonly device?: string;
  readonly prefix?: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_INTERVAL_MS = 500;
/** Messages the client keeps for a broker that is slow; more are dropped, and asked for again. */
const QUEUED_BYTES_MAX = 1_048_576;

/**
 * Offers the board over a broker: each run of the firmware is one connection, which ends without
 * a goodbye when the firmware does, so that the broker speaks the last will. Resolves once the
 * broker was reached, and refuses when it was not.
 */
export function serveOnMqtt(
  board: VirtualBoard,
  options: ServeMqttOptions,
): Promise<Verdict<ServedMqtt, ServeMqttRejectCode>> {
  const device = options.device ?? board.deviceId;
  const topics = createMqttTopics({ prefix: options.prefix ?? MQTT_PREFIX_DEFAULT, device });
  if (!topics.ok) {
    return Promise.resolve(reject('serve-broker-malformed', topics.detail));
  }
  const network = new BrokerNetwork(board, options.brokerUrl, topics.value);
  board.attachNetwork(network);
  return reachable(options.brokerUrl).then((problem) =>
    problem === undefined
      ? accept({
          target: `${options.brokerUrl.replace(/\/$/, '')}/${device}`,
          close: () => {
            network.stop();
          },
        })
      : reject(
          'serve-broker-unreachable',
          `no MQTT broker answers at ${options.brokerUrl} (${problem}); start one, or correct --mqtt`,
        ),
  );
}

function reachable(brokerUrl: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let client: MqttClient;
    try {
      client = connect(brokerUrl, { connectTimeout: CONNECT_TIMEOUT_MS, reconnectPeriod: 0 });
    } catch (error) {
      resolve(error instanceof Error ? error.message : String(error));
      return;
    }
    const settle = (problem: string | undefined): void => {
      clearTimeout(timer);
      client.end(true);
      resolve(problem);
    };
    const timer = setTimeout(() => {
      settle('no answer in time');
    }, CONNECT_TIMEOUT_MS);
    client.once('connect', () => {
      settle(undefined);
    });
    client.on('error', (error) => {
      settle(error.message === '' ? 'connection refused' : error.message);
    });
  });
}

class BrokerNetwork implements BoardNetwork {
  readonly topics: MqttTopics;
  readonly #board: VirtualBoard;
  readonly #brokerUrl: string;
  #client: MqttClient | undefined;

  constructor(board: VirtualBoard, brokerUrl: string, topics: MqttTopics) {
    this.#board = board;
    this.#brokerUrl = brokerUrl;
    this.topics = topics;
  }

  start(lastWill: Parameters<BoardNetwork['start']>[0]): void {
    this.stop();
    const client = connect(this.#brokerUrl, {
      clean: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: RECONNECT_INTERVAL_MS,
      will: {
        topic: lastWill.topic,
        payload: Buffer.from(lastWill.payload),
        qos: lastWill.qos,
        retain: lastWill.retain,
      },
    });
    this.#client = client;
    client.on('connect', () => {
      // Answers are small; waiting to join them with others would cost 40 ms each.
      if (client.stream instanceof Socket) client.stream.setNoDelay(true);
      if (client === this.#client) this.#board.networkConnected();
    });
    client.on('close', () => {
      if (client === this.#client) this.#board.networkDisconnected();
    });
    client.on('message', (topic, payload, packet) => {
      if (client === this.#client) this.#board.networkMessage(topic, payload, packet.retain);
    });
    // A broker that is gone is tried again; the firmware sees it as a link that is down.
    client.on('error', () => undefined);
  }

  stop(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    client.options.reconnectPeriod = 0;
    client.stream.destroy();
    client.end(true);
  }

  publish(
    topic: string,
    payload: Uint8Array,
    options: { readonly retain: boolean; readonly qos: 0 | 1 },
  ): void {
    const client = this.#client;
    if (client === undefined || client.stream.writableLength > QUEUED_BYTES_MAX) return;
    client.publish(topic, Buffer.from(payload), options);
  }

  subscribe(topic: string): void {
    this.#client?.subscribe(topic, { qos: 1 });
  }
}
