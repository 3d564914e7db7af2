import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

/** The longest name of a prefix, a device or a session, in UTF-16 units. */
export const MQTT_NAME_LENGTH_MAX = 64;

/** Why a name cannot be a part of a topic. */
export type MqttNameRejectCode = 'mqtt-name-invalid';

/** Whose topics they are. */
export interface MqttAddress {
  readonly prefix: string;
  readonly device: string;
}

/** The topics of one device, for itself and for its clients. */
export interface MqttTopics {
  /** Retained: whether the device is there. */
  readonly status: string;
  /** What the device subscribes to: the requests of all sessions. */
  readonly requests: string;
  /** Where a client sends its requests. A session name that is not one throws. */
  request(session: string): string;
  /** Where the answers to that session are sent. */
  response(session: string): string;
  /** The session of a request topic; undefined for any other topic. */
  sessionOf(topic: string): string | undefined;
}

/** No separators or wildcards, no control characters, no lone surrogates, and no leading `$`. */
const NAME = /^(?!\$)[^\p{Cc}\p{Cs}+#/]+$/u;

/** Whether a name can be one level of a topic (MQTT 3.1.1 §4.7), by itself and in a filter. */
export function isMqttName(name: string): boolean {
  return name.length <= MQTT_NAME_LENGTH_MAX && NAME.test(name);
}

/** The topics of a device. Refuses `mqtt-name-invalid`. */
export function createMqttTopics(address: MqttAddress): Verdict<MqttTopics, MqttNameRejectCode> {
  for (const name of [address.prefix, address.device]) {
    if (!isMqttName(name)) return reject('mqtt-name-invalid', describeInvalid(name));
  }
  const base = `${address.prefix}/${address.device}`;
  const requestBase = `${base}/smp/request/`;
  return accept({
    status: `${base}/status`,
    requests: `${requestBase}+`,
    request: (session) => requestBase + requireName(session),
    response: (session) => `${base}/smp/response/${requireName(session)}`,
    sessionOf: (topic) => {
      if (!topic.startsWith(requestBase)) return undefined;
      const session = topic.slice(requestBase.length);
      return isMqttName(session) ? session : undefined;
    },
  });
}

function requireName(session: string): string {
  if (!isMqttName(session)) throw new RangeError(describeInvalid(session));
  return session;
}

function describeInvalid(name: string): string {
  const limit = `1 to ${MQTT_NAME_LENGTH_MAX} characters, none of + # / and no leading $`;
  return `${JSON.stringify(name.slice(0, MQTT_NAME_LENGTH_MAX))} is not a name: ${limit}`;
}
