import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/** How a program of the user's ended: its exit status, or why there is none. */
export type ProgramEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'not-started'; readonly sentence: string };

/** What a program is started with. */
export interface ProgramOptions {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** A line that the program printed. */
  onLine(line: string): void;
  onEnd(end: ProgramEnd): void;
}

/** A program that was started. */
export interface RunningProgram {
  /** Ends it and all that it started in its process group. */
  kill(): void;
}

/** Lines of a program that are passed on; the rest is counted. */
export const PROGRAM_LINES_MAX = 50;
const LINE_CHARACTERS_MAX = 500;
/** What a program printed arrives soon after its exit; what it left running may print for ever. */
const LAST_LINES_MS = 200;

/**
 * Starts a program without a shell, in a process group of its own. The end is told once, and never
 * before the caller has the program in hand; nothing is told after `kill`. Neither the program nor
 * who else holds its output keeps this process from its end.
 */
export function startProgram(options: ProgramOptions): RunningProgram {
  let isTold = false;
  const tell = (end: ProgramEnd): void => {
    if (isTold) return;
    isTold = true;
    options.onEnd(end);
  };
  const notStarted = (error: unknown): void => {
    const sentence = error instanceof Error ? error.message : String(error);
    tell({ kind: 'not-started', sentence });
  };
  const child = spawnProgram(options, notStarted);
  if (child !== undefined) {
    letGo(child);
    passLines(child, options);
    child.on('error', notStarted);
    child.on('exit', (status, signal) => {
      afterLastLines(child, () => {
        if (status === null) tell({ kind: 'killed', signal: signal ?? 'unknown' });
        else tell({ kind: 'exited', status });
      });
    });
  }
  return {
    kill: () => {
      isTold = true;
      if (child === undefined) return;
      killGroup(child);
      closeOutput(child);
    },
  };
}

/** Node throws for some reasons why a program cannot start, and tells others by an event. */
function spawnProgram(
  options: ProgramOptions,
  notStarted: (error: unknown) => void,
): ChildProcess | undefined {
  const [file = '', ...args] = options.command;
  try {
    return spawn(file, args, {
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  } catch (error) {
    setImmediate(notStarted, error);
    return undefined;
  }
}

function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream instanceof Socket) stream.unref();
  }
}

/** Waits for the output's end, but not for a program in the background that holds it open. */
function afterLastLines(child: ChildProcess, done: () => void): void {
  const timer = setTimeout(() => {
    closeOutput(child);
  }, LAST_LINES_MS).unref();
  child.once('close', () => {
    clearTimeout(timer);
    done();
  });
}

function closeOutput(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** A program that prints without end costs neither memory nor the journal. */
function passLines(child: ChildProcess, options: Pick<ProgramOptions, 'onLine'>): void {
  let left = PROGRAM_LINES_MAX;
  for (const stream of [child.stdout, child.stderr]) {
    let partial = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX);
      for (const line of lines) {
        if (left > 0) options.onLine(line.slice(0, LINE_CHARACTERS_MAX));
        left -= 1;
      }
    });
  }
}
