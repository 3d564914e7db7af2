import { readFileSync } from 'node:fs';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { DatagramLink } from '../../transport/datagram-link.js';
import { createMqttTopics } from '../../transport/mqtt-topics.js';
import type { DeviceConfig, MqttConfig, SerialConfig, UdpConfig } from '../config/device-config.js';
import type { OpenDevice } from './open-device.js';
import { describeSystemError } from '../system-error.js';
import { describeMqttBroker } from '../transport/mqtt-broker.js';
import type { MqttBroker } from '../transport/mqtt-broker.js';
import { MqttSession } from '../transport/mqtt-session.js';
import { SERIAL_SETTINGS_DEFAULT } from '../transport/serial-settings.js';
import { SerialLine } from '../transport/serial-line.js';
import { UdpServer } from '../transport/udp-server.js';
import type { DaemonLog } from './daemon-log.js';
import type { RequestServer } from './daemon.js';

/** Why links cannot even be tried. What may pass, such as a broker that is away, is no reason. */
export type LinkRejectCode = 'link-file-unreadable' | 'link-broker-unusable';

/** A broker whose certificates have been read. */
export interface PreparedLinks {
  readonly broker: MqttBroker | undefined;
}

/** The ways to the device, for as long as the daemon runs. */
export interface DeviceLinks {
  /** Resolves once each link is open or has told why it is not yet. */
  readonly opened: Promise<void>;
  /** For people: the links by name, with where they are. */
  describe(): string;
  connectivity(): 'up' | 'down' | 'not-needed';
  /** Ends them all, in bounded time. */
  stop(): Promise<void>;
}

/** What links stand on. */
export interface LinkPorts {
  readonly device: Pick<OpenDevice, 'config' | 'store' | 'crypto'>;
  readonly prepared: PreparedLinks;
  readonly server: RequestServer;
  readonly log: DaemonLog;
}

/** Reads the files that links need. Refuses with a `LinkRejectCode`. */
export function prepareLinks({ links }: DeviceConfig): Verdict<PreparedLinks, LinkRejectCode> {
  if (links.mqtt === undefined) return accept({ broker: undefined });
  const broker = readBroker(links.mqtt);
  return broker.ok ? accept({ broker: broker.value }) : broker;
}

/** Opens every link that the configuration names; each holds and tries again by itself. */
export function startLinks(ports: LinkPorts): DeviceLinks {
  const { serial, mqtt, udp } = ports.device.config.links;
  const started: StartedLink[] = [];
  if (serial !== undefined) started.push(startSerial(serial, ports));
  const session = mqtt === undefined ? undefined : startMqtt(mqtt, ports);
  if (session !== undefined) started.push(session);
  if (udp !== undefined) started.push(startUdp(udp, ports));
  return {
    opened: Promise.all(started.map((link) => link.opened)).then(() => undefined),
    describe: () => started.map((link) => link.describe()).join(', '),
    connectivity: () => session?.connectivity() ?? 'not-needed',
    stop: async () => {
      await Promise.all(started.map((link) => link.stop()));
    },
  };
}

interface StartedLink {
  readonly opened: Promise<void>;
  describe(): string;
  stop(): Promise<void>;
}

/** Resolves at the first sign of life, good or bad. */
function firstSign(): { readonly opened: Promise<void>; readonly settle: () => void } {
  let settle = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { opened, settle };
}

function startSerial(serial: SerialConfig, { server, log }: LinkPorts): StartedLink {
  const { opened, settle } = firstSign();
  const { path, baudRate, flow, bufferSizeBytes } = serial;
  const line = new SerialLine({
    path,
    settings: { ...SERIAL_SETTINGS_DEFAULT, baudRate, flow },
    handle: server.handlerFor(serial),
    maxMessageBytes: bufferSizeBytes,
    listener: {
      opened: (found) => {
        log.write('info', `Serial: open at ${found}`);
        settle();
      },
      lost: (code, detail) => {
        log.write('warning', `Serial: ${detail} (${code})`);
        settle();
      },
      note: (detail) => {
        log.write('info', `Serial: ${detail}`);
      },
    },
  });
  line.start();
  return { opened, describe: () => `serial ${path}`, stop: () => line.stop() };
}

function startUdp(udp: UdpConfig, { device, server, log }: LinkPorts): StartedLink {
  const { opened, settle } = firstSign();
  let place = `${udp.bind} ${udp.port}`;
  const link = new DatagramLink({
    handle: server.handlerFor(udp),
    maxMessageBytes: udp.bufferSizeBytes,
    store: device.store,
    crypto: device.crypto,
    clock: { nowMs: () => performance.now() },
  });
  const socket = new UdpServer({
    link,
    address: udp.bind,
    port: udp.port,
    listener: {
      opened: ({ address, port }) => {
        place = `${address} ${port}`;
        log.write('info', `UDP: listening at ${place}`);
        settle();
      },
      lost: (code, detail) => {
        log.write('warning', `UDP: ${detail} (${code})`);
        settle();
      },
    },
  });
  socket.start();
  return { opened, describe: () => `udp ${place}`, stop: () => socket.stop() };
}

function startMqtt(
  mqtt: MqttConfig,
  { device, prepared, server, log }: LinkPorts,
): (StartedLink & { connectivity(): 'up' | 'down' }) | undefined {
  const { broker } = prepared;
  const deviceName = device.config.device.name;
  const topics = createMqttTopics({ prefix: mqtt.prefix, device: deviceName });
  if (broker === undefined || !topics.ok) throw new Error('the links were not prepared');
  const session = new MqttSession({
    broker,
    clientId: mqtt.clientId ?? deviceName,
    keepAliveSeconds: Math.ceil(mqtt.keepAliveMs / MS_PER_SECOND),
    onState: (state) => {
      if (state === 'up') log.write('info', `MQTT: connected to ${broker.name}`);
    },
    onProblem: ({ code, detail }) => {
      log.write('warning', `MQTT: ${detail} (${code})`);
    },
  });
  const requests = {
    handle: server.handlerFor(mqtt),
    maxMessageBytes: mqtt.bufferSizeBytes,
  };
  session.start(server.agent.mqttLink(topics.value, session, requests));
  return {
    opened: Promise.resolve(),
    describe: () => `mqtt ${broker.name}`,
    connectivity: () => (session.state === 'up' ? 'up' : 'down'),
    stop: () => session.stop(),
  };
}

const MS_PER_SECOND = 1_000;

function readBroker(mqtt: MqttConfig): Verdict<MqttBroker, LinkRejectCode> {
  // An empty file is not the same as none: it is refused where it is used.
  const ca = readText(mqtt.caFile);
  if (!ca.ok) return ca;
  const certificate = readText(mqtt.certificateFile);
  if (!certificate.ok) return certificate;
  const key = readText(mqtt.keyFile);
  if (!key.ok) return key;
  const password = readText(mqtt.passwordFile);
  if (!password.ok) return password;
  const tls = {
    ...(ca.value === undefined ? {} : { ca: ca.value }),
    ...(certificate.value === undefined ? {} : { certificate: certificate.value }),
    ...(key.value === undefined ? {} : { key: key.value }),
    ...(mqtt.serverName === undefined ? {} : { serverName: mqtt.serverName }),
  };
  const broker = describeMqttBroker({
    url: mqtt.url,
    ...(mqtt.url.startsWith('mqtts:') ? { tls } : {}),
    ...(mqtt.username === undefined ? {} : { username: mqtt.username }),
    ...(password.value === undefined ? {} : { password: password.value.replace(/\r?\n$/, '') }),
    ...(mqtt.plaintext === 'allowed' ? { plaintext: 'allowed' } : {}),
  });
  if (broker.ok) return broker;
  return reject('link-broker-unusable', `links.mqtt: ${broker.detail} (${broker.code})`);
}

function readText(file: string | undefined): Verdict<string | undefined, LinkRejectCode> {
  if (file === undefined) return accept(undefined);
  try {
    return accept(readFileSync(file, 'utf8'));
  } catch (error) {
    const detail = `cannot read ${file}: ${describeSystemError(error)}; correct links.mqtt`;
    return reject('link-file-unreadable', detail);
  }
}
