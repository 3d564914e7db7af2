import { accept } from '@brickproof/bootloader-sim';
import { Option } from 'commander';
import type { Command } from 'commander';
import { SmpClient } from '../client/smp-client.js';
import { SMP_RETRIES_DEFAULT, SMP_TIMEOUT_MS_DEFAULT } from '../client/request-channel.js';
import type { SmpClientRejectCode, SmpFailure } from '../client/smp-result.js';
import { openTarget } from '../target/open-target.js';
import type { SimBoardFactory } from '../target/sim-target.js';
import type { TargetRejectCode } from '../target/smp-connection.js';
import { parseTarget } from '../target/target.js';
import { integerArgument } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { addMqttOptions, readMqttAccess } from './mqtt-options.js';
import type { MqttFlags } from './mqtt-options.js';
import { failed, tell } from './outcome.js';
import type { CliOutcome } from './outcome.js';

/** What the verbs that talk to a device need from outside. */
export interface TargetContext {
  /** Makes the board behind the target `sim`. */
  readonly createSimBoard?: SimBoardFactory;
}

interface TargetOptions extends MqttFlags {
  readonly target?: string;
  readonly timeout: number;
  readonly retries: number;
}

const TIMEOUT_MS_MAX = 600_000;
const RETRIES_MAX = 100;

/** Adds the flags that say which device is meant, and how patient to be. */
export function addTargetOptions(command: Command): Command {
  return addMqttOptions(command)
    .addOption(
      new Option(
        '-t, --target <target>',
        'sim, serial:/dev/ttyACM0?baud=115200, tcp:HOST:PORT, udp:HOST:PORT or mqtts://HOST:PORT/DEVICE',
      ).env('BRICKPROOF_TARGET'),
    )
    .option(
      '--timeout <ms>',
      'how long an answer may take',
      integerArgument(1, TIMEOUT_MS_MAX),
      SMP_TIMEOUT_MS_DEFAULT,
    )
    .option(
      '--retries <count>',
      'how often a request is sent again',
      integerArgument(0, RETRIES_MAX),
      SMP_RETRIES_DEFAULT,
    );
}

/** Opens the target of a command, lets it be used, and closes it again. */
export async function withClient(
  command: Command,
  context: TargetContext,
  use: (client: SmpClient) => Promise<CliOutcome>,
): Promise<CliOutcome> {
  const options = command.optsWithGlobals<TargetOptions>();
  const { target, timeout, retries } = options;
  if (target === undefined || target === '') {
    const form = 'add --target serial:/dev/ttyACM0, or set BRICKPROOF_TARGET';
    return failed(EXIT.usage, 'target-missing', `no target is named; ${form}`);
  }
  const spec = parseTarget(target);
  if (!spec.ok) return failed(EXIT.usage, spec.code, spec.detail);
  const mqtt = spec.value.kind === 'mqtt' ? readMqttAccess(options) : accept({});
  if (!mqtt.ok) return failed(EXIT.usage, mqtt.code, mqtt.detail);
  const connection = await openTarget(spec.value, { ...context, mqtt: mqtt.value });
  if (!connection.ok) {
    const status = USAGE_CODES.has(connection.code) ? EXIT.usage : EXIT.unreachable;
    return failed(status, connection.code, connection.detail);
  }
  const client = new SmpClient(connection.value, {
    timeoutMs: timeout,
    retries,
    onInterruption: tellInterruptions(connection.value.name),
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Some ways only tell that they are back; then nobody has been kept waiting. */
function tellInterruptions(name: string): (what: 'interrupted' | 'resumed') => void {
  let isGone = false;
  return (what) => {
    if (what === 'interrupted') tell(`${name} is gone; waiting for it to come back`);
    else if (isGone) tell(`${name} is back`);
    isGone = what === 'interrupted';
  };
}

const USAGE_CODES: ReadonlySet<TargetRejectCode> = new Set<TargetRejectCode>([
  'target-malformed',
  'target-plaintext-refused',
  'target-credentials-malformed',
]);

const UNREACHABLE_CODES: ReadonlySet<SmpClientRejectCode> = new Set<SmpClientRejectCode>([
  'smp-timeout',
  'connection-lost',
  'device-offline',
]);

/** A refusal as the outcome of a command. */
export function failedRequest(failure: SmpFailure): CliOutcome {
  const status = UNREACHABLE_CODES.has(failure.code) ? EXIT.unreachable : EXIT.failed;
  const outcome = failed(status, failure.code, failure.detail);
  const { deviceError } = failure;
  if (deviceError === undefined) return outcome;
  const group = deviceError.kind === 'group' ? { group: deviceError.group } : {};
  return { ...outcome, json: { ...outcome.json, ...group, rc: deviceError.rc } };
}
