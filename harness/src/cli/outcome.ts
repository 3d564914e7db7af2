import type { Command } from 'commander';
import { EXIT } from './exit-status.js';
import type { ExitStatus } from './exit-status.js';

/** What `--json` can print. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** How a command came out: for scripts, for people, and for the shell. */
export interface CliOutcome {
  readonly status: ExitStatus;
  /** The object that `--json` prints, beside `ok`. */
  readonly json: Readonly<Record<string, JsonValue>>;
  /** What people read on standard output; empty for nothing. */
  readonly text: string;
  /** What went wrong and what to do, in one line. */
  readonly error: string | undefined;
}

/** Everything held. */
export function held(json: Readonly<Record<string, JsonValue>>, text: string): CliOutcome {
  return { status: EXIT.held, json, text, error: undefined };
}

/** It did not work out. The code is for programs, the sentence says what to do. */
export function failed(status: ExitStatus, code: string, sentence: string): CliOutcome {
  const error = oneLine(sentence);
  return { status, json: { code, error }, text: '', error };
}

/** Prints an outcome as the command's flags want it, and sets the exit status. */
export function report(command: Command, outcome: CliOutcome): void {
  const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
  print(outcome, json === true);
}

/** Prints an outcome: one JSON object on standard output, or text there and the error beside. */
export function print(outcome: CliOutcome, asJson: boolean): void {
  process.exitCode = outcome.status;
  if (asJson) {
    const object = { ok: outcome.status === EXIT.held, ...outcome.json };
    process.stdout.write(`${JSON.stringify(object)}\n`);
  } else if (outcome.text !== '') {
    process.stdout.write(`${outcome.text}\n`);
  }
  if (outcome.error !== undefined && !asJson)
    process.stderr.write(`brickproof: ${outcome.error}\n`);
}

/** Says something to people, beside the result. */
export function tell(sentence: string): void {
  process.stderr.write(`${oneLine(sentence)}\n`);
}

/** Several lines as one. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
