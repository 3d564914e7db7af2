import { X509Certificate } from 'node:crypto';
import { connect as connectPlain, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Rejected, Verdict } from '@brickproof/bootloader-sim';

/** The port MQTT brokers listen on. */
export const MQTT_PORT_DEFAULT = 1883;
/** The port they listen on for TLS. */
export const MQTTS_PORT_DEFAULT = 8883;

const PORT_MAX = 65_535;
const URL_CHARACTERS_MAX = 1024;
const SERVER_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/;
const URL_FORM = 'write mqtts://HOST:PORT';

/** Why a broker, as it was described, is not connected to. */
export type MqttBrokerRejectCode =
  'mqtt-broker-malformed' | 'mqtt-plaintext-refused' | 'mqtt-credentials-malformed';

/** What TLS is done with. The contents of the files, not their paths. */
export interface MqttTlsOptions {
  /** Who may vouch for the broker, in PEM; the authorities that Node trusts unless told. */
  readonly ca?: string | Uint8Array;
  /** Our own certificate, in PEM, with what leads to its CA. */
  readonly certificate?: string | Uint8Array;
  /** Its private key, in PEM. */
  readonly key?: string | Uint8Array;
  /** The name the broker's certificate must have, when it is reached by another. */
  readonly serverName?: string;
}

/** A broker and how we identify ourselves to it. */
export interface MqttBrokerOptions {
  /** `mqtts://HOST:PORT`, or `mqtt://HOST:PORT` without TLS. */
  readonly url: string;
  readonly tls?: MqttTlsOptions;
  readonly username?: string;
  readonly password?: string;
  /** Without this, plain `mqtt://` goes to this machine alone. */
  readonly plaintext?: 'allowed';
}

/** Takes what a socket reads, in a buffer that is used again; answers whether to go on. */
export interface SocketReader {
  readonly buffer: Uint8Array;
  readonly callback: (bytes: number, buffer: Uint8Array) => boolean;
}

/** A broker that may be connected to. Only `describeMqttBroker` makes one. */
export interface MqttBroker {
  /** For people: `mqtts://HOST:PORT`. */
  readonly name: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /**
   * Begins to connect. With TLS nothing is sent before the broker's certificate and host name
   * were found right; there is no way to turn that off.
   */
  readonly open: (reader: SocketReader) => Socket;
}

/** Refuses `mqtt-broker-malformed`, `mqtt-plaintext-refused` or `mqtt-credentials-malformed`. */
export function describeMqttBroker(
  options: MqttBrokerOptions,
): Verdict<MqttBroker, MqttBrokerRejectCode> {
  const place = parseUrl(options.url);
  if (!place.ok) return place;
  const { isTls, name } = place.value;
  const { username, password } = options;
  if (password !== undefined && username === undefined) {
    return reject('mqtt-credentials-malformed', 'a password needs a user name; give both');
  }
  if (isTls) {
    const open = tlsOpener(place.value, options.tls ?? {});
    return open.ok ? accept({ name, username, password, open: open.value }) : open;
  }
  if (!isLoopback(place.value.host) && options.plaintext !== 'allowed') {
    const detail = `${name} would send everything in the clear over a network; use mqtts://`;
    return reject('mqtt-plaintext-refused', `${detail}, or allow plaintext explicitly`);
  }
  const { host, port } = place.value;
  const open = (onread: SocketReader): Socket => withoutDelay(connectPlain({ port, host, onread }));
  return accept({ name, username, password, open });
}

/** Whether a host is this machine: what is sent there crosses no network. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

interface BrokerPlace {
  readonly name: string;
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
}

function parseUrl(url: string): Verdict<BrokerPlace, MqttBrokerRejectCode> {
  const shown = JSON.stringify(url.slice(0, URL_CHARACTERS_MAX));
  if (url.includes('@')) {
    // What stands before it may be a password: it is not repeated.
    return reject('mqtt-broker-malformed', `the broker's address holds an @; ${URL_FORM}`);
  }
  const match = /^(mqtts?):\/\/(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]/?#\s]+))(?::(\d{1,5}))?\/?$/.exec(
    url.length > URL_CHARACTERS_MAX ? '' : url,
  );
  const host = match?.[2] ?? match?.[3];
  const isTls = match?.[1] === 'mqtts';
  const port = Number(match?.[4] ?? (isTls ? MQTTS_PORT_DEFAULT : MQTT_PORT_DEFAULT));
  if (host === undefined || port < 1 || port > PORT_MAX) {
    return reject('mqtt-broker-malformed', `${shown} is no broker; ${URL_FORM}`);
  }
  const name = `${isTls ? 'mqtts' : 'mqtt'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return accept({ name, isTls, host, port });
}

function tlsOpener(
  { host, port }: BrokerPlace,
  tls: MqttTlsOptions,
): Verdict<MqttBroker['open'], MqttBrokerRejectCode> {
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    const missing = tls.key === undefined ? 'key' : 'certificate';
    return malformed(`a certificate and its key belong together; the ${missing} is missing`);
  }
  const { serverName } = tls;
  if (serverName !== undefined && (isIP(serverName) !== 0 || !SERVER_NAME.test(serverName))) {
    return malformed(`the server name ${JSON.stringify(serverName)} is no host name`);
  }
  const secureContext = secureContextOf(tls);
  if (!secureContext.ok) return secureContext;
  // An address has no place in the greeting (RFC 6066 §3); it is checked all the same.
  const named = serverName ?? (isIP(host) === 0 ? host : undefined);
  return accept((onread) => {
    const options: ConnectionOptions & { readonly onread: SocketReader } = {
      host,
      port,
      onread,
      secureContext: secureContext.value,
      // Said although it is the default: the environment could turn the default off.
      rejectUnauthorized: true,
      ...(named === undefined ? {} : { servername: named }),
    };
    return withoutDelay(connectTls(options));
  });
}

function secureContextOf(tls: MqttTlsOptions): Verdict<SecureContext, MqttBrokerRejectCode> {
  const { ca, certificate, key } = tls;
  for (const [what, pem] of Object.entries({ CA: ca, certificate, key })) {
    if (pem !== undefined && !textOf(pem).includes('-----BEGIN ')) {
      return malformed(`the ${what} is not PEM; it starts with -----BEGIN`);
    }
  }
  try {
    // Node passes over a CA that it cannot read, and would then trust nobody without saying why.
    if (ca !== undefined) requireCertificates(textOf(ca));
    return accept(
      createSecureContext({
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca: textOf(ca) }),
        ...(certificate === undefined ? {} : { cert: textOf(certificate) }),
        ...(key === undefined ? {} : { key: textOf(key) }),
      }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return malformed(`CA, certificate and key cannot be used together (${why}); check the files`);
  }
}

function requireCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error('the CA holds no certificate');
  for (const block of blocks) new X509Certificate(block);
}

function malformed(detail: string): Rejected<MqttBrokerRejectCode> {
  return reject('mqtt-credentials-malformed', detail);
}

function textOf(pem: string | Uint8Array): string {
  return typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1');
}

// Messages are small; waiting to join them with others would cost 40 ms each.
function withoutDelay<T extends Socket>(socket: T): T {
  socket.setNoDelay(true);
  return socket;
}
