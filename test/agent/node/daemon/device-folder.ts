import { spawn, type ChildProcess } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SmpClient, openTarget, parseTarget } from '@brickproof/harness';
import { vi } from 'vitest';
import { removeFolder } from '../../../remove-folder.js';

const MAIN = fileURLToPath(new URL('../../../../agent/dist/node/main.js', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../../../../firmware-samples/', import.meta.url));
const PATIENCE_MS = 15_000;
const POLL_MS = 10;

/** A sample image of the model that the test devices have the addresses of. */
export function sampleImage(name: string): string {
  return join(SAMPLES, 'nrf-equal', name);
}

type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** Fails with the refusal's own words. */
export function must<T>(verdict: Answer<T>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}

/** How a run of the agent ended. */
export interface AgentRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a device's file says beside what every test device has. */
export interface DeviceFolderOptions {
  /** YAML below `links:`, indented by two. */
  readonly links?: string;
  /** Whole lines of YAML. */
  readonly more?: string;
  readonly trial?: string;
  readonly slotSize?: string;
  /** The reboot command, as YAML; one that leaves `reboot-wanted` behind when it is not given. */
  readonly reboot?: string;
}

/** A folder with all that a device has on its disk, and the daemon that runs on it. */
export class DeviceFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'brickproof-device-'));
  /** Runs the agent; a bundle or an emulator in other suites. */
  command: readonly string[] = [process.execPath, MAIN];
  environment: Record<string, string> = {};
  /** How long a daemon may take to say what is waited for; an emulator needs more. */
  patienceMs: number = PATIENCE_MS;
  #boots = 0;
  readonly #daemons: RunningDaemon[] = [];
  readonly #runs: ChildProcess[] = [];

  constructor(options: DeviceFolderOptions = {}) {
    mkdirSync(this.file('store'));
    mkdirSync(this.file('run'));
    const pem = readFileSync(join(SAMPLES, 'keys', 'test-key-ed25519.pem'));
    const key = createPublicKey(pem).export({ format: 'pem', type: 'spki' });
    writeFileSync(this.file('key.pem'), key);
    this.configure(options);
    this.reboot();
  }

  /** Another device with the same slots and store. */
  copy(): DeviceFolder {
    const copy = new DeviceFolder();
    for (const name of ['slot0.img', 'slot1.img', 'store', 'run']) {
      cpSync(this.file(name), copy.file(name), { recursive: true });
    }
    return copy;
  }

  file(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Writes the device's file anew. */
  configure(options: DeviceFolderOptions): void {
    const { links = 'udp: { port: 0 }', more = '', slotSize = '512KiB' } = options;
    const trial = options.trial ?? '{ settle: 0s, timeout: 10s }';
    const reboot = options.reboot ?? `[touch, '${this.file('reboot-wanted')}']`;
    writeFileSync(
      this.file('device.yaml'),
      `device: { name: device-1 }
slots:
  primary: { path: slot0.img, address: 0xc000 }
  secondary: { path: slot1.img, address: 0x82000 }
  size: ${slotSize}
  sector-size: 16KiB
trust: { keys: [key.pem] }
store: { folder: store }
boot:
  state-file: run/boot.json
  boot-id-file: boot-id
  reboot: ${reboot}
trial: ${trial}
${more}
links:
  ${links}
`,
    );
  }

  /** What a reboot changes: the boot has another name. */
  reboot(): void {
    this.#boots += 1;
    rmSync(this.file('reboot-wanted'), { force: true });
    writeFileSync(this.file('boot-id'), `boot-${this.#boots}\n`);
  }

  /** Runs the agent to its end. */
  run(...args: readonly string[]): Promise<AgentRun> {
    const child = this.#spawn([...args, '--config', this.file('device.yaml')]);
    this.#runs.push(child);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => {
        resolve({ status, stdout, stderr });
      });
    });
  }

  /** Gives the device its first image. */
  async provision(image = sampleImage('good-1.0.0-imgtool.bin')): Promise<this> {
    const run = await this.run('provision', '--image', image);
    if (run.status !== 0) throw new Error(run.stderr);
    return this;
  }

  /** Starts the daemon; it may not be ready yet, or not for long. */
  launch(): RunningDaemon {
    const child = this.#spawn(['--config', this.file('device.yaml')]);
    const daemon = new RunningDaemon(child, this.patienceMs);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Starts the daemon, and waits until it says that it is ready. */
  async start(): Promise<RunningDaemon> {
    const daemon = this.launch();
    await daemon.says(/^(info: )?Ready: /m);
    return daemon;
  }

  async dispose(): Promise<void> {
    for (const child of this.#runs) child.kill('SIGKILL');
    for (const daemon of this.#daemons) await daemon.kill('SIGKILL');
    // A program that the daemon started may just be writing there.
    removeFolder(this.path);
  }

  #spawn(args: readonly string[]): ChildProcess {
    const [file = '', ...first] = this.command;
    return spawn(file, [...first, ...args], {
      env: { ...process.env, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

/** A daemon that was started. */
export class RunningDaemon {
  readonly process: ChildProcess;
  /** Its exit status, once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  #output = '';
  readonly #clients: SmpClient[] = [];
  readonly #patienceMs: number;

  constructor(child: ChildProcess, patienceMs: number) {
    this.process = child;
    this.#patienceMs = patienceMs;
    const keep = (bytes: Buffer): void => {
      this.#output += bytes.toString();
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.ended = new Promise((resolve) => {
      child.on('close', (status) => {
        resolve(status);
      });
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the daemon has said something; what it said. */
  async says(what: RegExp): Promise<string> {
    return vi.waitFor(
      () => {
        const found = what.exec(this.#output)?.[0];
        if (found !== undefined) return found;
        throw new Error(`the daemon did not say ${String(what)}, but:\n${this.#output}`);
      },
      { timeout: this.#patienceMs, interval: POLL_MS },
    );
  }

  /** A client at the daemon's UDP port, or at another target. */
  async client(target?: string): Promise<SmpClient> {
    const port = /UDP: listening at \S+ (\d+)/.exec(this.#output)?.[1];
    const spec = must(parseTarget(target ?? `udp:127.0.0.1:${port ?? 0}`));
    const client = new SmpClient(must(await openTarget(spec)));
    this.#clients.push(client);
    return client;
  }

  /** Ends the daemon with a signal; its exit status. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    for (const client of this.#clients.splice(0)) await client.close();
    this.process.kill(signal);
    return this.ended;
  }
}
