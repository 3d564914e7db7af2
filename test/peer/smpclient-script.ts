import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('smpclient_update.py', import.meta.url));
const SCRIPT_TIMEOUT_MS = 90_000;
/** More than this from the script is a fault of the script. */
const SCRIPT_OUTPUT_CHARACTERS_MAX = 262_144;

/** What the script said, and how it ended. */
export interface ScriptRun {
  /** What each step reported, by its name, in order. */
  readonly steps: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Empty when the script ended well; else its exit and what it wrote to standard error. */
  readonly problem: string;
}

/** A script that runs. */
export interface UpdateScript {
  readonly run: Promise<ScriptRun>;
  readonly stop: () => void;
}

/** Starts smpclient_update.py in a Python that has smpclient. */
export function startUpdateScript(python: string, args: readonly string[]): UpdateScript {
  const child = spawn(python, [SCRIPT, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: SCRIPT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const output = collect(child, 'stdout');
  const errors = collect(child, 'stderr');
  const run = new Promise<ScriptRun>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const ending = `exit ${code ?? signal ?? 'unknown'}: ${errors()}`;
      resolve({ steps: readSteps(output()), problem: code === 0 ? '' : ending });
    });
  });
  const stop = (): void => {
    child.kill('SIGKILL');
  };
  return { run, stop };
}

function collect(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  let text = '';
  child[stream]?.setEncoding('utf8').on('data', (piece: string) => {
    if (text.length < SCRIPT_OUTPUT_CHARACTERS_MAX) text += piece;
  });
  return () => text;
}

function readSteps(output: string): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const steps = new Map<string, Readonly<Record<string, unknown>>>();
  for (const line of output.split('\n').filter((text) => text !== '')) {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null) throw new Error(`no step: ${line}`);
    const { step, ...facts } = Object.fromEntries(Object.entries(parsed));
    steps.set(String(step), facts);
  }
  return steps;
}
