import { setTimeout as sleep } from 'node:timers/promises';
import { accept, imageSourceFromBytes, readImageSummary, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import type { ImageEntry } from '../client/image-entries.js';
import type { SmpClient } from '../client/smp-client.js';
import type { SmpResult } from '../client/smp-result.js';
import { CONNECT_TIMEOUT_MS_DEFAULT } from '../target/smp-connection.js';
import type { MqttTargetOptions } from '../target/mqtt-access.js';
import { ConsoleLog } from './console-log.js';
import { DeviceSession } from './device-session.js';
import { canonicalVersion } from './scenario-device.js';
import type {
  DeviceBench,
  Observation,
  ScenarioDevice,
  TalkPurpose,
  TalkResult,
} from './scenario-device.js';

/** How often a condition is looked at, on a device that has to be asked. */
const POLL_MS = 500;
/** From the answer to a reset request until the old firmware is gone (Zephyr waits 250 ms). */
const RESET_PAUSE_MS = 1_000;
const PATIENCE = {
  timeoutMs: 2_500,
  retries: 3,
  connectTimeoutMs: CONNECT_TIMEOUT_MS_DEFAULT,
};

/** Where a device that is not ours is reached, and how if behind a broker. */
export interface RealTarget {
  readonly target: string;
  readonly mqtt: MqttTargetOptions;
}

/** A device that is not ours: only what it tells is known of it. */
export function createRealBench(target: RealTarget, signal: AbortSignal): DeviceBench {
  return {
    start: async (image) => {
      const device = new RealDevice(target, signal);
      const checked = await device.checkRuns(image);
      if (checked.ok) return accept(device);
      await device.close();
      return checked;
    },
  };
}

class RealDevice implements ScenarioDevice {
  readonly console: ConsoleLog = new ConsoleLog();
  readonly controls: undefined = undefined;
  readonly #session: DeviceSession;
  readonly #signal: AbortSignal;
  readonly #startedMs: number = performance.now();

  constructor({ target, mqtt }: RealTarget, signal: AbortSignal) {
    this.#signal = signal;
    this.#session = new DeviceSession({
      target: () => target,
      mqtt,
      patience: () => ({
        ...PATIENCE,
        onConsole: (text) => {
          this.console.add(text);
        },
      }),
    });
    signal.addEventListener('abort', () => void this.close(), { once: true });
  }

  /** The scenario begins with this image; flashing it is not ours to do. */
  async checkRuns(image: Uint8Array): Promise<Verdict<void, string>> {
    const summary = readImageSummary(imageSourceFromBytes(image));
    if (!summary.ok) return reject('start-image-invalid', `no firmware image: ${summary.detail}`);
    const answer = await this.talk('other', (client) => client.imageState());
    if (!answer.ok) return reject(answer.code, answer.detail);
    const active = answer.value.find((entry) => entry.active);
    const runs = active?.hash !== undefined && toHex(active.hash) === toHex(summary.value.hash);
    if (runs) return accept(undefined);
    const found = active === undefined ? 'nothing that it names' : `version ${active.version}`;
    const detail = `the device runs ${found}, not this image; flash and confirm it first`;
    return reject('start-image-other', detail);
  }

  nowMs(): number {
    return performance.now() - this.#startedMs;
  }

  talk<T>(
    _purpose: TalkPurpose,
    ask: (client: SmpClient) => Promise<SmpResult<T>>,
  ): Promise<TalkResult<T>> {
    return this.#session.ask(ask);
  }

  async observe(): Promise<Observation> {
    const answer = await this.talk('other', (client) => client.imageState());
    if (!answer.ok) return { ...UNKNOWN, silence: answer.detail };
    return observeEntries(answer.value);
  }

  async pass(durationMs: number, until?: () => Promise<boolean>): Promise<boolean> {
    const endMs = this.nowMs() + durationMs;
    for (;;) {
      if (until !== undefined && (await until())) return true;
      const leftMs = endMs - this.nowMs();
      if (leftMs <= 0 || this.#signal.aborted) return false;
      await sleep(Math.min(POLL_MS, leftMs));
    }
  }

  /** Whether it did cannot be seen; what is expected afterwards tells. */
  async awaitReset(): Promise<boolean> {
    await this.pass(RESET_PAUSE_MS);
    return true;
  }

  close(): Promise<void> {
    return this.#session.drop({ code: 'closed-by-us', detail: 'the scenario is over' });
  }
}

const UNKNOWN: Observation = {
  version: undefined,
  slot: undefined,
  confirmed: undefined,
  pending: undefined,
  otherVersion: undefined,
  secondVersion: undefined,
  board: undefined,
  silence: undefined,
};

function observeEntries(entries: readonly ImageEntry[]): Observation {
  const active = entries.find((entry) => entry.active);
  const second = entries.find((entry) => entry.active && entry.image === 1);
  const other = entries.find((entry) => !entry.active && entry.image === (active?.image ?? 0));
  return {
    ...UNKNOWN,
    version: active === undefined ? undefined : canonicalVersion(active.version),
    slot: active?.slot,
    confirmed: active?.confirmed,
    pending: other?.pending ?? false,
    otherVersion: other === undefined ? 'none' : canonicalVersion(other.version),
    secondVersion: second === undefined ? undefined : canonicalVersion(second.version),
    silence: active === undefined ? 'the device names no image that runs' : undefined,
  };
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
