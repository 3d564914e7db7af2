import { arch, hostname, release } from 'node:os';
import { DONE, accept, formatImageVersion, readImageSummary } from '@brickproof/bootloader-sim';
import type { BootLogLevel, Rejected, SlotPair } from '@brickproof/bootloader-sim';
import { Agent } from '../../agent.js';
import { FlashBootControl } from '../../boot-control/flash-boot-control.js';
import type { SystemInfo } from '../../smp/os-group.js';
import { answerSmpFault } from '../../smp/server.js';
import { STORE_KEY } from '../../store/store-keys.js';
import type { RequestHandler } from '../../transport/serial-link.js';
import { verifyStaged } from '../../update/verify-staged.js';
import { noteRebootAsked } from '../boot/boot-record.js';
import type { BootRecord } from '../boot/boot-record.js';
import { chooseSlot } from '../boot/choose-slot.js';
import type { SlotChoiceRejectCode } from '../boot/choose-slot.js';
import type { BufferConfig } from '../config/device-config.js';
import { SlotReadFailure } from '../storage/file-flash-area.js';
import { RebootCommand } from '../supervise/reboot-command.js';
import { SelfTestCommand } from '../supervise/self-test-command.js';
import type { ServiceManager } from '../supervise/service-manager.js';
import type { DaemonLog } from './daemon-log.js';
import { startLinks } from './device-links.js';
import type { DeviceLinks, PreparedLinks } from './device-links.js';
import { AGENT_EXIT, exitWith } from './exit-status.js';
import { isTrialOver } from './trial-starts.js';
import type { AgentExit } from './exit-status.js';
import type { OpenDevice, Opened } from './open-device.js';

/** How often the agent moves on what takes time: often in a trial, rarely when there is none. */
const TRIAL_TICK_MS = 250;
const IDLE_TICK_MS = 2_000;

/** What a daemon needs beside its device. */
export interface DaemonPorts {
  readonly log: DaemonLog;
  readonly serviceManager: ServiceManager;
  readonly links: PreparedLinks;
}

/** What the links need of the daemon. */
export interface RequestServer {
  /** Answers requests on a link with these buffers; it never throws for what a disk does. */
  handlerFor(buffers: BufferConfig): RequestHandler;
  readonly agent: Agent;
}

/**
 * Chooses the slot of this boot and starts the agent on it. Ends with `nothingBootable` when no slot
 * holds an image that may run.
 */
export function startDaemon(device: OpenDevice, ports: DaemonPorts): Opened<Daemon> {
  const { config, slots, keys, crypto, counters } = device;
  const chosen = chooseSlot({
    strategy: config.slots.strategy,
    config: config.boot,
    slots,
    keys,
    crypto,
    counters,
    log: (level: BootLogLevel, text) => {
      ports.log.write(level, `boot: ${text}`);
    },
  });
  if (!chosen.ok) return refuseBoot(chosen);
  const { record, isSameBoot } = chosen.value;
  if (isSameBoot) {
    // A reset that is remembered has not happened: the boot is still the same.
    device.store.delete(STORE_KEY.lastReset);
    device.store.delete(STORE_KEY.lastDatagramReset);
  }
  const daemon = new Daemon({ ...device, slots: chosen.value.slots }, ports, record);
  if (record.isRebootAsked) daemon.requestReboot();
  return accept(daemon);
}

function refuseBoot(refusal: Rejected<SlotChoiceRejectCode>): AgentExit {
  switch (refusal.code) {
    case 'boot-no-image': {
      const detail = `${refusal.detail}; nothing was erased; correct device.yaml, or put an image there with "brickproof-agent provision"`;
      return exitWith(AGENT_EXIT.nothingBootable, { ...refusal, detail });
    }
    case 'slot-read-failed':
      return exitWith(AGENT_EXIT.slots, {
        ...refusal,
        detail: `${refusal.detail}; check the disk`,
      });
    case 'boot-state-unwritable':
      return exitWith(AGENT_EXIT.bootUnnoted, refusal);
    default:
      return exitWith(AGENT_EXIT.config, refusal);
  }
}

/** A device whose slots have been looked through. */
type DaemonDevice = Omit<OpenDevice, 'slots'> & { readonly slots: SlotPair };

/** The agent on a device of its own, with its links, from start to stop. */
export class Daemon implements RequestServer {
  readonly agent: Agent;
  readonly #device: DaemonDevice;
  readonly #ports: DaemonPorts;
  readonly #selfTest: SelfTestCommand;
  readonly #reboot: RebootCommand;
  readonly #links: DeviceLinks;
  readonly #startedMs: number = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(device: DaemonDevice, ports: DaemonPorts, boot: BootRecord) {
    this.#device = device;
    this.#ports = ports;
    const activeSlot = boot.slot;
    const { config, store, crypto } = device;
    const { log } = ports;
    const info = systemInfoOf(device, activeSlot);
    const environment = programEnvironment(device, { activeSlot, version: info.kernelRelease });
    this.#selfTest = new SelfTestCommand({ config: config.selfTest, environment, log });
    this.#reboot = new RebootCommand({ command: config.boot.reboot, environment, log });
    this.agent = new Agent(
      {
        bootControl: bootControlOf(device, { activeSlot, log }),
        store,
        crypto,
        clock: { nowMs: () => performance.now() },
        system: {
          info,
          requestReset: () => {
            this.requestReboot();
          },
        },
        selfTest: () => (isTrialOver(boot) ? 'fail' : this.#selfTest.poll()),
        connectivity: () => this.#links.connectivity(),
        log: (text) => {
          log.write('info', text);
        },
        ...LARGEST_BUFFERS,
      },
      { ...config.trial, confirms: config.trial.confirm === 'self-test' },
    );
    log.write('info', `Running image ${info.kernelRelease} in slot ${activeSlot}`);
    if (this.agent.trialState === 'testing' && isTrialOver(boot)) {
      log.write('error', `Trial over: start ${boot.starts} of this boot, or a reboot is due`);
    }
    this.#links = startLinks({ device, prepared: ports.links, server: this, log });
    this.#tick();
  }

  /** Resolves once every link that can be opened at once is open. */
  async ready(): Promise<void> {
    await this.#links.opened;
    if (this.#stopping !== undefined) return;
    const where = this.#links.describe();
    this.#ports.log.write('info', `Ready: ${where}`);
    this.#ports.serviceManager.ready(where);
  }

  handlerFor(buffers: BufferConfig): RequestHandler {
    const server = this.agent.server.withBuffers(buffers);
    return (request) => {
      try {
        return server.handle(request);
      } catch (error) {
        this.#reportRead(error);
        return answerSmpFault(request, 'unknown');
      }
    };
  }

  /** Promises a reboot; the promise outlives this process, not this boot. */
  requestReboot(): void {
    const noted = noteRebootAsked(this.#device.config.boot.stateFile);
    if (!noted.ok) this.#ports.log.write('warning', noted.detail);
    this.#reboot.request();
  }

  /** Ends in bounded time, whatever is going on; what was acknowledged is on the disk. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#ports.serviceManager.stopping();
    this.#selfTest.stop();
    this.#reboot.stop();
    await this.#links.stop();
    this.#device.close();
  }

  #tick(): void {
    this.#ports.serviceManager.alive();
    try {
      this.agent.tick();
    } catch (error) {
      this.#reportRead(error);
      this.#endUnreadableTrial();
    }
    this.#timer = setTimeout(() => {
      this.#tick();
    }, this.#tickMs());
  }

  /** A trial that cannot even be looked at in time has failed. */
  #endUnreadableTrial(): void {
    const elapsedMs = performance.now() - this.#startedMs;
    if (this.agent.trialState !== 'testing' || this.#reboot.isAsked) return;
    if (elapsedMs < this.#device.config.trial.timeoutMs) return;
    this.#ports.log.write('error', 'Trial failed: the running slot cannot be read; rebooting');
    this.requestReboot();
  }

  #tickMs(): number {
    const isTrial = this.agent.trialState === 'testing' || this.agent.trialState === 'waiting';
    const { aliveEveryMs = Infinity } = this.#ports.serviceManager;
    return Math.min(isTrial ? TRIAL_TICK_MS : IDLE_TICK_MS, aliveEveryMs);
  }

  /** A disk that fails is told and tried again; anything else is a mistake of ours. */
  #reportRead(error: unknown): void {
    if (!(error instanceof SlotReadFailure)) throw error;
    this.#ports.log.write('error', error.message);
  }
}

/** What the agent's own server takes; each link says how much of it is its own. */
const LARGEST_BUFFERS = { bufferSizeBytes: 65_543, bufferCount: 1 } as const;

function bootControlOf(
  { config, slots, keys, crypto, counters, sync }: DaemonDevice,
  { activeSlot, log }: { readonly activeSlot: number; readonly log: DaemonLog },
): FlashBootControl {
  const { strategy } = config.slots;
  return new FlashBootControl({
    strategy,
    layout: { images: [slots] },
    activeSlot,
    mayBoot: (staged) => {
      // Bytes that are still in the system's memory are not what the bootloader will find.
      const synced = sync();
      if (!synced.ok) return synced;
      const policy = { keys, crypto, securityCounter: () => counters?.read(0) };
      const verified = verifyStaged(policy, staged);
      if (verified.ok) return DONE;
      const why = `${verified.code}: ${verified.detail}`;
      log.write('warning', `Image in slot ${staged.slot} refused: ${why}`);
      return verified;
    },
  });
}

function systemInfoOf({ config, slots }: DaemonDevice, activeSlot: number): SystemInfo {
  const summary = readImageSummary(slots[activeSlot === 0 ? 0 : 1]);
  return {
    kernelName: 'Brickproof',
    nodeName: config.device.name,
    kernelRelease: summary.ok ? formatImageVersion(summary.value.header.version) : 'unknown',
    kernelVersion: `Node.js ${process.version}`,
    buildDateTime: 'unknown',
    machine: arch(),
    processor: arch(),
    hardwarePlatform: config.device.hardware,
    operatingSystem: `Linux ${release()} ${hostname()}`,
  };
}

/** What the user's programs are told. */
function programEnvironment(
  { config }: DaemonDevice,
  { activeSlot, version }: { readonly activeSlot: number; readonly version: string },
): Readonly<Record<string, string>> {
  const slot = activeSlot === 0 ? config.slots.primary : config.slots.secondary;
  return {
    BRICKPROOF_DEVICE: config.device.name,
    BRICKPROOF_SLOT: String(activeSlot),
    BRICKPROOF_SLOT_PATH: slot.path,
    BRICKPROOF_VERSION: version,
  };
}
