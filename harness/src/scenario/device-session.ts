import { accept, type Verdict } from '@brickproof/bootloader-sim';
import { SmpClient, type SmpClientOptions } from '../client/smp-client.js';
import type { SmpResult } from '../client/smp-result.js';
import { openTarget } from '../target/open-target.js';
import type { ConnectionClose, SmpConnection, TargetRejectCode } from '../target/smp-connection.js';
import { parseTarget } from '../target/target.js';
import type { MqttTargetOptions } from '../target/mqtt-access.js';
import type { TalkResult } from './scenario-device.js';
import { TimedConnection } from './timed-connection.js';

/** How patient a connection is. */
export interface Patience extends SmpClientOptions {
  readonly connectTimeoutMs: number;
}

/** What a session needs to know each time it connects. */
export interface SessionOptions {
  /** The target, which may be another one each time. */
  readonly target: () => string;
  readonly patience: () => Patience;
  /** Told how many bytes go out, before they do. */
  readonly beforeSend?: (lengthBytes: number) => void;
  /** How a broker is reached, when the target is behind one. */
  readonly mqtt?: MqttTargetOptions;
}

interface OpenSession {
  readonly connection: TimedConnection;
  readonly client: SmpClient;
}

/** Talks to a device over one connection after the other: each is opened when it is needed. */
export class DeviceSession {
  readonly #options: SessionOptions;
  #open: OpenSession | undefined;
  /** A port that is being closed is busy: the next one waits for that. */
  #closing: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Asks over the connection there is, or over a new one. */
  async ask<T>(ask: (client: SmpClient) => Promise<SmpResult<T>>): Promise<TalkResult<T>> {
    const client = await this.#client();
    return client.ok ? ask(client.value) : client;
  }

  /** Ends the connection, and whatever is under way with it. */
  async drop(reason: ConnectionClose): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    const closed = open?.connection.cutOff(reason);
    this.#closing = Promise.all([this.#closing, closed]).then(() => undefined);
    await this.#closing;
  }

  /** Whether there is a connection over which an answer can come. */
  get isConnected(): boolean {
    return this.#usable !== undefined && !this.#usable.connection.isInterrupted;
  }

  /** The connection that has not ended, though it may be interrupted. */
  get #usable(): OpenSession | undefined {
    return this.#open?.connection.closed === undefined ? this.#open : undefined;
  }

  async #client(): Promise<Verdict<SmpClient, TargetRejectCode>> {
    if (this.#usable !== undefined) return accept(this.#usable.client);
    await this.drop({ code: 'closed-by-us', detail: 'another connection takes its place' });
    const patience = this.#options.patience();
    const opened = await this.#connect(patience.connectTimeoutMs);
    if (!opened.ok) return opened;
    const connection = new TimedConnection(opened.value, this.#options.beforeSend);
    const client = new SmpClient(connection, patience);
    this.#open = { connection, client };
    return accept(client);
  }

  async #connect(connectTimeoutMs: number): Promise<Verdict<SmpConnection, TargetRejectCode>> {
    const spec = parseTarget(this.#options.target());
    return spec.ok ? openTarget(spec.value, { connectTimeoutMs, ...mqttOf(this.#options) }) : spec;
  }
}

function mqttOf({ mqtt }: SessionOptions): { readonly mqtt?: MqttTargetOptions } {
  return mqtt === undefined ? {} : { mqtt };
}
