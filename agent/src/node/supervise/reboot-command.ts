import type { DaemonLog } from '../daemon/daemon-log.js';
import { startProgram } from './child-process.js';
import type { RunningProgram } from './child-process.js';
import { describeEnd } from './self-test-command.js';

/** From the answer to a reset request to the reboot, so that the answer leaves. */
const REBOOT_DELAY_MS = 500;
/** A reboot that has not happened after this is asked for again. */
const REBOOT_AGAIN_MS = 60_000;

/** What a reboot is done with. */
export interface RebootOptions {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly log: DaemonLog;
}

/** Reboots the device with the user's command, again and again until it happens. */
export class RebootCommand {
  readonly #options: RebootOptions;
  #timer: NodeJS.Timeout | undefined;
  #program: RunningProgram | undefined;

  constructor(options: RebootOptions) {
    this.#options = options;
  }

  /** Whether a reboot has been asked for. */
  get isAsked(): boolean {
    return this.#timer !== undefined;
  }

  /** Asks for a reboot; asking again changes nothing. */
  request(): void {
    if (!this.isAsked) this.#after(REBOOT_DELAY_MS);
  }

  /** No reboot is started from here on; one that was started goes on. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #after(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#run();
      this.#after(REBOOT_AGAIN_MS);
    }, delayMs);
  }

  #run(): void {
    const { command, environment, log } = this.#options;
    this.#endFormer();
    log.write('warning', `Rebooting: ${command.join(' ')}`);
    this.#program = startProgram({
      command,
      environment,
      onLine: (line) => {
        log.write('info', `reboot: ${line}`);
      },
      onEnd: (end) => {
        this.#program = undefined;
        if (end.kind === 'exited' && end.status === 0) return;
        const again = `it is tried again in ${REBOOT_AGAIN_MS / 1_000} s`;
        log.write('error', `The reboot failed: ${describeEnd(end)}; ${again}`);
      },
    });
  }

  /** One that hangs does not add up with the next. */
  #endFormer(): void {
    if (this.#program === undefined) return;
    const { log } = this.#options;
    log.write('error', `The reboot command hangs since ${REBOOT_AGAIN_MS / 1_000} s; it is ended`);
    this.#program.kill();
    this.#program = undefined;
  }
}
