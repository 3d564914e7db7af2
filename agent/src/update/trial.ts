import { DONE, equalBytes } from '@brickproof/bootloader-sim';
import type { BootControl, SlotImage, SlotState } from '../boot-control/boot-control.js';
import type { AgentClock } from '../smp/os-group.js';
import type { Store } from '../store/store.js';
import { noteUpdate, readUpdateRecord } from './update-record.js';
import type { UpdateRecord } from './update-record.js';

/** What a self-test has found so far. */
export type SelfTestResult = 'pass' | 'fail' | 'running';

/** What a trial asks of the device it runs on. */
export interface TrialPorts {
  /** The images of the device in their order; the first one is the one that runs. */
  readonly images: readonly BootControl[];
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
 * The first run of a new image, or of several that came together. It confirms them once its
 * self-test passes and the update service is reached; otherwise it asks for a reset, and the bootloader goes back to the image
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
    this.#state = this.#isConfirmed() ? 'idle' : 'testing';
    this.#settleLastUpdate();
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
  #settleLastUpdate(): void {
    const { store } = this.#ports;
    const last = readUpdateRecord(store);
    const running = this.#running();
    const subject =
      running.find(({ image }) => isImage(last, image)) ??
      running.find(({ confirmed }) => !confirmed);
    if (subject?.image !== undefined) {
      const state = subject.confirmed ? 'confirmed' : 'on-trial';
      noteUpdate(store, { state, hash: subject.image.hash });
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

  /** What runs, or lies ready for what runs: one slot of each image. */
  #running(): readonly SlotState[] {
    return this.#ports.images.map((image) => image.state(image.activeSlot));
  }

  #isConfirmed(): boolean {
    return this.#running().every(({ confirmed }) => confirmed);
  }

  #isPending(hash: Uint8Array): boolean {
    return this.#ports.images.some((bootControl) => {
      for (let slot = 0; slot < bootControl.slotCount; slot += 1) {
        const { pending, image } = bootControl.state(slot);
        if (pending && image !== undefined && equalBytes(image.hash, hash)) return true;
      }
      return false;
    });
  }

  #noteConfirmed(): void {
    const { store } = this.#ports;
    const last = readUpdateRecord(store);
    const running = this.#running();
    const { image } = running.find((state) => isImage(last, state.image)) ?? running[0] ?? {};
    if (image !== undefined) noteUpdate(store, { state: 'confirmed', hash: image.hash });
  }

  #confirmedFromOutside(): boolean {
    if (!this.#isConfirmed()) return false;
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
    for (const image of this.#ports.images) {
      const confirmed = image.state(image.activeSlot).confirmed ? DONE : image.confirm();
      if (!confirmed.ok) {
        this.#fail(`the image could not be confirmed: ${confirmed.detail}`);
        return;
      }
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

function isImage(record: UpdateRecord | undefined, image: SlotImage | undefined): boolean {
  return record !== undefined && image !== undefined && equalBytes(record.hash, image.hash);
}

const SHORT_HASH_BYTES = 4;

function shortHex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, SHORT_HASH_BYTES), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
