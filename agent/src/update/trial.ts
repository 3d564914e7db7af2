import { equalBytes } from '@brickproof/bootloader-sim';
import type { BootControl } from '../boot-control/boot-control.js';
import type { AgentClock } from '../smp/os-group.js';
import type { Store } from '../store/store.js';
import { noteUpdate, readUpdateRecord } from './update-record.js';
import type { UpdateRecord } from './update-record.js';

/** What a self-test has found so far. */
export type SelfTestResult = 'pass' | 'fail' | 'running';

/** What a trial asks of the device it runs on. */
export interface TrialPorts {
  readonly bootControl: BootControl;
  readonly store: Store;
  readonly clock: AgentClock;
  /** Polled on every tick of a trial. */
  selfTest(): SelfTestResult;
  /** Whether the update service can be reached; `not-needed` on a device without one. */
  connectivity(): 'up' | 'down' | 'not-needed';
  requestReset(): void;
  log(text: string): void;
}

/** How long a trial may take, in milliseconds from the start of the agent. */
export interface TrialLimits {
  /** The image must have run this long before it may be confirmed. */
  readonly settleMs: number;
  /** A self-test still running, or a link still down, fails the trial after this. */
  readonly timeoutMs: number;
  /** False: the self-test may pass, but only a request from outside confirms. */
  readonly confirms: boolean;
}

/** Limits that suit a small board: one second to settle, a minute to prove itself. */
export const TRIAL_LIMITS_DEFAULT: TrialLimits = {
  settleMs: 1_000,
  timeoutMs: 60_000,
  confirms: true,
};

/** Where a trial stands. `idle`: what runs was confirmed before it started. */
export type TrialState = 'idle' | 'testing' | 'waiting' | 'confirmed' | 'failed';

/**
 * The first run of a new image. It confirms itself once its self-test passes and the update
 * service is reached; otherwise it asks for a reset, and the bootloader goes back to the image
 * before. An image that hangs never gets here again: the watchdog does the same.
 */
export class Trial {
  readonly #ports: TrialPorts;
  readonly #limits: TrialLimits;
  readonly #startedMs: number;
  #state: TrialState;

  constructor(ports: TrialPorts, limits: TrialLimits = TRIAL_LIMITS_DEFAULT) {
    this.#ports = ports;
    this.#limits = limits;
    this.#startedMs = ports.clock.nowMs();
    const { bootControl } = ports;
    const running = bootControl.state(bootControl.activeSlot);
    this.#state = running.confirmed ? 'idle' : 'testing';
    this.#settleLastUpdate(running.image?.hash);
    if (this.#state === 'testing') this.#ports.log('Trial boot: this image is not confirmed yet');
  }

  get state(): TrialState {
    return this.#state;
  }

  /** Moves the trial on. Called regularly, and cheap when there is none. */
  tick(): void {
    if (this.#state !== 'testing' && this.#state !== 'waiting') return;
    const elapsedMs = this.#ports.clock.nowMs() - this.#startedMs;
    if (this.#confirmedFromOutside()) return;
    if (elapsedMs < this.#limits.settleMs || this.#state === 'waiting') return;
    const result = this.#ports.selfTest();
    if (result === 'fail') {
      this.#fail('the self-test failed');
      return;
    }
    const connectivity = this.#ports.connectivity();
    if (result === 'pass' && connectivity !== 'down') {
      this.#pass();
      return;
    }
    if (elapsedMs >= this.#limits.timeoutMs) {
      this.#fail(
        connectivity === 'down'
          ? 'the update service was not reached in time'
          : 'the self-test did not end in time',
      );
    }
  }

  /** What became of the last update: it runs, it is still to come, or it was given up. */
  #settleLastUpdate(runningHash: Uint8Array | undefined): void {
    const { store } = this.#ports;
    const last = readUpdateRecord(store);
    if (runningHash !== undefined && (this.#state === 'testing' || sameHash(last, runningHash))) {
      const state = this.#state === 'testing' ? 'on-trial' : 'confirmed';
      noteUpdate(store, { state, hash: runningHash });
      return;
    }
    if (last === undefined || last.state === 'confirmed' || last.state === 'failed') return;
    if (this.#isPending(last.hash)) return;
    const image = shortHex(last.hash);
    this.#ports.log(
      last.state === 'on-trial'
        ? `Update rolled back: image ${image} did not confirm itself`
        : `Update failed: image ${image} was marked to boot, and does not run`,
    );
    noteUpdate(store, { state: 'failed', hash: last.hash });
  }

  #isPending(hash: Uint8Array): boolean {
    const { bootControl } = this.#ports;
    for (let slot = 0; slot < bootControl.slotCount; slot += 1) {
      const { pending, image } = bootControl.state(slot);
      if (pending && image !== undefined && equalBytes(image.hash, hash)) return true;
    }
    return false;
  }

  #noteConfirmed(): void {
    const { bootControl, store } = this.#ports;
    const hash = bootControl.state(bootControl.activeSlot).image?.hash;
    if (hash !== undefined) noteUpdate(store, { state: 'confirmed', hash });
  }

  #confirmedFromOutside(): boolean {
    const { bootControl } = this.#ports;
    if (!bootControl.state(bootControl.activeSlot).confirmed) return false;
    this.#state = 'confirmed';
    // The next update may have been marked since then; what was noted of it stands.
    if (readUpdateRecord(this.#ports.store)?.state !== 'marked') this.#noteConfirmed();
    return true;
  }

  #pass(): void {
    if (!this.#limits.confirms) {
      this.#state = 'waiting';
      this.#ports.log('Self-test passed; waiting to be confirmed');
      return;
    }
    const confirmed = this.#ports.bootControl.confirm();
    if (!confirmed.ok) {
      this.#fail(`the image could not be confirmed: ${confirmed.detail}`);
      return;
    }
    this.#state = 'confirmed';
    this.#noteConfirmed();
    this.#ports.log('Self-test passed; image confirmed');
  }

  #fail(reason: string): void {
    this.#state = 'failed';
    this.#ports.log(`Trial failed: ${reason}; resetting so that the bootloader can go back`);
    this.#ports.requestReset();
  }
}

function sameHash(record: UpdateRecord | undefined, hash: Uint8Array): boolean {
  return record !== undefined && equalBytes(record.hash, hash);
}

const SHORT_HASH_BYTES = 4;

function shortHex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, SHORT_HASH_BYTES), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
