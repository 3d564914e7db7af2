import { Option, type Command } from 'commander';
import { accept, STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import { DEVICE_MODEL_NAMES, type DeviceModelName } from '../board/device-model.js';
import { countVerdict, formatSeconds, type RunReport } from '../report/run-report.js';
import type { LinkKind } from '../scenario/device-schema.js';
import type { ScenarioProblem } from '../scenario/scenario.js';
import type { ScenarioRun } from '../scenario/scenario-run.js';
import { parseTarget } from '../target/target.js';
import { addVerb, integerArgument } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { writeFileBytes } from './files.js';
import { addMqttOptions, readMqttAccess, type MqttFlags } from './mqtt-options.js';
import { failed, held, report, type CliOutcome, type JsonValue } from './outcome.js';
import { createRunProgress } from './run-progress.js';
import { checkTargetAnswers, type NamedTarget } from './run-target.js';
import { formatTable } from './table.js';

interface RunOptions extends MqttFlags {
  readonly only: readonly string[];
  readonly model?: DeviceModelName;
  readonly link?: LinkKind;
  readonly strategy?: StrategyName;
  readonly seed?: number;
  readonly timeout: number;
  readonly target?: string;
  readonly junit?: string;
  readonly html?: string;
  readonly list?: boolean;
  readonly schema?: boolean;
}

const SEED_MAX = 0xffff_ffff;
const TIMEOUT_S_DEFAULT = 60;
const TIMEOUT_S_MAX = 86_400;
const MS_PER_SECOND = 1_000;
const BUILTIN_SENTENCE =
  'the scenarios that come with Brickproof need virtual boards; ' +
  'name a scenario file of your own, or leave --target out';
const LINKS: readonly LinkKind[] = ['serial', 'tcp', 'mqtt'];

/** `brickproof run`: scenario files against virtual boards, or against a device. */
export function addRunCommand(program: Command): void {
  const command = addVerb(program, {
    usage: 'run [files...]',
    description:
      'run scenarios: each on a new virtual board for every entry of its matrix, or on a device ' +
      'with --target; without files those that come with Brickproof',
    example: 'brickproof run my-update.yaml --link mqtt --junit report.xml --html report.html',
  });
  addFlags(command);
  command.action(async (files: readonly string[], options: RunOptions) => {
    const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
    report(command, await run(files, options, json === true));
  });
}

function addFlags(command: Command): void {
  addMqttOptions(command)
    .option('--only <name>', 'only the scenario of this name; may be given again', collect, [])
    .addOption(
      new Option('--model <name>', 'only on this kind of board').choices(DEVICE_MODEL_NAMES),
    )
    .addOption(new Option('--link <kind>', 'only over this link').choices(LINKS))
    .addOption(
      new Option('--strategy <name>', 'only with this way of upgrading').choices(STRATEGY_NAMES),
    )
    .option('--seed <n>', 'instead of those in the files', integerArgument(0, SEED_MAX))
    .option(
      '--timeout <seconds>',
      'how long one run may take',
      integerArgument(1, TIMEOUT_S_MAX),
      TIMEOUT_S_DEFAULT,
    )
    .option(
      '-t, --target <target>',
      'a device instead of virtual boards: serial:/dev/ttyACM0, tcp:HOST:PORT, udp:HOST:PORT, ' +
        'mqtts://HOST:PORT/DEVICE, or mqtt:// for a broker on this machine',
    )
    .option('--junit <file>', 'write a report as JUnit XML')
    .option('--html <file>', 'write a report as one HTML page')
    .option('--list', 'print what would be run, and run nothing')
    .option('--schema', 'print the JSON schema of scenario files, for editors');
}

function collect(name: string, names: readonly string[]): readonly string[] {
  return [...names, name];
}

async function run(
  files: readonly string[],
  options: RunOptions,
  asJson: boolean,
): Promise<CliOutcome> {
  if (options.schema === true) return printSchema();
  const target = readTarget(options);
  if (!target.ok) return target.outcome;
  // YAML and schemas take a while to load; other verbs do without.
  const { loadScenarios, builtinScenarioFiles } = await import('../scenario/load-scenarios.js');
  const { planRuns } = await import('../scenario/plan-runs.js');
  const loaded = loadScenarios(files.length === 0 ? builtinScenarioFiles() : files);
  if (loaded.problems.length > 0) return refuseProblems(loaded.problems, asJson);
  const { only, model, link, strategy, seed } = options;
  const filter = { only, model, link, strategy, seed, target: target.named?.spec };
  const plan = planRuns(loaded.scenarios, filter);
  if (!plan.ok && 'sentence' in plan) return failed(EXIT.usage, 'run-impossible', plan.sentence);
  if (!plan.ok && files.length === 0 && target.named !== undefined) {
    return failed(EXIT.usage, 'run-impossible', BUILTIN_SENTENCE);
  }
  if (!plan.ok) return refuseProblems(plan.problems, asJson);
  if (options.list === true) return listScenarios(plan.runs);
  const unready = await checkReady(options, target.named);
  return unready ?? runPlan(plan.runs, { ...options, named: target.named }, asJson);
}

async function printSchema(): Promise<CliOutcome> {
  const { scenarioJsonSchema } = await import('../scenario/scenario-schema.js');
  const schema = JSON.parse(JSON.stringify(scenarioJsonSchema())) as JsonValue;
  return held({ schema }, JSON.stringify(schema, undefined, 2));
}

type TargetChoice =
  | { readonly ok: true; readonly named: NamedTarget | undefined }
  | { readonly ok: false; readonly outcome: CliOutcome };

function readTarget(options: RunOptions): TargetChoice {
  const { target, link } = options;
  if (target === undefined) return { ok: true, named: undefined };
  const refuse = (sentence: string): TargetChoice => {
    return { ok: false, outcome: failed(EXIT.usage, 'target-malformed', sentence) };
  };
  const spec = parseTarget(target);
  if (!spec.ok) return refuse(spec.detail);
  if (spec.value.kind === 'sim') {
    return refuse('leave --target out to run on virtual boards; it names a device that is none');
  }
  if (link !== undefined)
    return refuse('--link chooses among virtual boards; --target is the link');
  const mqtt = spec.value.kind === 'mqtt' ? readMqttAccess(options) : accept({});
  if (!mqtt.ok) return refuse(mqtt.detail);
  return { ok: true, named: { text: target, spec: spec.value, mqtt: mqtt.value } };
}

/** Every problem on a line of its own, as compilers tell them. */
async function refuseProblems(
  problems: readonly ScenarioProblem[],
  asJson: boolean,
): Promise<CliOutcome> {
  const { formatScenarioProblem } = await import('../scenario/scenario.js');
  const lines = problems.map(formatScenarioProblem);
  const json = { problems: problems.map((problem): JsonValue => ({ ...problem })) };
  const [first = ''] = lines;
  if (lines.length > 1 && !asJson) process.stderr.write(`${lines.join('\n')}\n`);
  const sentence = lines.length === 1 ? first : `${lines.length} problems; nothing was run`;
  const outcome = failed(EXIT.usage, 'scenario-invalid', sentence);
  return { ...outcome, json: { ...outcome.json, ...json } };
}

function listScenarios(runs: readonly ScenarioRun[]): CliOutcome {
  const scenarios = [...new Set(runs.map((run) => run.scenario))];
  const rows = scenarios.map((scenario) => {
    const entries = runs.filter((run) => run.scenario === scenario);
    return [scenario.name, ...matrixWords(entries), `${scenario.steps.length}`, scenario.file];
  });
  const header = ['scenario', 'models', 'links', 'strategies', 'steps', 'file'];
  const json = runs.map(({ scenario, model, link, strategy, seed }) => {
    return { scenario: scenario.name, file: scenario.file, model, link, strategy, seed };
  });
  return held({ runs: json }, formatTable([header, ...rows]));
}

function matrixWords(runs: readonly ScenarioRun[]): readonly string[] {
  const words = (values: readonly string[]): string => [...new Set(values)].join(', ');
  return [
    words(runs.map((run) => run.model)),
    words(runs.map((run) => run.link)),
    words(runs.map((run) => run.strategy)),
  ];
}

/** Finds out before the first run what would be found out after the last one. */
async function checkReady(
  { junit, html }: RunOptions,
  target: NamedTarget | undefined,
): Promise<CliOutcome | undefined> {
  for (const path of [junit, html]) {
    // What an earlier run left there is no report of this one.
    const written = path === undefined ? undefined : writeFileBytes(path, new Uint8Array(0));
    if (written?.ok === false) return failed(EXIT.usage, written.code, written.detail);
  }
  return target && checkTargetAnswers(target);
}

async function runPlan(
  runs: readonly ScenarioRun[],
  options: RunOptions & { readonly named: NamedTarget | undefined },
  asJson: boolean,
): Promise<CliOutcome> {
  const { runAll } = await import('../scenario/run-all.js');
  const { describeEntry } = await import('../scenario/scenario-run.js');
  const { named } = options;
  const stream = asJson ? process.stderr : process.stdout;
  const progress = createRunProgress(runs.length, (text) => stream.write(text));
  const stop = new AbortController();
  const onSignal = (): void => {
    stop.abort();
  };
  for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
  const found = await runAll(runs, {
    target: named && { target: named.text, mqtt: named.mqtt },
    timeoutMs: options.timeout * MS_PER_SECOND,
    signal: stop.signal,
    onStart: (one) => {
      progress.started(one.scenario.name, describeEntry(one));
    },
    onEnd: (one) => {
      progress.ended(one);
    },
  });
  for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  return (await writeReports(found, options)) ?? outcomeOf(found);
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function writeReports(
  found: RunReport,
  { junit, html }: RunOptions,
): Promise<CliOutcome | undefined> {
  const { formatJunit } = await import('../report/junit.js');
  const { formatHtml } = await import('../report/html.js');
  for (const [path, format] of [
    [junit, formatJunit],
    [html, formatHtml],
  ] as const) {
    if (path === undefined) continue;
    const written = writeFileBytes(path, Buffer.from(format(found)));
    if (!written.ok) return failed(EXIT.usage, written.code, written.detail);
  }
  return undefined;
}

function outcomeOf(found: RunReport): CliOutcome {
  const { runs, startedAt, durationMs } = found;
  const failures = countVerdict(runs, 'failed');
  const stopped = countVerdict(runs, 'not-run');
  const heldCount = countVerdict(runs, 'held');
  const text = `\n${heldCount} of ${runs.length} held, in ${formatSeconds(durationMs)}.`;
  const json = {
    startedAt,
    durationMs,
    held: heldCount,
    failed: failures,
    notRun: stopped,
    runs: runs.map((run): JsonValue => ({
      ...run,
      failure: run.failure === undefined ? null : { ...run.failure },
      wear: run.wear.map(({ area, erases }) => ({ area, erases })),
    })),
  };
  if (failures + stopped === 0) return held(json, text);
  const outcome =
    stopped > 0
      ? failed(EXIT.failed, 'run-stopped', `stopped; ${stopped} of ${runs.length} were not run`)
      : failed(EXIT.failed, 'scenario-failed', `${failures} of ${runs.length} did not hold`);
  return { ...outcome, json: { ...outcome.json, ...json }, text };
}
