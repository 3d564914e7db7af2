import { Option, type Command } from 'commander';
import { accept, STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import {
  BOARDS_MAX,
  startBoardSession,
  type BoardSession,
  type BoardSessionOptions,
  type BoardSessionRejectCode,
} from '../board/board-session.js';
import { DEVICE_MODEL_NAMES, type DeviceModelName } from '../board/device-model.js';
import { BEHAVIOUR_NAMES, BEHAVIOURS, type BehaviourName } from '../board/named-behaviour.js';
import { addVerb, integerArgument, sizeArgument } from './command-tree.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { addMqttOptions, readMqttAccess, type MqttFlags } from './mqtt-options.js';
import { failed, held, report, tell, type CliOutcome } from './outcome.js';

interface BoardOptions extends MqttFlags {
  readonly model: DeviceModelName;
  readonly strategy: StrategyName;
  readonly count: number;
  readonly seed: number;
  readonly image?: string;
  readonly key?: readonly string[];
  readonly decrypt?: string;
  readonly pty?: boolean;
  readonly tcp?: number;
  readonly mqtt?: string;
  readonly behaviour?: BehaviourName;
  readonly confirm: 'self-test' | 'request';
  readonly trusting?: boolean;
  readonly bufferSize?: number;
  readonly securityCounter?: number;
  readonly quiet?: boolean;
}

const TCP_PORT_MAX = 65_535;
const SEED_MAX = 0xffff_ffff;
const COUNTER_MAX = 0xffff_ffff;

const EXIT_BY_CODE: Readonly<Record<BoardSessionRejectCode, ExitStatus>> = {
  'board-option-invalid': EXIT.usage,
  'board-file-unreadable': EXIT.usage,
  'board-image-unfit': EXIT.failed,
  'serve-unavailable': EXIT.unreachable,
};

/** `brickproof board`: serves virtual boards until it is stopped. */
export function addBoardCommand(program: Command): void {
  const command = addVerb(program, {
    usage: 'board',
    description: 'serve virtual boards on a pty, a TCP port or an MQTT broker until stopped',
    example: 'brickproof board --model stm-unequal --tcp 4000',
  });
  addFlags(command);
  command.action(async (options: BoardOptions) => {
    const access = options.mqtt === undefined ? accept({}) : readMqttAccess(options);
    if (!access.ok) {
      report(command, failed(EXIT.usage, access.code, access.detail));
      return;
    }
    const session = await startBoardSession({
      ...sessionOptions(options),
      mqttAccess: access.value,
      onProblem: tell,
    });
    if (!session.ok) {
      report(command, failed(EXIT_BY_CODE[session.code], session.code, session.detail));
      return;
    }
    report(command, describe(session.value));
    if (options.quiet !== true) showConsole(session.value);
    await untilStopped();
    session.value.stop();
  });
}

function addFlags(command: Command): void {
  const count = integerArgument(1, BOARDS_MAX);
  addMqttOptions(command)
    .addOption(
      new Option('--model <name>', 'the kind of board')
        .choices(DEVICE_MODEL_NAMES)
        .default('nrf-equal'),
    )
    .addOption(
      new Option('--strategy <name>', 'how the bootloader upgrades')
        .choices(STRATEGY_NAMES)
        .default('direct-xip'),
    )
    .option('--pty', 'offer the UART as a serial port (the default)')
    .option(
      '--tcp <port>',
      'offer the UART on a TCP port; 0 for any',
      integerArgument(0, TCP_PORT_MAX),
    )
    .option('--mqtt <url>', 'connect to a broker: mqtts://HOST:PORT, or mqtt://HOST:PORT here')
    .option('--count <n>', 'how many boards', count, 1)
    .option(
      '--seed <n>',
      'the first board is known by this; the next ones count up',
      integerArgument(0, SEED_MAX),
      1,
    )
    .option('--image <file>', 'the image they leave the factory with (default: a sample, 1.0.0)')
    .option('--key <pem...>', 'the keys they trust (default: the test keys of the samples)')
    .option('--decrypt <pem>', 'the key they decrypt images with; without one they take none')
    .addOption(
      new Option('--behaviour <name>', 'how all firmware behaves, whatever its image says').choices(
        BEHAVIOUR_NAMES,
      ),
    )
    .addOption(
      new Option('--confirm <who>', 'who confirms a new image')
        .choices(['self-test', 'request'])
        .default('self-test'),
    )
    .option('--trusting', 'the agent marks any image, so that the bootloader alone must refuse it')
    .option('--buffer-size <size>', 'the largest SMP message they take', sizeArgument)
    .option(
      '--security-counter <n>',
      'what the security counter starts at',
      integerArgument(0, COUNTER_MAX),
    )
    .option('--quiet', 'do not show the consoles');
}

function sessionOptions(options: BoardOptions): BoardSessionOptions {
  const { model, strategy, count, seed, tcp, mqtt, image } = options;
  const behaviour = options.behaviour === undefined ? undefined : BEHAVIOURS[options.behaviour];
  return {
    model,
    strategy,
    count,
    seed,
    keyPaths: options.key ?? [],
    pty: options.pty === true || (tcp === undefined && mqtt === undefined),
    confirmBy: options.confirm,
    agentVerifies: options.trusting !== true,
    ...(tcp === undefined ? {} : { tcpPort: tcp }),
    ...(mqtt === undefined ? {} : { mqttUrl: mqtt }),
    ...(image === undefined ? {} : { imagePath: image }),
    ...(options.decrypt === undefined ? {} : { decryptionKeyPath: options.decrypt }),
    ...(behaviour === undefined ? {} : { behaviour }),
    ...(options.bufferSize === undefined ? {} : { bufferSizeBytes: options.bufferSize }),
    ...(options.securityCounter === undefined ? {} : { securityCounter: options.securityCounter }),
  };
}

function describe(session: BoardSession): CliOutcome {
  const boards = session.boards.map(({ board, targets }) => ({ device: board.deviceId, targets }));
  const lines = boards.map(({ device, targets }) => `${device}  ${targets.join('  ')}`);
  tell('Serving; press Ctrl-C to stop. Reach a board with --target and one of these:');
  return held({ boards }, lines.join('\n'));
}

/** Prints what the boards print, without SMP frames, each line after its board's name. */
function showConsole(session: BoardSession): void {
  for (const { board } of session.boards) {
    let partial = '';
    const name = session.boards.length > 1 ? `${board.deviceId}: ` : '';
    board.listen({
      uart: (bytes) => {
        const lines = (partial + Buffer.from(bytes).toString('latin1')).split(/\r?\n/);
        partial = lines.pop() ?? '';
        for (const line of lines) {
          if (/^[\x20-\x7e]+$/.test(line)) process.stderr.write(`${name}${line}\n`);
        }
      },
    });
  }
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
}
