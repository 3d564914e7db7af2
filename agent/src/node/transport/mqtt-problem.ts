/** Why there is no connection to a broker, or not all of one. One code for each cause. */
export type MqttProblemCode =
  | 'mqtt-host-unknown'
  | 'mqtt-broker-unreachable'
  | 'mqtt-broker-silent'
  | 'mqtt-connection-closed'
  | 'mqtt-identifier-contested'
  | 'mqtt-certificate-expired'
  | 'mqtt-certificate-not-yet-valid'
  | 'mqtt-certificate-untrusted'
  | 'mqtt-certificate-wrong-host'
  | 'mqtt-client-certificate-refused'
  | 'mqtt-tls-failed'
  | 'mqtt-protocol-refused'
  | 'mqtt-identifier-refused'
  | 'mqtt-broker-unavailable'
  | 'mqtt-credentials-refused'
  | 'mqtt-not-authorised'
  | 'mqtt-subscription-refused'
  | 'mqtt-packet-too-large'
  | 'mqtt-packet-malformed'
  | 'mqtt-outgoing-full';

/** A cause: a code for programs, a sentence for people. */
export interface MqttProblem {
  readonly code: MqttProblemCode;
  readonly detail: string;
}

interface Cause {
  readonly code: MqttProblemCode;
  /** Follows the broker's name. */
  readonly says: string;
}

/** What a broker answers to a connect it does not take (MQTT 3.1.1 §3.2.2.3). */
const CONNACK_CAUSES: ReadonlyMap<number, Cause> = new Map<number, Cause>([
  [1, { code: 'mqtt-protocol-refused', says: 'does not speak MQTT 3.1.1; use one that does' }],
  [2, { code: 'mqtt-identifier-refused', says: 'refuses our client identifier; choose another' }],
  [3, { code: 'mqtt-broker-unavailable', says: 'says that it is not available; tried again' }],
  [
    4,
    {
      code: 'mqtt-credentials-refused',
      says: 'refuses the user name or the password; correct them',
    },
  ],
  [
    5,
    { code: 'mqtt-not-authorised', says: 'does not authorise this client; check its access rules' },
  ],
]);

const UNTRUSTED: Cause = {
  code: 'mqtt-certificate-untrusted',
  says:
    'has a certificate that no CA trusted here issued; ' +
    'give its CA (links.mqtt.ca in device.yaml, or --mqtt-ca)',
};
const CLIENT_REFUSED: Cause = {
  code: 'mqtt-client-certificate-refused',
  says:
    'refuses our certificate, or misses one; give one that it knows ' +
    '(links.mqtt.certificate and key in device.yaml, or --mqtt-cert and --mqtt-key)',
};

/** By the codes that Node and OpenSSL give. */
const NETWORK_CAUSES: ReadonlyMap<string, Cause> = new Map<string, Cause>([
  ['ENOTFOUND', { code: 'mqtt-host-unknown', says: 'has no known address; check its name' }],
  ['EAI_AGAIN', { code: 'mqtt-host-unknown', says: 'has no known address; check the network' }],
  [
    'ECONNREFUSED',
    {
      code: 'mqtt-broker-unreachable',
      says: 'does not listen there; start it, or check the port',
    },
  ],
  [
    'CERT_HAS_EXPIRED',
    { code: 'mqtt-certificate-expired', says: 'has a certificate that is expired; renew it' },
  ],
  [
    'CERT_NOT_YET_VALID',
    {
      code: 'mqtt-certificate-not-yet-valid',
      says: 'has a certificate that is not valid yet; set the clock of this machine',
    },
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    {
      code: 'mqtt-certificate-wrong-host',
      says: 'has a certificate for another host; use the name in it, or say which is expected',
    },
  ],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
  ['CERT_SIGNATURE_FAILURE', UNTRUSTED],
  ['CERT_UNTRUSTED', UNTRUSTED],
  ['CERT_REJECTED', UNTRUSTED],
  ['INVALID_CA', UNTRUSTED],
  ['INVALID_PURPOSE', UNTRUSTED],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', CLIENT_REFUSED],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', CLIENT_REFUSED],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', CLIENT_REFUSED],
  ['ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', CLIENT_REFUSED],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', CLIENT_REFUSED],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', CLIENT_REFUSED],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', CLIENT_REFUSED],
  ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', CLIENT_REFUSED],
]);

/** The end of a connection that nobody explained. */
const CLOSED_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** A refused connect, by the number that the broker gave. */
export function connackProblem(broker: string, returnCode: number): MqttProblem {
  const cause = CONNACK_CAUSES.get(returnCode);
  return cause === undefined
    ? { code: 'mqtt-not-authorised', detail: `${broker} refuses this client (${returnCode})` }
    : { code: cause.code, detail: `${broker} ${cause.says}` };
}

/** What became of a socket, by its error; undefined when that only says that it was closed. */
export function networkProblem(broker: string, error: Error): MqttProblem | undefined {
  const code = errorCode(error);
  const cause = NETWORK_CAUSES.get(code);
  if (cause !== undefined) return { code: cause.code, detail: `${broker} ${cause.says}` };
  if (CLOSED_CODES.has(code)) return undefined;
  if (/^ERR_(SSL|TLS)_|^EPROTO$/.test(code)) {
    const detail = `${broker} and this side found no common TLS (${code}); check that it speaks TLS`;
    return { code: 'mqtt-tls-failed', detail };
  }
  const detail = `${broker} cannot be reached (${code}); check the network`;
  return { code: 'mqtt-broker-unreachable', detail };
}

/** The broker ended the connection, before or after it accepted us, and did not say why. */
export function closedProblem(broker: string, wasAccepted: boolean): MqttProblem {
  const detail = wasAccepted
    ? `${broker} ended the connection`
    : `${broker} ended the connection before it accepted us; check our name and certificate there`;
  return { code: 'mqtt-connection-closed', detail };
}

// Where a name has several addresses, Node gathers one error for each.
function errorCode(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (first instanceof Error && 'code' in first && typeof first.code === 'string')
    return first.code;
  return error.message;
}
