import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startProgram } from '../../../../agent/src/node/supervise/child-process.js';
import type {
  ProgramEnd,
  RunningProgram,
} from '../../../../agent/src/node/supervise/child-process.js';
import { removeFolder } from '../../../remove-folder.js';

const PATIENCE = { timeout: 10_000, interval: 10 };

let folder = '';
const ends: ProgramEnd[] = [];
const lines: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-program-'));
  ends.length = 0;
  lines.length = 0;
});

afterEach(() => {
  removeFolder(folder);
});

function start(...command: readonly string[]): RunningProgram {
  return startProgram({
    command,
    environment: {},
    onLine: (line) => lines.push(line),
    onEnd: (end) => ends.push(end),
  });
}

async function firstEnd(): Promise<ProgramEnd | undefined> {
  await vi.waitFor(() => {
    expect(ends).toHaveLength(1);
  }, PATIENCE);
  return ends[0];
}

describe('a program of the user', () => {
  it.each([
    ['is not there', 'ENOENT', 'nothing'],
    ['lies below a file', 'ENOTDIR', 'file/program'],
    ['is a link to itself', 'ELOOP', 'loop'],
  ])('that %s has not started, and its caller has it before it is told so', async (...row) => {
    const [, code, name] = row;
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('loop', join(folder, 'loop'));
    start(join(folder, name));
    expect(ends).toEqual([]);
    const sentence: unknown = expect.stringContaining(code);
    expect(await firstEnd()).toEqual({ kind: 'not-started', sentence });
  });

  it('that cannot start and is killed at once tells nothing', async () => {
    writeFileSync(join(folder, 'file'), '');
    start(join(folder, 'file', 'program')).kill();
    start('sh', '-c', 'exit 3');
    expect(await firstEnd()).toEqual({ kind: 'exited', status: 3 });
  });

  it('has ended when it exits, whoever still holds its output', async () => {
    start('sh', '-c', 'sleep 60 & echo $!; exit 0');
    try {
      expect(await firstEnd()).toEqual({ kind: 'exited', status: 0 });
    } finally {
      process.kill(Number(lines[0]), 'SIGKILL');
    }
  });

  it('has all that it printed passed on before its end', async () => {
    start('sh', '-c', 'for n in 1 2 3; do echo $n; echo $n >&2; done; exit 0');
    await firstEnd();
    expect([...lines].sort()).toEqual(['1', '1', '2', '2', '3', '3']);
  });
});
