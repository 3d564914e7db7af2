import { setTimeout as delay } from 'node:timers/promises';
import { SMP_GROUP, UPDATE_COMMAND } from '@brickproof/agent';
import type { ImageEntry, SmpClient, SmpResult } from '@brickproof/harness';
import type { RunningDaemon } from '../../agent/node/daemon/device-folder.js';
import { BrokenPromise } from './broken-promise.js';

/** Thrown out of whatever was being done with a daemon when that has ended. */
export class LifeOver extends Error {}

/** What the daemon says of itself when it is asked. */
export interface Testimony {
  readonly running: ImageEntry;
  readonly images: readonly ImageEntry[];
  /** `none`, `marked`, `on-trial`, `confirmed` or `failed`. */
  readonly lastState: string;
  readonly lastHash: Uint8Array;
}

const POLL_MS = 4;
const PATIENCE_MS = 30_000;
/** What is read in three requests may change in between; so often it is read again. */
const TESTIMONY_TRIES_MAX = 10;

/** One run of the daemon, from its start to its end. */
export class DaemonLife {
  readonly #daemon: RunningDaemon;
  #client: SmpClient | undefined;
  #isOver = false;
  readonly ended: Promise<void>;

  constructor(daemon: RunningDaemon) {
    this.#daemon = daemon;
    this.ended = daemon.ended.then(async () => {
      this.#isOver = true;
      // Whatever still waits for an answer learns that there is none.
      await daemon.kill('SIGKILL');
    });
  }

  get output(): string {
    return this.#daemon.output;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** How it ended, once it has: the exit status, or the signal. */
  get end(): number | string | undefined {
    return this.#daemon.process.exitCode ?? this.#daemon.process.signalCode ?? undefined;
  }

  signal(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.#daemon.process.kill(signal);
  }

  /** Waits until something is so; throws `LifeOver` when the daemon ends before. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      if (this.#isOver) throw new LifeOver(what);
      if (isSo()) return;
      if (performance.now() > deadline) {
        throw new BrokenPromise('no-answer', `waited in vain for: ${what}`);
      }
      await delay(POLL_MS);
    }
  }

  says(what: RegExp): Promise<void> {
    return this.until(String(what), () => what.test(this.output));
  }

  async client(): Promise<SmpClient> {
    this.#client ??= await this.#daemon.client();
    if (this.#isOver) throw new LifeOver('client');
    return this.#client;
  }

  /** The value of an answer; a refusal breaks a promise, and no answer is none when it has ended. */
  async answered<T>(answer: Promise<SmpResult<T>>): Promise<T> {
    const result = await answer;
    if (result.ok) return result.value;
    const isClosed = result.code === 'closed-by-us';
    if (isClosed || this.#isOver) throw new LifeOver(result.code);
    throw refusal(result);
  }

  async testimony(): Promise<Testimony> {
    for (let tries = 0; tries < TESTIMONY_TRIES_MAX; tries += 1) {
      const before = await this.#lastUpdate();
      const images = await this.answered((await this.client()).imageState());
      const after = await this.#lastUpdate();
      if (before.state !== after.state) continue;
      const running = images.find(({ active }) => active);
      if (running === undefined) throw new BrokenPromise('no-answer', 'no image runs');
      return { running, images, lastState: after.state, lastHash: after.hash };
    }
    throw new BrokenPromise('no-answer', 'what became of the last update changes all the time');
  }

  async #lastUpdate(): Promise<{ readonly state: string; readonly hash: Uint8Array }> {
    const client = await this.client();
    const answer = await this.answered(
      client.request({
        op: 'read',
        group: SMP_GROUP.brickproof,
        command: UPDATE_COMMAND.lastUpdate,
        body: {},
      }),
    );
    const { state, hash } = answer;
    return {
      state: typeof state === 'string' ? state : 'none',
      hash: hash instanceof Uint8Array ? hash : new Uint8Array(0),
    };
  }
}

function refusal(result: { readonly code: string; readonly detail: string }): BrokenPromise {
  const { code, detail } = result;
  if (code === 'upload-mismatch') return new BrokenPromise('upload-mismatch', detail);
  return new BrokenPromise(code === 'smp-timeout' ? 'no-answer' : 'refused', `${code}: ${detail}`);
}
