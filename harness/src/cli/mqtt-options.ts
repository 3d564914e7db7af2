import { accept } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { MqttAccess } from '../target/mqtt-access.js';
import { readFileBytes } from './files.js';
import type { FileRejectCode } from './files.js';

/** What the flags for a broker were given. */
export interface MqttFlags {
  readonly mqttCa?: string;
  readonly mqttCert?: string;
  readonly mqttKey?: string;
  readonly mqttServerName?: string;
  readonly mqttUsername?: string;
  readonly mqttPrefix?: string;
  readonly mqttPlaintext?: boolean;
}

/** Where the password is looked for: on a command line everybody on the machine could read it. */
export const MQTT_PASSWORD_VARIABLE = 'BRICKPROOF_MQTT_PASSWORD';

/** Adds the flags that say how a broker is reached, and who we are to it. */
export function addMqttOptions(command: Command): Command {
  const withVariable = (flag: string, description: string, variable: string): Option =>
    new Option(flag, description).env(`BRICKPROOF_MQTT_${variable}`);
  return command
    .addOption(
      withVariable(
        '--mqtt-ca <file>',
        "PEM of the CA that vouches for the broker's certificate",
        'CA',
      ),
    )
    .addOption(withVariable('--mqtt-cert <file>', 'PEM of our certificate for the broker', 'CERT'))
    .addOption(withVariable('--mqtt-key <file>', 'PEM of its private key', 'KEY'))
    .option('--mqtt-server-name <name>', "the name in the broker's certificate, when it is another")
    .addOption(
      withVariable(
        '--mqtt-username <name>',
        `our name at the broker; the password is taken from ${MQTT_PASSWORD_VARIABLE}`,
        'USERNAME',
      ),
    )
    .addOption(
      withVariable(
        '--mqtt-prefix <name>',
        'the first level of all topics (default: brickproof)',
        'PREFIX',
      ),
    )
    .option('--mqtt-plaintext', 'let mqtt:// leave this machine, though anybody may read along');
}

/** Reads the files that the flags name. Refuses as files do. */
export function readMqttAccess(flags: MqttFlags): Verdict<MqttAccess, FileRejectCode> {
  const ca = readPem(flags.mqttCa);
  if (!ca.ok) return ca;
  const certificate = readPem(flags.mqttCert);
  if (!certificate.ok) return certificate;
  const key = readPem(flags.mqttKey);
  if (!key.ok) return key;
  const username = given(flags.mqttUsername);
  const password = username === undefined ? undefined : given(process.env[MQTT_PASSWORD_VARIABLE]);
  const serverName = given(flags.mqttServerName);
  const prefix = given(flags.mqttPrefix);
  return accept({
    tls: {
      ...(ca.value === undefined ? {} : { ca: ca.value }),
      ...(certificate.value === undefined ? {} : { certificate: certificate.value }),
      ...(key.value === undefined ? {} : { key: key.value }),
      ...(serverName === undefined ? {} : { serverName }),
    },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(flags.mqttPlaintext === true ? { plaintext: 'allowed' } : {}),
  });
}

function readPem(path: string | undefined): Verdict<Uint8Array | undefined, FileRejectCode> {
  const named = given(path);
  return named === undefined ? accept(undefined) : readFileBytes(named);
}

/** A variable that is set to nothing is not set. */
function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
