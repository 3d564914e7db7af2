import { randomInt } from 'node:crypto';
import type { MqttPort, MqttPublication, MqttPublishOptions } from '../../transport/mqtt-link.js';
import type { MqttBroker } from './mqtt-broker.js';
import { MqttConnection, loadMqttClient } from './mqtt-connection.js';
import type { MqttProblem, MqttProblemCode } from './mqtt-problem.js';
import { OUTGOING_LIMITS_DEFAULT, OutgoingMessages } from './outgoing-messages.js';
import type { OutgoingLimits, OutgoingMessage } from './outgoing-messages.js';
import {
  CONNECTION_LASTED_MS,
  RECONNECT_LIMITS_DEFAULT,
  ReconnectDelay,
} from './reconnect-delay.js';
import type { ReconnectLimits } from './reconnect-delay.js';

/** How often a connection that is quiet is tried for life. */
export const MQTT_KEEP_ALIVE_SECONDS = 20;
/** How long a broker may take to accept, to answer a subscription, or to acknowledge. */
export const MQTT_ANSWER_TIMEOUT_MS = 10_000;
/** How long the last words of a session may take. */
export const MQTT_STOP_TIMEOUT_MS = 2_000;
/** So many connections in a row that the broker took and soon ended: another client has our name. */
export const CONTESTED_CONNECTIONS = 3;
/** The longest SMP message, its topic, and one byte by which a longer one is known as too long. */
export const MQTT_INCOMING_BYTES_MAX: number = 0xffff + 8 + 1024 + 1;

const RANDOM_STEPS = 2 ** 32;

/** Whether the broker carries our messages. */
export type MqttSessionState = 'down' | 'up' | 'stopped';

/** Whom a session serves; a `MqttLink` is one. */
export interface MqttSessionUser {
  /** For the broker to publish when we are gone. */
  readonly lastWill?: MqttPublication;
  /** After each connect: the time to subscribe, and to say that we are there. */
  onConnect(): void;
  /** The payload is valid until this returns. */
  onMessage(topic: string, payload: Uint8Array, options: { readonly retained: boolean }): void;
}

/** What a session is made of. */
export interface MqttSessionOptions {
  readonly broker: MqttBroker;
  /** No other client of the broker may have it. */
  readonly clientId: string;
  readonly keepAliveSeconds?: number;
  readonly answerTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
  readonly reconnect?: ReconnectLimits;
  readonly outgoing?: OutgoingLimits;
  /** Whether messages that were not acknowledged are sent again; unless told, they are. */
  readonly sendsAgain?: boolean;
  /** Answers numbers from 0 up to, not including, 1. */
  readonly random?: () => number;
  readonly onState?: (state: MqttSessionState) => void;
  /** Told once for each change of cause. */
  readonly onProblem?: (problem: MqttProblem) => void;
}

/**
 * Keeps a connection to a broker: connects again for ever, after waits that grow, and each time
 * lets its user subscribe and announce itself. What was published with QoS 1 and not acknowledged
 * when a connection fell is sent again over the next, within limits; retained messages are not,
 * for they say how things stood then.
 */
export class MqttSession implements MqttPort {
  readonly #options: MqttSessionOptions;
  readonly #delay: ReconnectDelay;
  readonly #outgoing: OutgoingMessages;
  #user: MqttSessionUser | undefined;
  #connection: MqttConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: MqttSessionState = 'down';
  #acceptedMs = 0;
  #shortConnections = 0;
  #reported: MqttProblemCode | undefined;
  #problem: MqttProblem | undefined;
  #dropped = 0;
  #stopping: Promise<void> | undefined;
  #onIdle: () => void = () => undefined;
  #onEnded: () => void = () => undefined;

  constructor(options: MqttSessionOptions) {
    this.#options = options;
    this.#delay = new ReconnectDelay(
      options.random ?? (() => randomInt(RANDOM_STEPS) / RANDOM_STEPS),
      options.reconnect ?? RECONNECT_LIMITS_DEFAULT,
    );
    this.#outgoing = new OutgoingMessages(options.outgoing ?? OUTGOING_LIMITS_DEFAULT);
  }

  get state(): MqttSessionState {
    return this.#state;
  }

  /** Why there is no connection; undefined while there is one. */
  get problem(): MqttProblem | undefined {
    return this.#problem;
  }

  /** Messages that found no room. Whoever asked for them asks again. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Begins to connect, and never gives up. A second call is our own mistake. */
  start(user: MqttSessionUser): void {
    if (this.#user !== undefined) throw new Error('the session was started before');
    this.#user = user;
    void this.#connect();
  }

  /**
   * The payload is not copied and must not change until it was acknowledged. Without a connection
   * only QoS 1 is kept for the next one, and nothing that is retained.
   */
  publish(topic: string, payload: Uint8Array, options: MqttPublishOptions): void {
    if (this.#state === 'stopped') return;
    const message = { topic, payload, ...options, queuedMs: performance.now() };
    const isConnected = this.#connection?.isAccepted === true;
    if (!isConnected && !this.#isSentAgain(message)) return;
    if (!this.#hasRoom(message)) {
      this.#drop();
      return;
    }
    if (isConnected) this.#send(message);
  }

  subscribe(topic: string): void {
    if (this.#connection?.isAccepted === true) this.#connection.subscribe(topic);
  }

  /**
   * Says that we are gone, disconnects, and resolves: within a bounded time, whatever the broker
   * does. A second call waits for the first.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Goes without a word, as when the power is cut: the broker then speaks the last will. */
  abandon(): void {
    const connection = this.#connection;
    this.#setState('stopped');
    clearTimeout(this.#timer);
    this.#connection = undefined;
    connection?.end(ABANDONED);
    this.#onEnded();
  }

  async #connect(): Promise<void> {
    const Client = await loadMqttClient();
    if (this.#state === 'stopped' || this.#stopping !== undefined) return;
    const { broker, clientId, keepAliveSeconds, answerTimeoutMs } = this.#options;
    const parts = {
      broker,
      clientId,
      lastWill: this.#user?.lastWill,
      keepAliveSeconds: keepAliveSeconds ?? MQTT_KEEP_ALIVE_SECONDS,
      answerTimeoutMs: answerTimeoutMs ?? MQTT_ANSWER_TIMEOUT_MS,
      incomingBytesMax: MQTT_INCOMING_BYTES_MAX,
    };
    const connection = new MqttConnection(Client, parts, {
      accepted: () => {
        if (connection === this.#connection) this.#onAccepted(connection);
      },
      subscribed: () => {
        if (connection === this.#connection) this.#setState('up');
      },
      message: (topic, payload, retained) => {
        if (connection === this.#connection) this.#user?.onMessage(topic, payload, { retained });
      },
      ended: (problem) => {
        if (connection === this.#connection) this.#onEnd(problem);
      },
    });
    this.#connection = connection;
  }

  #onAccepted(connection: MqttConnection): void {
    this.#acceptedMs = performance.now();
    const left = this.#outgoing.all();
    this.#user?.onConnect();
    for (const message of left) if (connection.isAccepted) this.#send(message);
    // Who subscribes to nothing has all that was asked for.
    connection.reportSubscribed();
  }

  #onEnd(problem: MqttProblem): void {
    const wasAccepted = this.#connection?.wasAccepted === true;
    const heldMs = wasAccepted ? performance.now() - this.#acceptedMs : 0;
    this.#connection = undefined;
    for (const message of this.#outgoing.all()) {
      if (!this.#isSentAgain(message)) this.#outgoing.remove(message);
    }
    if (heldMs >= CONNECTION_LASTED_MS) {
      this.#delay.reset();
      this.#reported = undefined;
    }
    const isShort = heldMs < CONNECTION_LASTED_MS && problem.code === 'mqtt-connection-closed';
    this.#shortConnections = wasAccepted && isShort ? this.#shortConnections + 1 : 0;
    const isContested = this.#shortConnections >= CONTESTED_CONNECTIONS;
    this.#report(isContested ? this.#contested() : problem);
    this.#setState('down');
    this.#onEnded();
    if (this.#stopping !== undefined) return;
    this.#timer = setTimeout(() => void this.#connect(), this.#delay.next());
  }

  #contested(): MqttProblem {
    const { broker, clientId } = this.#options;
    const detail =
      `${broker.name} ended ${this.#shortConnections} connections in a row soon after it took them; ` +
      `another client seems to use the identifier "${clientId}"; give each its own`;
    return { code: 'mqtt-identifier-contested', detail };
  }

  #isSentAgain({ qos, retain }: MqttPublishOptions): boolean {
    return qos === 1 && !retain && this.#options.sendsAgain !== false;
  }

  /** What needs no acknowledgement waits for the network only. */
  #hasRoom(message: OutgoingMessage): boolean {
    if (message.qos === 1) {
      // How things stand now matters more than an answer that will be asked for again.
      if (message.retain) this.#outgoing.makeRoomFor(message);
      return this.#outgoing.add(message);
    }
    const { bytesMax } = this.#options.outgoing ?? OUTGOING_LIMITS_DEFAULT;
    const buffered = this.#connection?.bufferedBytes ?? 0;
    return buffered + message.payload.byteLength <= bytesMax;
  }

  #drop(): void {
    this.#dropped += 1;
    const { broker, answerTimeoutMs = MQTT_ANSWER_TIMEOUT_MS } = this.#options;
    const detail = `${broker.name} is slow: ${this.#outgoing.count} messages wait, more are dropped`;
    this.#report({ code: 'mqtt-outgoing-full', detail });
    const oldest = this.#outgoing.oldest;
    if (oldest === undefined || performance.now() - oldest.queuedMs < answerTimeoutMs) return;
    const silent = `${broker.name} acknowledges nothing (${answerTimeoutMs} ms); tried again`;
    this.#connection?.end({ code: 'mqtt-broker-silent', detail: silent });
  }

  #send(message: OutgoingMessage): void {
    this.#connection?.publish(message, () => {
      this.#outgoing.remove(message);
      if (this.#outgoing.count === 0) this.#onIdle();
    });
  }

  async #stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    clearTimeout(this.#timer);
    const connection = this.#connection;
    const timeoutMs = this.#options.stopTimeoutMs ?? MQTT_STOP_TIMEOUT_MS;
    if (connection?.isAccepted === true) {
      const will = this.#user?.lastWill;
      if (will !== undefined) this.publish(will.topic, will.payload, will);
      await within(timeoutMs / 2, (done) => {
        this.#onIdle = done;
        this.#onEnded = done;
        if (this.#outgoing.count === 0) done();
      });
    }
    if (this.#connection === connection && connection !== undefined) {
      await within(timeoutMs / 2, (done) => {
        this.#onEnded = done;
        connection.goodbye();
      });
    }
    this.abandon();
  }

  #setState(state: MqttSessionState): void {
    if (this.#state === state || this.#state === 'stopped') return;
    this.#state = state;
    if (state === 'up') this.#problem = undefined;
    this.#options.onState?.(state);
  }

  #report(problem: MqttProblem): void {
    if (problem.code !== 'mqtt-outgoing-full') this.#problem = problem;
    if (this.#stopping !== undefined || this.#reported === problem.code) return;
    this.#reported = problem.code;
    this.#options.onProblem?.(problem);
  }
}

const ABANDONED: MqttProblem = {
  code: 'mqtt-connection-closed',
  detail: 'the connection was left from this side',
};

/** Waits for `done`, but no longer. */
function within(timeoutMs: number, begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    begin(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
