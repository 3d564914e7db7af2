import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE, ROOT, cutDump, sample } from './cut-dump.js';
import { runCli } from './run-cli.js';

const MAIN = join(ROOT, 'harness/dist/cli/main.js');
const ERASED_MIB = Buffer.alloc(1024 * 1024, 0xff);

let folder: string;
const children: ChildProcess[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

/** Serves a board, and answers what it says on its console once a line of it was seen. */
async function serveUntil(
  args: readonly string[],
  line: string,
): Promise<{ readonly child: ChildProcess; readonly console: () => string }> {
  const child = spawn(process.execPath, [MAIN, 'board', '--tcp', '0', ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let seen = '';
  await new Promise<void>((resolve, fail) => {
    child.stderr.on('data', (bytes: Buffer) => {
      seen += bytes.toString();
      if (seen.includes(line)) resolve();
    });
    child.once('exit', (status) => {
      fail(new Error(`board ended with ${String(status)}: ${seen}`));
    });
  });
  child.removeAllListeners('exit');
  return { child, console: () => seen };
}

function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', resolve);
    child.kill(signal);
  });
}

async function showsOf(dump: string, board: string): Promise<unknown> {
  const { stdout } = await runCli([
    'flash',
    'show',
    join(folder, dump),
    '--board',
    board,
    '--json',
  ]);
  return JSON.parse(stdout);
}

describe('brickproof board --flash and --save', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'goes on from a dump, and leaves one at %s',
    async (signal) => {
      write('start.bin', cutDump());
      const flags = ['--strategy', 'swap-using-move', '--flash', 'start.bin', '--save', 'end.bin'];
      const { child, console } = await serveUntil(flags, 'image confirmed');
      expect(console()).toContain('Boot source: primary slot');
      expect(await stop(child, signal)).toBe(0);
      expect(console()).toContain(
        'The flash is in end.bin, its security counters in end.bin.counters',
      );
      const { stdout } = await runCli([
        ...['flash', 'show', join(folder, 'end.bin'), '--board', 'nrf-equal'],
        ...['--strategy', 'swap-using-move', '--json'],
      ]);
      expect(JSON.parse(stdout)).toMatchObject({
        // The counter rises at the boot after an image was confirmed.
        counters: [0],
        nextBoot: { boots: [{ slot: 0, version: '1.1.0+0' }], isConfirmed: true, isTrial: false },
      });
      expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );

  it('may start from the very file that it leaves', async () => {
    write('same.bin', ERASED_MIB);
    const fresh = ['--board', EXAMPLE, '--save', 'same.bin'];
    const first = await serveUntil(fresh, 'Booting firmware 1.0.0+0');
    await stop(first.child, 'SIGTERM');
    const second = await serveUntil([...fresh, '--flash', 'same.bin'], 'Booting firmware 1.0.0+0');
    expect(second.console()).not.toContain('Security counter raised');
    await stop(second.child, 'SIGTERM');
    expect(await showsOf('same.bin', EXAMPLE)).toMatchObject({ counters: [1] });
  });

  it('serves a board that is stuck, and says so', async () => {
    write('erased.bin', ERASED_MIB);
    const flags = ['--flash', 'erased.bin', '--save', 'stuck.bin'];
    const { child, console } = await serveUntil(flags, 'E: Unable to find bootable image');
    expect(console()).toMatch(/^erased\.bin: nothing in it may run \(.+\); the board is stuck$/m);
    expect(await stop(child, 'SIGTERM')).toBe(0);
    expect(readFileSync(join(folder, 'stuck.bin')).equals(ERASED_MIB)).toBe(true);
  });

  it('starts what a debugger read out as Intel HEX', async () => {
    const image = sample('good-1.0.0-imgtool.bin');
    const lines = [':020000040000FA'];
    for (let at = 0; at < image.byteLength; at += 16) {
      const address = 0xc000 + at;
      if (address % 0x10000 === 0) lines.push(record(4, 0, [0, address >> 16]));
      lines.push(record(0, address & 0xffff, [...image.subarray(at, at + 16)]));
    }
    write('read-out.hex', `${[...lines, ':00000001FF'].join('\n')}\n`);
    const flags = ['--strategy', 'swap-using-move', '--flash', 'read-out.hex'];
    const { child } = await serveUntil(flags, 'Booting firmware 1.0.0+0');
    expect(await stop(child, 'SIGTERM')).toBe(0);
  });

  it.each([
    [['--save', 'a.bin', '--count', '2'], '--save keeps the flash of one board, not of 2'],
    [['--save', 'nowhere/a.bin'], 'cannot write nowhere/a.bin: there is no such file or folder'],
    [['--flash', 'nope.bin'], 'cannot read nope.bin'],
    [['--flash', EXAMPLE], 'the flash of nrf-equal has 1048576'],
    [['--flash', EXAMPLE, '--image', EXAMPLE], 'leave --image out'],
    [['--board', EXAMPLE, '--model', 'nrf-equal'], '--board and --model both name the board'],
    [['--board', 'nope.yaml'], 'cannot read nope.yaml'],
    [['--model', 'stm-unequal', '--strategy', 'swap-using-move'], 'not same sector layout'],
  ])('is refused with status 2 for %j', async (args, sentence) => {
    const { status, stdout, stderr } = await runCli(['board', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });

  it('names the line of the strategy that MCUboot cannot be built for', async () => {
    const text = readFileSync(EXAMPLE, 'utf8').replace(/^ +scratch: .*$/m, '');
    const board = write('no-scratch.yaml', text);
    const line = text.split('\n').findIndex((at) => at.startsWith('  strategy:')) + 1;
    const { status, stderr } = await runCli(['board', '--board', board]);
    expect(status).toBe(2);
    expect(stderr).toContain(
      `no-scratch.yaml:${line}:3: swap-using-scratch: image 0: there is no scratch area`,
    );
  });

  it('prints the schema of board files', async () => {
    const { status, stdout } = await runCli(['board', '--schema']);
    expect(status).toBe(0);
    const shipped = readFileSync(join(ROOT, 'harness/boards/board.schema.json'), 'utf8');
    expect(JSON.parse(stdout)).toEqual(JSON.parse(shipped));
  });
});

function record(type: number, offset: number, data: readonly number[]): string {
  const bytes = [data.length, offset >> 8, offset & 0xff, type, ...data];
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  return `:${Buffer.from([...bytes, -sum & 0xff]).toString('hex')}`;
}
