import { createRequire } from 'node:module';
import { Command, CommanderError, Help, Option } from 'commander';
import { commandPath } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { failed, oneLine, print } from './outcome.js';

const STACK_VARIABLE = 'BRICKPROOF_STACK';

type AddVerb = (program: Command) => Promise<void>;

/** Verbs in the order of the help. Each is loaded when it is asked for: together they take a while. */
const VERBS: ReadonlyMap<string, AddVerb> = new Map<string, AddVerb>([
  [
    'demo',
    async (program) => {
      (await import('./demo-command.js')).addDemoCommand(program);
    },
  ],
  [
    'board',
    async (program) => {
      (await import('./board-command.js')).addBoardCommand(program);
    },
  ],
  [
    'run',
    async (program) => {
      (await import('./run-command.js')).addRunCommand(program);
    },
  ],
  [
    'explore',
    async (program) => {
      (await import('./explore-command.js')).addExploreCommand(program);
    },
  ],
  ['smp', addSmp],
  [
    'image',
    async (program) => {
      (await import('./image-command.js')).registerImageCommand(program);
    },
  ],
  [
    'flash',
    async (program) => {
      (await import('./flash-command.js')).registerFlashCommand(program);
    },
  ],
]);

async function addSmp(program: Command): Promise<void> {
  const { registerSmpCommand } = await import('./smp-command.js');
  const { createSimBoard } = await import('../board/sim-board.js');
  registerSmpCommand(program, { createSimBoard });
}

/** The verb that comes first, but for flags that need none; else all, for the help and for hints. */
function verbsFor(args: readonly string[]): readonly AddVerb[] {
  const first = args.find((arg) => arg !== '--json');
  const asked = first === undefined ? undefined : VERBS.get(first);
  return asked === undefined ? [...VERBS.values()] : [asked];
}

async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('brickproof')
    .description('Can this update path be bricked, or be made to install what it must not?')
    .option('--json', 'print one JSON object on standard output, and nothing else')
    .helpCommand(false)
    .configureHelp({ visibleOptions: listOptions })
    .exitOverride()
    // What went wrong is printed once, by us, in one line.
    .configureOutput({ outputError: () => undefined });
  for (const addVerb of verbsFor(args)) await addVerb(program);
  return program;
}

/** Our `--version` stands in our help alone; see `main` for why it is no option as others are. */
function listOptions(command: Command): Option[] {
  const listed = new Help().visibleOptions(command);
  const version = new Option('-V, --version', 'print the version of Brickproof');
  return command.parent === null ? [version, ...listed] : listed;
}

async function main(args: readonly string[]): Promise<void> {
  const asJson = args.includes('--json');
  // `--version` belongs to `image sign`, where it is the image's; alone it is ours.
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    process.stdout.write(`${packageVersion()}\n`);
    return;
  }
  const program = await createProgram(args);
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) reportUsage(program, error, { args, asJson });
    else reportMistake(error, asJson);
  }
}

function reportUsage(
  program: Command,
  error: CommanderError,
  { args, asJson }: { readonly args: readonly string[]; readonly asJson: boolean },
): void {
  if (error.exitCode === 0) return;
  // A verb that needs another one has printed its help already.
  if (error.code === 'commander.help' && !asJson) {
    process.exitCode = EXIT.usage;
    return;
  }
  const path = commandPath(program, args);
  const what =
    error.code === 'commander.help'
      ? 'a verb is missing'
      : oneLine(error.message).replace(/^error: /, '');
  print(failed(EXIT.usage, 'usage', `${what.replace(/\.$/, '')}; see ${path} --help`), asJson);
}

/** A mistake of ours: one line too, and the stack for who asks for it. */
function reportMistake(error: unknown, asJson: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  const sentence = `internal error: ${message}; set ${STACK_VARIABLE}=1 to see where, and report it`;
  print(failed(EXIT.failed, 'internal-error', sentence), asJson);
  if (process.env[STACK_VARIABLE] !== undefined && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
  }
}

function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('../../package.json');
  const version: unknown =
    typeof manifest === 'object' && manifest !== null
      ? Reflect.get(manifest, 'version')
      : undefined;
  return typeof version === 'string' ? version : 'unknown';
}

// A reader that left, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
await main(process.argv.slice(2));
