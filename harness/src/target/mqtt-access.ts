import type { MqttBrokerOptions, MqttTlsOptions } from '@brickproof/agent/node';

/** The first level of all topics, for devices and clients that are told no other. */
export const MQTT_PREFIX_DEFAULT = 'brickproof';

/** Who we are to a broker, and where its topics begin. */
export interface MqttAccess {
  readonly tls?: MqttTlsOptions;
  readonly username?: string;
  readonly password?: string;
  /** Without this, plain `mqtt://` goes to this machine alone. */
  readonly plaintext?: 'allowed';
  /** The first level of all topics. */
  readonly prefix?: string;
}

/** What opening a target behind a broker may be told. */
export interface MqttTargetOptions extends MqttAccess {
  /** How long broker or device may be away, once they were there. */
  readonly absenceMsMax?: number;
}

/** A broker's address with what is needed to get in. */
export function brokerOptions(url: string, access: MqttAccess): MqttBrokerOptions {
  const { tls, username, password, plaintext } = access;
  return {
    url,
    ...(tls === undefined ? {} : { tls }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(plaintext === undefined ? {} : { plaintext }),
  };
}
