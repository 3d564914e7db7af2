import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { StrategyName } from '@brickproof/bootloader-sim';
import { DeviceFolder } from '../../agent/node/daemon/device-folder.js';
import { DaemonLife } from './daemon-life.js';
import { UNWELL_REVISION } from './update-plan.js';

const BUNDLE = fileURLToPath(
  new URL('../../../agent/bundle/brickproof-agent.mjs', import.meta.url),
);
const preload = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const PLAN_BYTES = 32;

/** A way to make the daemon wrong; see fault-preload.mjs. */
export type Fault =
  'header-first' | 'store-in-place' | 'no-boot-record' | 'late-mark' | 'late-confirm';

/** A part of the loop: one device, and how it is configured. */
export interface Leg {
  readonly name: string;
  readonly strategy: StrategyName;
  /** Who confirms a trial. */
  readonly confirm: 'self-test' | 'request';
  readonly sectorSizeBytes: number;
  readonly slotSizeBytes: number;
  readonly fault?: Fault;
}

/** Where the daemon is to kill itself, counted in operations from its start. */
export interface KillPlace {
  readonly operation: number;
  readonly moment: 'before' | 'after' | 'middle';
  /** How much of a write is done before its middle. */
  readonly permille: number;
}

/** A device whose daemon, the bundle, can be killed at an exact place, and whose boots are counted. */
export class KilledDevice {
  readonly leg: Leg;
  readonly #folder = new DeviceFolder();
  #boot = 1;
  #startedInBoot = 0;

  constructor(leg: Leg) {
    this.leg = leg;
    writeFileSync(this.file('device.yaml'), this.#yaml());
    writeFileSync(this.file('plan'), '0');
    this.clearTrace();
    this.#folder.environment = {
      KILL_PLAN: this.file('plan'),
      KILL_TRACE: this.file('trace'),
      KILL_FAULT: leg.fault ?? '',
    };
    this.#folder.command = [process.execPath, BUNDLE];
  }

  get path(): string {
    return this.#folder.path;
  }

  /** Counts the boots. */
  get boot(): number {
    return this.#boot;
  }

  /** Whether the daemon has been started in this boot before. */
  get isBooted(): boolean {
    return this.#startedInBoot === this.#boot;
  }

  file(...names: readonly string[]): string {
    return this.#folder.file(...names);
  }

  /** Gives the device its first image; from then on its daemon can be killed. */
  async provision(image: Uint8Array): Promise<void> {
    writeFileSync(this.file('first.bin'), image);
    await this.#folder.provision(this.file('first.bin'));
    const faults = this.leg.fault === undefined ? [] : ['--import', preload('fault-preload.mjs')];
    const kills = ['--import', preload('kill-preload.mjs')];
    this.#folder.command = [process.execPath, ...faults, ...kills, BUNDLE];
  }

  /** Forgets the operations of the run before. */
  clearTrace(): void {
    writeFileSync(this.file('trace'), '');
  }

  launch(): DaemonLife {
    this.#startedInBoot = this.#boot;
    return new DaemonLife(this.#folder.launch());
  }

  /** The next boot. `forgetful`: the state file is gone, as on a file system in memory. */
  reboot(options: { readonly forgetful: boolean }): void {
    this.#boot += 1;
    this.#folder.reboot();
    if (options.forgetful) rmSync(this.file('run', 'boot.json'), { force: true });
  }

  /** Tells the daemon, running or not, where to kill itself; undefined: nowhere. */
  plan(place: KillPlace | undefined): void {
    const text = place === undefined ? '0' : `${place.operation} ${place.moment} ${place.permille}`;
    const file = openSync(this.file('plan'), 'r+');
    writeSync(file, text.padEnd(PLAN_BYTES), 0, 'latin1');
    closeSync(file);
  }

  /** The operations that the daemon has begun since its start, in words. */
  operations(): readonly string[] {
    return readFileSync(this.file('trace'), 'latin1').split('\n').slice(0, -1);
  }

  dispose(): Promise<void> {
    return this.#folder.dispose();
  }

  #yaml(): string {
    const { strategy, confirm, sectorSizeBytes, slotSizeBytes } = this.leg;
    const selfTest = `case "$BRICKPROOF_VERSION" in *.${UNWELL_REVISION}+*) exit 3;; esac`;
    return `device: { name: device-1 }
slots:
  strategy: ${strategy}
  primary: { path: slot0.img, address: 0xc000 }
  secondary: { path: slot1.img, address: 0x82000 }
  size: ${slotSizeBytes}
  sector-size: ${sectorSizeBytes}
trust: { keys: [key.pem] }
store: { folder: store }
boot:
  state-file: run/boot.json
  boot-id-file: boot-id
  reboot: [touch, '${this.file('reboot-wanted')}']
trial: { settle: 0s, timeout: 10s, confirm: ${confirm} }
self-test: { command: [sh, -c, '${selfTest}'], timeout: 10s }
links:
  udp: { port: 0 }
`;
  }
}
