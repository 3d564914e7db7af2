import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseTarget, startBoardSession } from '@brickproof/harness';
import type { StrategyName } from '@brickproof/bootloader-sim';
import type { BoardSession, VirtualBoard } from '@brickproof/harness';
import { afterEach, describe, expect, it } from 'vitest';
import { findPeer } from './peers.js';
import { startUpdateScript } from './smpclient-script.js';
import type { ScriptRun } from './smpclient-script.js';

const COMMAND = fileURLToPath(new URL('../../harness/bin/brickproof.js', import.meta.url));

const python = findPeer('smpclient');
const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Starts the command as a user would; answers the serial port it prints. */
function serveWithCommand(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, '--json', 'board', '--pty', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  stops.push(() => child.kill('SIGKILL'));
  return new Promise((resolve, fail) => {
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
      const port = /"serial:([^"?]+)"/.exec(text)?.[1];
      if (port !== undefined) resolve(port);
    });
    child.once('exit', (status) => {
      fail(new Error(`brickproof board ended with ${String(status)}`));
    });
  });
}

const OLD = { version: '1.0.0' } as const;
const RUNNING = { active: true, confirmed: true, pending: false } as const;
const ASIDE = { active: false, confirmed: false } as const;

describe('smpclient on a pty', () => {
  it.skipIf(python.isSkipped)(
    `updates a board, tests and confirms the new image${python.titleSuffix}`,
    async () => {
      const { board, path } = await startBoard('request');
      const run = await runScript(['confirm', path, sample('good-1.1.0-imgtool.bin')]);
      expect(run.problem).toBe('');
      const { steps } = run;
      expect([...steps.keys()]).toEqual([
        'echo',
        'params',
        'list',
        'upload',
        'uploaded',
        'test',
        'reset',
        'trial',
        'confirm',
        'confirmed',
      ]);
      expect(steps.get('echo')).toMatchObject({ text: 'Hello, board!' });
      expect(steps.get('params')).toMatchObject({ bufferBytes: 4096, bufferCount: 4 });
      expect(steps.get('list')).toMatchObject({ images: [{ slot: 0, ...OLD, ...RUNNING }] });
      expect(steps.get('upload')).toMatchObject({ rising: true });

      const hash = steps.get('uploaded')?.['expectedHash'];
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      const arrived = { slot: 1, version: '1.1.0', hash };
      expect(steps.get('uploaded')).toMatchObject({
        images: [
          { slot: 0, ...RUNNING },
          { ...arrived, ...ASIDE, pending: false },
        ],
      });
      expect(steps.get('test')).toMatchObject({
        images: [
          { slot: 0, ...RUNNING },
          { ...arrived, ...ASIDE, pending: true, permanent: false },
        ],
      });
      expect(steps.get('trial')).toMatchObject({
        images: [
          { slot: 0, ...OLD, active: false },
          { ...arrived, active: true, confirmed: false },
        ],
      });
      for (const step of ['confirm', 'confirmed']) {
        expect(steps.get(step)).toMatchObject({
          images: [
            { slot: 0, ...OLD, active: false },
            { ...arrived, ...RUNNING },
          ],
        });
      }
      expect(board.state).toMatchObject({
        power: 'running',
        activeSlot: 1,
        version: '1.1.0+0',
        bootCount: 2,
        resetCause: 'software',
      });
      board.powerOff();
      board.powerOn();
      board.advance(1_000);
      expect(board.state).toMatchObject({ activeSlot: 1, version: '1.1.0+0' });
    },
  );

  it.skipIf(python.isSkipped)(
    `updates what the command brickproof board serves${python.titleSuffix}`,
    async () => {
      const path = await serveWithCommand(['--confirm', 'request']);
      const run = await runScript(['confirm', path, sample('good-1.1.0-imgtool.bin')]);
      expect(run.problem).toBe('');
      expect(run.steps.get('confirmed')).toMatchObject({
        images: [
          { slot: 0, ...OLD, active: false },
          { slot: 1, version: '1.1.0', ...RUNNING },
        ],
      });
    },
  );

  it.skipIf(python.isSkipped).each([
    ['swap-using-offset', []],
    ['swap-using-move', [{ slot: 1, ...OLD, ...ASIDE, pending: false }]],
    ['swap-using-scratch', [{ slot: 1, ...OLD, ...ASIDE, pending: false }]],
  ] as const)(
    `sees images change places under %s${python.titleSuffix}`,
    async (strategy, swappedOut) => {
      const { board, path } = await startBoard('request', strategy);
      const run = await runScript(['confirm', path, sample('good-1.1.0-imgtool.bin')]);
      expect(run.problem).toBe('');
      const arrived = { slot: 0, version: '1.1.0' };
      expect(run.steps.get('trial')).toMatchObject({
        images: [
          { ...arrived, active: true, confirmed: false },
          { slot: 1, ...OLD, active: false, confirmed: true },
        ],
      });
      const { images } = run.steps.get('confirmed') ?? {};
      expect(images).toMatchObject([{ ...arrived, ...RUNNING }, ...swappedOut]);
      expect(images).toHaveLength(1 + swappedOut.length);
      expect(board.state).toMatchObject({ activeSlot: 0, version: '1.1.0+0', bootCount: 2 });
    },
  );

  it.skipIf(python.isSkipped)(
    `sees an image whose self-test fails taken back${python.titleSuffix}`,
    async () => {
      const { board, path } = await startBoard('self-test');
      const text: string[] = [];
      board.listen({ uart: (bytes) => text.push(Buffer.from(bytes).toString('latin1')) });
      const image = sample('good-1.2.0-self-test-fails.bin');
      const { problem, steps } = await runScript(['rollback', path, image]);
      expect(problem).toBe('');
      expect(steps.get('test')).toMatchObject({
        images: [{ slot: 0 }, { slot: 1, version: '1.2.0', pending: true }],
      });
      const list = steps.get('rolled-back')?.['images'];
      expect(list).toMatchObject([{ slot: 0, ...OLD, ...RUNNING }]);
      expect(board.state).toMatchObject({ activeSlot: 0, version: '1.0.0+0', bootCount: 3 });
      // The new image did run in between; otherwise nothing was taken back.
      expect(text.join('')).toContain('Booting firmware 1.2.0');
    },
  );
});

async function startBoard(
  confirmBy: 'self-test' | 'request',
  strategy: StrategyName = 'direct-xip',
): Promise<{ readonly board: VirtualBoard; readonly path: string }> {
  const started = await startBoardSession({
    model: 'nrf-equal',
    strategy,
    count: 1,
    seed: 1,
    keyPaths: [],
    pty: true,
    confirmBy,
    agentVerifies: true,
  });
  const session: BoardSession = unwrap(started);
  stops.push(() => {
    session.stop();
  });
  const served = session.boards[0];
  const target = unwrap(parseTarget(served?.targets[0] ?? ''));
  if (served === undefined || target.kind !== 'serial') throw new Error('no board on a pty');
  return { board: served.board, path: target.path };
}

function sample(name: string): string {
  return fileURLToPath(new URL(`../../firmware-samples/nrf-equal/${name}`, import.meta.url));
}

function unwrap<T>(
  verdict:
    { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string },
): T {
  if (!verdict.ok) throw new Error(verdict.detail);
  return verdict.value;
}

function runScript(args: readonly string[]): Promise<ScriptRun> {
  const script = startUpdateScript(python.command(), args);
  stops.push(script.stop);
  return script.run;
}
