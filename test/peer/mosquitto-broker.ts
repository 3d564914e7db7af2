import { spawn, type ChildProcess } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { EmbeddedBrokerTls } from '@brickproof/harness';

/** A real mosquitto on the loopback interface, which can be killed and started again. */
export interface MosquittoBroker {
  readonly port: number;
  readonly url: string;
  /** Starts it on its port; resolves when it listens. */
  start(): Promise<void>;
  /** Kills it without a goodbye; resolves when it is gone. */
  kill(): Promise<void>;
  /** Kills it and removes its files. */
  dispose(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
const START_POLL_MS = 20;

/** What it asks of its clients. */
export interface MosquittoOptions {
  readonly tls?: EmbeddedBrokerTls;
  /** Password by user name. */
  readonly users?: ReadonlyMap<string, string>;
  /** A whole configuration in place of all that; its listener gets a port of the test's. */
  readonly config?: string;
  /** What the configuration names, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

const PASSWORD_ROUNDS = 101;
const PASSWORD_BYTES = 64;
const SALT_BYTES = 12;

/** Prepares a broker that keeps nothing over a restart; it does not run yet. */
export async function createMosquitto(
  command: string,
  options: MosquittoOptions = {},
): Promise<MosquittoBroker> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'brickproof-mosquitto-'));
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(config, configure(folder, port, options));
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || hasEnded(running)) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  return {
    port,
    url: `${options.tls === undefined ? 'mqtt' : 'mqtts'}://127.0.0.1:${port}`,
    start: async () => {
      child = spawn(command, ['-c', config], { cwd: folder, stdio: 'ignore' });
      await listening(child, port);
    },
    kill,
    dispose: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Writes what the configuration names beside it. */
function configure(folder: string, port: number, options: MosquittoOptions): string {
  const { tls, users, config, files } = options;
  for (const [name, text] of Object.entries(files ?? {})) writeFileSync(join(folder, name), text);
  const lines =
    config === undefined
      ? [`listener ${port} 127.0.0.1`, `allow_anonymous ${users === undefined}`]
      : [config.replace(/^listener \d+$/m, `listener ${port} 127.0.0.1`)];
  const file = (key: string, text: string): void => {
    const path = join(folder, key);
    writeFileSync(path, text);
    lines.push(`${key} ${path}`);
  };
  // It would become a user of its own, who cannot read a folder of ours.
  if (process.getuid?.() === 0) lines.push('user root');
  if (users !== undefined) file('password_file', passwordFile(users));
  if (tls !== undefined) {
    file('certfile', tls.certificate);
    file('keyfile', tls.key);
    if (tls.clientCa !== undefined) {
      file('cafile', tls.clientCa);
      lines.push('require_certificate true');
    }
  }
  return `${lines.join('\n')}\n`;
}

/** As mosquitto_passwd writes it: PBKDF2 with SHA-512. */
function passwordFile(users: ReadonlyMap<string, string>): string {
  const lines = [...users].map(([user, password]) => {
    const salt = randomBytes(SALT_BYTES);
    const hash = pbkdf2Sync(password, salt, PASSWORD_ROUNDS, PASSWORD_BYTES, 'sha512');
    const parts = [PASSWORD_ROUNDS, salt.toString('base64'), hash.toString('base64')];
    return `${user}:$7$${parts.join('$')}`;
  });
  return `${lines.join('\n')}\n`;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no free port'));
      });
    });
  });
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  let problem: Error | undefined;
  child.once('error', (error) => {
    problem = error;
  });
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    if (problem !== undefined) throw problem;
    if (hasEnded(child)) throw new Error(`mosquitto ended at once (${child.exitCode ?? 'killed'})`);
    if (await accepts(port)) return;
    await pause(START_POLL_MS);
  }
  throw new Error(`mosquitto does not listen on port ${port}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (isAccepted: boolean): void => {
      socket.destroy();
      resolve(isAccepted);
    };
    socket.once('connect', () => {
      settle(true);
    });
    socket.once('error', () => {
      settle(false);
    });
  });
}
