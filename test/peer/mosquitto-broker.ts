import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

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

/** Prepares a broker that keeps nothing over a restart; it does not run yet. */
export async function createMosquitto(command: string): Promise<MosquittoBroker> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'brickproof-mosquitto-'));
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
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
    url: `mqtt://127.0.0.1:${port}`,
    start: async () => {
      child = spawn(command, ['-c', config], { stdio: 'ignore' });
      await listening(child, port);
    },
    kill,
    dispose: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
