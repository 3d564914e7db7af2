import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import type { ExploreTask, Explored } from '../explore/explore-task.js';
import { paintFor, PLAIN } from '../report/paint.js';
import { readBoardFlag } from './board-flag.js';
import { addVerb } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { addExploreFlags, dumpSourceOf, type ExploreFlags } from './explore-flags.js';
import { boundsOf, matrixOf, type MatrixEntry } from './explore-matrix.js';
import {
  exploreOutcome,
  formatReportLine,
  type LeftOut,
  type NamedReport,
} from './explore-outcome.js';
import { createExploreProgress } from './explore-progress.js';
import { writeFileBytes } from './files.js';
import { failed, report, type CliOutcome } from './outcome.js';

const NOTES = `Lists are separated by commas; every combination of what is listed is explored.

A device boots, updates itself and loses power, at every flash operation and in every way in which
it can be torn, then again while it recovers, until nothing new can come of it. It is drained when
nothing is left to try. The exit status is 0 when all is drained and every invariant held, and 1
when an invariant is broken, or when something was not tried: for --cuts, for --states-max, for
Ctrl-C.`;

/** `brickproof explore`: every power cut, any number of them. */
export function addExploreCommand(program: Command): void {
  const command = addVerb(program, {
    usage: 'explore',
    description:
      'try every power cut, any number of them, until nothing is left to try; or show the ' +
      'shortest way to what goes wrong',
    notes: NOTES,
    example: [
      'brickproof explore --scene permanent --strategy overwrite-only --align 4,8 --html cuts.html',
      'brickproof explore --flash dump.bin --board board.yaml --cuts 1',
    ],
  });
  addExploreFlags(command);
  command.action(async (flags: ExploreFlags) => {
    const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
    report(command, await explore(flags, json === true));
  });
}

async function explore(flags: ExploreFlags, asJson: boolean): Promise<CliOutcome> {
  const unfit = unfitFlag(flags);
  if (unfit !== undefined) {
    return failed(EXIT.usage, 'usage', `${unfit}; see brickproof explore --help`);
  }
  if (flags.replay !== undefined) {
    const { replay } = await import('./explore-replay.js');
    return replay(flags.replay, flags);
  }
  const entries = await readEntries(flags, asJson);
  if ('status' in entries) return entries;
  const tasks = entries.flatMap(({ name, task }) => (task.ok ? [{ name, task: task.value }] : []));
  if (tasks.length === 0) return refuseAll(leftOutOf(entries));
  // What an earlier run left there is no report of this one.
  const written =
    flags.html === undefined ? undefined : writeFileBytes(flags.html, new Uint8Array(0));
  if (written?.ok === false) return failed(EXIT.usage, written.code, written.detail);
  return exploreAll(tasks, leftOutOf(entries), { flags, asJson });
}

/** What is to be explored, or why nothing can be. */
async function readEntries(
  flags: ExploreFlags,
  asJson: boolean,
): Promise<readonly MatrixEntry[] | CliOutcome> {
  const { flash, board, strategy } = flags;
  if (flash === undefined || board === undefined) {
    const matrix = matrixOf(flags);
    return matrix.ok ? matrix.value : failed(EXIT.usage, matrix.code, matrix.detail);
  }
  const named = await readBoardFlag(board, { strategy: strategy?.[0], asJson });
  if (!named.ok) return named.outcome;
  const source = dumpSourceOf(flags, { dumpPath: flash, board });
  const task: ExploreTask = { kind: 'dump', source, bounds: boundsOf(flags) };
  return [{ name: `dump, ${named.board.strategy}`, task: accept(task) }];
}

/** A flag that does not go with the others, as a sentence. */
function unfitFlag(flags: ExploreFlags): string | undefined {
  const { flash, board, strategy, scene, slotSize, sectorSize, align, erased, imageSize } = flags;
  if (flash === undefined) {
    const needing = [
      ['--board', board],
      ['--key', flags.key],
      ['--decrypt', flags.decrypt],
    ] as const;
    const found = needing.find(([, value]) => value !== undefined);
    return found && `${found[0]} belongs to a dump; name it with --flash`;
  }
  if (board === undefined) return '--flash needs the board; name it with --board';
  if ((strategy?.length ?? 0) > 1) return 'a dump is of one strategy; name one with --strategy';
  const given = [scene, slotSize, sectorSize, align, erased, imageSize];
  if (given.every((value) => value === undefined)) return undefined;
  return 'a dump says itself what is in it; leave scene, sizes, --align and --erased out';
}

function leftOutOf(entries: readonly MatrixEntry[]): readonly LeftOut[] {
  return entries.flatMap(({ name, task }) =>
    task.ok ? [] : [{ name, code: task.code, reason: task.detail }],
  );
}

function refuseAll(leftOut: readonly LeftOut[]): CliOutcome {
  const [first] = leftOut;
  if (first === undefined) return failed(EXIT.usage, 'usage', 'nothing is asked for');
  const sentence =
    leftOut.length === 1
      ? first.reason
      : `none of ${leftOut.length} explorations can be; the first: ${first.name}: ${first.reason}`;
  return failed(EXIT.usage, first.code, sentence);
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

async function exploreAll(
  tasks: readonly { readonly name: string; readonly task: ExploreTask }[],
  unfit: readonly LeftOut[],
  { flags, asJson }: { readonly flags: ExploreFlags; readonly asJson: boolean },
): Promise<CliOutcome> {
  const names = tasks.map(({ name }) => name);
  const stop = new AbortController();
  const onSignal = (): void => {
    stop.abort();
  };
  for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
  const found = await runTasks(
    tasks.map(({ task }) => task),
    {
      names,
      jobs: flags.jobs ?? availableParallelism(),
      signal: stop.signal,
      stream: asJson || tasks.length + unfit.length === 1 ? undefined : process.stdout,
    },
  );
  for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  if (!found.ok) return failed(EXIT.failed, found.code, found.detail);
  const reports = found.value.flatMap((explored, index): readonly NamedReport[] =>
    explored?.ok === true ? [{ name: names[index] ?? '', report: explored.value }] : [],
  );
  const leftOut = [...unfit, ...refusedOf(found.value, names)];
  const notBegun = found.value.filter((explored) => explored === undefined).length;
  if (reports.length + notBegun === 0) return refuseAll(leftOut);
  const unwritten = await writePage(flags.html, reports);
  const result = { reports, leftOut, notBegun, wasStopped: stop.signal.aborted };
  return unwritten ?? exploreOutcome(result, paintFor(process.stdout, process.env));
}

/** Runs tasks on threads, and tells of them. Refuses `explore-out-of-memory`. */
async function runTasks(
  tasks: readonly ExploreTask[],
  options: {
    readonly names: readonly string[];
    readonly jobs: number;
    readonly signal: AbortSignal;
    readonly stream: NodeJS.WriteStream | undefined;
  },
): Promise<Verdict<readonly (Explored | undefined)[], string>> {
  const { exploreOnThreads, OutOfMemory } = await import('../explore/explore-threads.js');
  const { names, jobs, signal, stream } = options;
  const progress = createExploreProgress(names);
  const paint = stream === undefined ? PLAIN : paintFor(stream, process.env);
  const listener = {
    ...progress,
    ended: (index: number, explored: Explored) => {
      progress.ended(index, () => {
        if (!explored.ok) return;
        const line = formatReportLine({ name: names[index] ?? '', report: explored.value }, paint);
        stream?.write(`${line}\n`);
      });
    },
  };
  try {
    return accept(await exploreOnThreads(tasks, { jobs, signal, listener }));
  } catch (error) {
    if (!(error instanceof OutOfMemory)) throw error;
    const help = 'choose fewer --jobs, a lower --states-max, or smaller slots';
    return reject('explore-out-of-memory', `an exploration ran out of memory; ${help}`);
  }
}

function refusedOf(
  found: readonly (Explored | undefined)[],
  names: readonly string[],
): readonly LeftOut[] {
  return found.flatMap((explored, index): readonly LeftOut[] => {
    if (explored === undefined || explored.ok) return [];
    return [{ name: names[index] ?? '', code: explored.code, reason: explored.detail }];
  });
}

async function writePage(
  path: string | undefined,
  reports: readonly NamedReport[],
): Promise<CliOutcome | undefined> {
  if (path === undefined) return undefined;
  const { formatExplorePage } = await import('../explore/explore-page.js');
  const page = formatExplorePage(reports.map((one) => one.report));
  const written = writeFileBytes(path, Buffer.from(page));
  return written.ok ? undefined : failed(EXIT.usage, written.code, written.detail);
}
