import { MqttLink, createMqttTopics } from '@brickproof/agent';
import type { MqttTopics } from '@brickproof/agent';
import { MqttSession, describeMqttBroker } from '@brickproof/agent/node';
import type {
  MqttBrokerOptions,
  MqttProblem,
  MqttSessionOptions,
  MqttSessionState,
} from '@brickproof/agent/node';
import { MQTT_PREFIX_DEFAULT, SmpClient, openTarget, parseTarget } from '@brickproof/harness';
import type { MqttTargetOptions, SmpConnection, TargetRejectCode } from '@brickproof/harness';
import type { Verdict } from '@brickproof/bootloader-sim';
import { connectAsync } from 'mqtt';
import type { IClientOptions, MqttClient } from 'mqtt';
import { vi } from 'vitest';
import { HASH_ONLY, TestDevice, buildTestImage } from '../../test-device.js';
import { TcpProxy } from './tcp-proxy.js';
import type { TestBroker, TestBrokerKind, TestBrokerOptions } from './test-broker.js';

export const DEVICE = 'board-1';
export const RUNNING = buildTestImage('1.0.0', 600);
export const NEXT = buildTestImage('1.1.0', 40_000);
export const PATIENCE = { timeout: 15_000, interval: 10 };

/** Quick, so that a test does not wait. */
const RECONNECT = { delayMsMin: 20, delayMsMax: 200 };
const BUFFER_BYTES = 1024;

export function topicsOf(device = DEVICE, prefix: string = MQTT_PREFIX_DEFAULT): MqttTopics {
  return must(createMqttTopics({ prefix, device }));
}

export function must<T>(verdict: Verdict<T, string>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}

/** A device with an agent, on a session with a broker. */
export class MqttDevice {
  readonly device: TestDevice;
  readonly link: MqttLink;
  readonly session: MqttSession;
  readonly problems: MqttProblem[] = [];
  readonly states: MqttSessionState[] = [];
  readonly topics: MqttTopics;
  /** The requests that came to the agent, as hex. */
  readonly handled: string[] = [];

  constructor(
    broker: MqttBrokerOptions,
    options: Partial<MqttSessionOptions> & {
      readonly device?: TestDevice;
      readonly name?: string;
      readonly prefix?: string;
    } = {},
  ) {
    this.device =
      options.device ??
      new TestDevice({
        slotRuns: [{ count: 16, sizeBytes: 4096 }],
        bufferSizeBytes: BUFFER_BYTES,
      }).program(0, RUNNING);
    const name = options.name ?? DEVICE;
    this.topics = topicsOf(name, options.prefix);
    this.session = new MqttSession({
      clientId: name,
      reconnect: RECONNECT,
      ...options,
      broker: must(describeMqttBroker(broker)),
      onState: (state) => this.states.push(state),
      onProblem: (problem) => this.problems.push(problem),
    });
    this.link = new MqttLink({
      topics: this.topics,
      port: this.session,
      handle: (request) => {
        this.handled.push(Buffer.from(request).toString('hex'));
        return this.device.server.handle(request);
      },
      maxMessageBytes: BUFFER_BYTES,
      store: this.device.store,
      crypto: HASH_ONLY,
      version: '1.0.0',
    });
  }

  get codes(): readonly string[] {
    return this.problems.map(({ code }) => code);
  }

  start(): this {
    this.session.start(this.link);
    return this;
  }

  async untilUp(): Promise<this> {
    await until(() => this.session.state === 'up', 'the device is up');
    return this;
  }

  /** Whether the second slot begins with the image. */
  hasStaged(image: Uint8Array): boolean {
    return Buffer.from(this.device.slotBytes(1)).subarray(0, image.byteLength).equals(image);
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  await vi.waitFor(() => {
    if (!condition()) throw new Error(`waited in vain: ${what}`);
  }, PATIENCE);
}

/** Everything a test starts; it is ended in reverse. */
export class MqttBench {
  readonly #kind: TestBrokerKind;
  readonly #stops: (() => unknown)[] = [];

  constructor(kind: TestBrokerKind) {
    this.#kind = kind;
  }

  async broker(options: TestBrokerOptions = {}): Promise<TestBroker> {
    const broker = await this.#kind.create(options);
    this.#stops.push(() => broker.dispose());
    return broker;
  }

  async proxy(broker: TestBroker): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(broker.port);
    this.#stops.push(() => proxy.close());
    return proxy;
  }

  device(
    broker: MqttBrokerOptions,
    options: ConstructorParameters<typeof MqttDevice>[1] = {},
  ): MqttDevice {
    const device = new MqttDevice(broker, options);
    this.#stops.push(() => {
      device.session.abandon();
    });
    return device.start();
  }

  async open(
    url: string,
    options: MqttTargetOptions & { readonly timeoutMs?: number; readonly device?: string } = {},
  ): Promise<Verdict<SmpConnection, TargetRejectCode>> {
    const opened = await openTarget(must(parseTarget(`${url}/${options.device ?? DEVICE}`)), {
      connectTimeoutMs: options.timeoutMs ?? 10_000,
      mqtt: options,
    });
    if (opened.ok) this.#stops.push(() => opened.value.close());
    return opened;
  }

  async client(
    url: string,
    options: MqttTargetOptions & { readonly device?: string } = {},
    timeoutMs = 2_500,
  ): Promise<SmpClient> {
    return new SmpClient(must(await this.open(url, options)), { timeoutMs });
  }

  /** A client without any of our care. */
  async raw(broker: TestBroker, options: IClientOptions = {}): Promise<MqttClient> {
    const client = await connectAsync(broker.url, { reconnectPeriod: 0, ...options });
    client.on('error', () => undefined);
    this.#stops.push(() => client.end(true));
    return client;
  }

  async dispose(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

/** What arrives on a topic from now on, what is retained included. */
export async function collect(client: MqttClient, topic: string): Promise<Buffer[]> {
  const payloads: Buffer[] = [];
  client.on('message', (name, payload) => {
    if (name === topic) payloads.push(Buffer.from(payload));
  });
  await client.subscribeAsync(topic, { qos: 1 });
  return payloads;
}
