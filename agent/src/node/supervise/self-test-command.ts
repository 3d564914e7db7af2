import type { SelfTestResult } from '../../update/trial.js';
import type { SelfTestConfig } from '../config/device-config.js';
import type { DaemonLog } from '../daemon/daemon-log.js';
import { startProgram } from './child-process.js';
import type { ProgramEnd, RunningProgram } from './child-process.js';

/** What a self-test is run with. */
export interface SelfTestOptions {
  /** Undefined when the user has none: then it passes. */
  readonly config: SelfTestConfig | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: DaemonLog;
}

/**
 * The user's own self-test: a program that ends with status 0 when the running firmware is well.
 * It is started when its result is first asked for, once in a run of the agent.
 */
export class SelfTestCommand {
  readonly #options: SelfTestOptions;
  #result: SelfTestResult | undefined;
  #program: RunningProgram | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SelfTestOptions) {
    this.#options = options;
  }

  /** The result so far; the first call starts the program. */
  poll(): SelfTestResult {
    this.#result ??= this.#start();
    return this.#result;
  }

  /** Ends a program that still runs; its result is never told. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#program?.kill();
    this.#program = undefined;
  }

  #start(): SelfTestResult {
    const { config, environment, log } = this.#options;
    if (config === undefined) {
      log.write(
        'info',
        'No self-test is configured: what starts and can be reached counts as well',
      );
      return 'pass';
    }
    log.write('info', `Self-test: ${config.command.join(' ')}`);
    this.#program = startProgram({
      command: config.command,
      environment,
      onLine: (line) => {
        log.write('info', `self-test: ${line}`);
      },
      onEnd: (end) => {
        this.#end(end);
      },
    });
    this.#timer = setTimeout(() => {
      log.write('error', `Self-test: no result after ${config.timeoutMs} ms; it counts as failed`);
      this.stop();
      this.#result = 'fail';
    }, config.timeoutMs);
    return 'running';
  }

  #end(end: ProgramEnd): void {
    clearTimeout(this.#timer);
    this.#program = undefined;
    const isPass = end.kind === 'exited' && end.status === 0;
    this.#result = isPass ? 'pass' : 'fail';
    if (!isPass) this.#options.log.write('error', `Self-test failed: ${describeEnd(end)}`);
  }
}

/** How a program ended, for people. */
export function describeEnd(end: ProgramEnd): string {
  switch (end.kind) {
    case 'exited':
      return `exit status ${end.status}`;
    case 'killed':
      return `killed by ${end.signal}`;
    case 'not-started':
      return `it cannot be started (${end.sentence})`;
  }
}
