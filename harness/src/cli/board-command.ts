import { Option, type Command } from 'commander';
import {
  accept,
  type DowngradePrevention,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import {
  BOARDS_MAX,
  startBoardSession,
  type BoardSession,
  type BoardSessionOptions,
  type BoardSessionRejectCode,
} from '../board/board-session.js';
import type { BoardDefinition } from '../board/board-definition.js';
import { DEVICE_MODEL_NAMES, type DeviceModelName } from '../board/device-model.js';
import { BEHAVIOUR_NAMES, BEHAVIOURS, type BehaviourName } from '../board/named-behaviour.js';
import type { FaultFlag } from '../fault/fault-flag.js';
import { boardOption, readBoardFlag, strategyOption, type NamedBoard } from './board-flag.js';
import { showConsole } from './board-console.js';
import { checkLeftFiles, leaveFiles, tellWear } from './board-report.js';
import { addVerb, integerArgument, sizeArgument } from './command-tree.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import type { FileRejectCode } from './files.js';
import { addMqttOptions, readMqttAccess, type MqttFlags } from './mqtt-options.js';
import { failed, held, print, report, tell, type CliOutcome, type JsonValue } from './outcome.js';

interface BoardOptions extends MqttFlags {
  readonly board?: string;
  readonly schema?: boolean;
  readonly model?: DeviceModelName;
  readonly strategy?: StrategyName;
  readonly flash?: string;
  readonly save?: string;
  readonly count: number;
  readonly seed: number;
  readonly image?: string;
  readonly secondImage?: string;
  readonly downgradePrevention?: DowngradePrevention;
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
  readonly fault?: readonly string[];
  readonly report?: string;
  readonly quiet?: boolean;
}

const TCP_PORT_MAX = 65_535;
const SEED_MAX = 0xffff_ffff;
const COUNTER_MAX = 0xffff_ffff;
const DOWNGRADE_PREVENTIONS: readonly DowngradePrevention[] = [
  'version',
  'security-counter',
  'none',
];

type BoardRejectCode = BoardSessionRejectCode | FileRejectCode | 'fault-malformed';

const EXIT_BY_CODE: Readonly<Record<BoardRejectCode, ExitStatus>> = {
  'file-unreadable': EXIT.usage,
  'file-too-large': EXIT.usage,
  'file-unwritable': EXIT.usage,
  'fault-malformed': EXIT.usage,
  'board-option-invalid': EXIT.usage,
  'board-file-unreadable': EXIT.usage,
  'board-image-unfit': EXIT.failed,
  'serve-unavailable': EXIT.unreachable,
};

const FAULT_NOTES = `Faults of the flash, each a kind and its keys, parted by commas:
  power-cut,WHEN     the power goes in an operation, and comes back after a second
  failure,WHEN       an operation fails, and says so
  worn-out,at=PLACE  its sectors take erases=N more (0), then erases and writes fail
  flipped-bit,at=PLACE
                     bit=0 to 7 (any) flips at once, or before operation=N
  WHEN   operation=N, the n-th from now on, or rate=0.01, by chance from the seed
         of those with on=write or on=erase, and at=PLACE
  PLACE  slot1, slot1+0x1000 or 0x82000, and length=4KiB
  What is left of the operation: write=untouched, prefix:WORDS, one-bit-short, unstable or
  applied; erase=untouched, weak or applied`;

/** `brickproof board`: serves virtual boards until it is stopped. */
export function addBoardCommand(program: Command): void {
  const command = addVerb(program, {
    usage: 'board',
    description: 'serve virtual boards on a pty, a TCP port or an MQTT broker until stopped',
    notes: FAULT_NOTES,
    example: [
      'brickproof board --board board.yaml --flash dump.bin --save dump.bin',
      'brickproof board --tcp 4000 --fault failure,operation=3,on=write,at=slot1',
      'brickproof board --strategy swap-using-offset --confirm request',
      'brickproof board --model stm-unequal --strategy swap-using-scratch',
      'brickproof board --model nrf-dual --strategy swap-using-move',
    ],
  });
  addFlags(command);
  command.action(async (options: BoardOptions) => {
    const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
    const unserved = await serveBoards(command, options, json === true);
    if (unserved !== undefined) report(command, unserved);
  });
}

/** Serves boards until it is stopped; answers what kept it from doing so. */
async function serveBoards(
  command: Command,
  options: BoardOptions,
  asJson: boolean,
): Promise<CliOutcome | undefined> {
  if (options.schema === true) return printBoardSchema();
  const named = await readBoardOptions(options, asJson);
  if (!named.ok) return named.outcome;
  const faults = await readFaults(options);
  const session = faults.ok ? await startSession(options, named.board, faults.value) : faults;
  if (!session.ok) return failed(EXIT_BY_CODE[session.code], session.code, session.detail);
  for (const note of session.value.notes) tell(note);
  report(command, describe(session.value));
  if (options.quiet !== true) showConsole(session.value);
  await untilStopped();
  session.value.stop();
  tellWear(session.value);
  for (const written of leaveFiles(options, session.value)) {
    if (!written.ok) print(failed(EXIT.usage, written.code, written.detail), false);
  }
  return undefined;
}

async function printBoardSchema(): Promise<CliOutcome> {
  const { boardJsonSchema } = await import('../board/board-config-schema.js');
  const schema = JSON.parse(JSON.stringify(boardJsonSchema())) as JsonValue;
  return held({ schema }, JSON.stringify(schema, undefined, 2));
}

/** The board that `--board`, or `--model`, names. */
async function readBoardOptions(options: BoardOptions, asJson: boolean): Promise<NamedBoard> {
  const { board, model, strategy } = options;
  if (board !== undefined && model !== undefined) {
    const sentence = '--board and --model both name the board; give one';
    return { ok: false, outcome: failed(EXIT.usage, 'flags-contradict', sentence) };
  }
  return readBoardFlag(board ?? model ?? 'nrf-equal', { strategy, asJson });
}

async function startSession(
  options: BoardOptions,
  board: BoardDefinition,
  faults: readonly FaultFlag[],
): Promise<Verdict<BoardSession, BoardRejectCode>> {
  const access = options.mqtt === undefined ? accept({}) : readMqttAccess(options);
  if (!access.ok) return access;
  const places = checkLeftFiles(options);
  if (!places.ok) return places;
  return startBoardSession({
    ...sessionOptions(options, board),
    faults,
    mqttAccess: access.value,
    onProblem: tell,
  });
}

function addFlags(command: Command): void {
  const count = integerArgument(1, BOARDS_MAX);
  addMqttOptions(command)
    .addOption(boardOption())
    .option('--schema', 'print the JSON schema of board files, for editors')
    .addOption(
      new Option(
        '--model <name>',
        'the kind of board, when it is a built-in one (default: nrf-equal)',
      ).choices(DEVICE_MODEL_NAMES),
    )
    .addOption(
      strategyOption('how the bootloader upgrades (default: what the board says, direct-xip)'),
    )
    .option(
      '--flash <dump>',
      'start from a dump of the flash: raw bytes from its first to its last, or Intel HEX, with ' +
        'the security counters that --save left beside it',
    )
    .option(
      '--save <dump>',
      'when stopped, leave the flash as raw bytes, and its security counters beside it, in ' +
        'DUMP.counters.json',
    )
    .addOption(
      new Option(
        '--downgrade-prevention <what>',
        'what the bootloader refuses as older (default: version)',
      ).choices(DOWNGRADE_PREVENTIONS),
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
    .option('--second-image <file>', 'the second image of nrf-dual (default: a sample, 1.0.0)')
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
    .option(
      '--fault <fault>',
      'give the flash a fault; may be given again (see below)',
      (text: string, others: readonly string[] | undefined) => [...(others ?? []), text],
    )
    .option('--report <file>', 'write what struck, and the erases of each sector, when stopped')
    .option('--quiet', 'do not show the consoles');
}

function sessionOptions(options: BoardOptions, board: BoardDefinition): BoardSessionOptions {
  const { count, seed, tcp, mqtt, image, flash } = options;
  const { secondImage, downgradePrevention } = options;
  const behaviour = options.behaviour === undefined ? undefined : BEHAVIOURS[options.behaviour];
  return {
    model: board.samples,
    strategy: board.strategy,
    board,
    count,
    seed,
    keyPaths: options.key ?? [],
    pty: options.pty === true || (tcp === undefined && mqtt === undefined),
    confirmBy: options.confirm,
    agentVerifies: options.trusting !== true,
    ...(tcp === undefined ? {} : { tcpPort: tcp }),
    ...(mqtt === undefined ? {} : { mqttUrl: mqtt }),
    ...(flash === undefined ? {} : { flashPath: flash }),
    ...(image === undefined ? {} : { imagePath: image }),
    ...(secondImage === undefined ? {} : { secondImagePath: secondImage }),
    ...(downgradePrevention === undefined ? {} : { downgradePrevention }),
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

async function readFaults({
  fault = [],
}: BoardOptions): Promise<Verdict<readonly FaultFlag[], 'fault-malformed'>> {
  if (fault.length === 0) return accept([]);
  // Schemas take a while to load; a board without faults does without.
  const { readFaultFlag } = await import('../fault/fault-flag.js');
  const flags: FaultFlag[] = [];
  for (const text of fault) {
    const flag = readFaultFlag(text);
    if (!flag.ok) return flag;
    flags.push(flag.value);
  }
  return accept(flags);
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
