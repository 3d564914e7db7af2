import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { KeyObject } from 'node:crypto';

/** What is measured: the one file that a device gets. */
const BUNDLE = fileURLToPath(
  new URL('../../../agent/bundle/brickproof-agent.mjs', import.meta.url),
);
const READY_TIMEOUT_MS = 15_000;
const SAMPLE_INTERVAL_MS = 20;
const POLL_MS = 2;
const KIB_PER_MB = 1_000;
const NS_PER_MS = 1e6;

/** What a process takes from the machine, as Linux tells it. */
export class ProcessMeter {
  readonly #processId: number;
  #timer: NodeJS.Timeout | undefined;
  #peakMb = 0;

  constructor(processId: number) {
    this.#processId = processId;
  }

  /** Resident memory now, in MB. */
  residentMb(): number {
    const status = readFileSync(`/proc/${this.#processId}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / KIB_PER_MB;
  }

  /** Time on a core so far, in milliseconds. */
  cpuMs(): number {
    const [runNs] = readFileSync(`/proc/${this.#processId}/schedstat`, 'utf8').split(' ');
    return Number(runNs) / NS_PER_MS;
  }

  /** Begins to look for the highest resident memory. */
  startPeak(): void {
    const look = (): void => {
      this.#peakMb = Math.max(this.#peakMb, this.residentMb());
    };
    look();
    this.#timer = setInterval(look, SAMPLE_INTERVAL_MS);
  }

  /** The highest resident memory since `startPeak`, in MB. */
  stopPeak(): number {
    clearInterval(this.#timer);
    this.#peakMb = Math.max(this.#peakMb, this.residentMb());
    return this.#peakMb;
  }
}

/** The resident memory of a Node process that does nothing, in MB. */
export async function bareNodeMb(): Promise<number> {
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  await sleep(1_000);
  const residentMb = new ProcessMeter(bare.pid ?? 0).residentMb();
  bare.kill();
  return residentMb;
}

/** A device on this machine's disk, with the daemon as it is installed. */
export class BenchDevice {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'brickproof-bench-'));
  #daemon: ChildProcess | undefined;
  #output = '';

  /** `links`: YAML below that key, indented by two. */
  constructor(options: {
    readonly publicKey: KeyObject;
    readonly links: string;
    readonly slotSize: string;
  }) {
    const file = (name: string): string => join(this.#folder, name);
    mkdirSync(file('store'));
    writeFileSync(file('key.pem'), options.publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(
      file('device.yaml'),
      `device: { name: bench }
slots:
  primary: { path: slot0.img }
  secondary: { path: slot1.img }
  size: ${options.slotSize}
trust: { keys: [key.pem] }
store: { folder: store }
boot: { state-file: boot.json, reboot: ['true'] }
links:
  ${options.links}
`,
    );
  }

  /** Puts a first image into the slots. */
  async provision(image: Uint8Array): Promise<void> {
    const file = join(this.#folder, 'image.bin');
    writeFileSync(file, image);
    const child = this.#spawn(['provision', '--image', file, '--force'], 'inherit');
    const status = await new Promise((resolve) => child.once('close', resolve));
    if (status !== 0) throw new Error(`the device could not be provisioned (${String(status)})`);
  }

  /** Starts the daemon; does not wait for it. */
  launch(): ProcessMeter {
    const daemon = this.#spawn([], 'pipe');
    this.#output = '';
    daemon.stdout?.on('data', (bytes: Buffer) => (this.#output += bytes.toString()));
    this.#daemon = daemon;
    return new ProcessMeter(daemon.pid ?? 0);
  }

  /** Waits until the daemon has said something. */
  async says(what: RegExp): Promise<void> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (!what.test(this.#output)) {
      if (performance.now() > deadlineMs) throw new Error(`the daemon only said: ${this.#output}`);
      await sleep(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined) return;
    const ended = new Promise((resolve) => daemon.once('close', resolve));
    daemon.kill('SIGTERM');
    await ended;
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(args: readonly string[], output: 'inherit' | 'pipe'): ChildProcess {
    const config = join(this.#folder, 'device.yaml');
    const stdout = output === 'pipe' ? 'pipe' : 'ignore';
    return spawn(BUNDLE, [...args, '--config', config], { stdio: ['ignore', stdout, 'inherit'] });
  }
}
