import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE } from './cut-dump.js';
import { MAIN, runCli } from './run-cli.js';
import { SMALL_BOARD, smallDump } from './small-board.js';

/** An exploration that takes a moment, and drains. */
const QUICK = [
  ...['explore', '--scene', 'permanent', '--strategy', 'overwrite-only'],
  ...['--slot-size', '8KiB', '--sector-size', '1KiB', '--image-size', '2000'],
];
const MATRIX = [
  ...['explore', '--scene', 'permanent', '--strategy', 'overwrite-only', '--image-size', '2000'],
  ...['--slot-size', '8KiB,16KiB', '--sector-size', '1KiB', '--align', '4', '--align', '8'],
  ...['--tears', 'none'],
];
/** An exploration that takes minutes. */
const LONG = ['explore', '--strategy', 'swap-using-offset', '--sector-size', '2KiB'];
const STOPPED_AFTER_MS = 1_500;
interface Found {
  readonly states: number;
  readonly edges: number;
  readonly boots: number;
  readonly deepestNewCut: number;
  readonly drained: boolean | number;
  readonly explorations?: readonly Found[];
  readonly leftOut?: readonly { readonly code: string }[];
}

let folder: string;
let dump: string;
let board: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
  dump = write('small.bin', smallDump());
  board = write('small.yaml', SMALL_BOARD);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

function parse(stdout: string): Found {
  return JSON.parse(stdout) as Found;
}

/** What does not depend on how long it took. */
function numbersOf({ states, edges, boots, deepestNewCut, drained }: Found): Found {
  return { states, edges, boots, deepestNewCut, drained };
}

describe('brickproof explore', () => {
  it('ends with status 0 when all is drained and every invariant held', async () => {
    const { status, stdout, stderr } = await runCli(QUICK);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^permanent, overwrite-only, power cuts: any number$/m);
    expect(stdout).toMatch(/drained: [\d,]+ states, .* nothing left to try$/m);
  });

  it('ends with status 1 and says so when cuts were left out, and still writes the page', async () => {
    const page = write('cuts.html', 'of an earlier run');
    const { status, stdout, stderr } = await runCli([...QUICK, '--cuts', '1', '--html', page]);
    expect(status).toBe(1);
    expect(stdout).toContain('NOT DRAINED, stopped by no more than 1 cuts were tried');
    expect(stderr).toBe('brickproof: the exploration did NOT DRAIN: not everything was tried\n');
    expect(readFileSync(page, 'utf8')).toContain('<h1>Brickproof explore: 1 not drained</h1>');
  });

  it('prints one object of one exploration with --json', async () => {
    const { status, stdout, stderr } = await runCli([...QUICK, '--tears', 'none', '--json']);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      settings: { scene: 'permanent', slotSizeBytes: 8192, tears: [], cutsMax: 'any' },
      drained: true,
      stoppedBy: null,
      counterexample: null,
    });
  });

  it('finds the same in a matrix however many explorations are made at a time', async () => {
    const [one, two] = await Promise.all([
      runCli([...MATRIX, '--json', '--jobs', '1']),
      runCli([...MATRIX, '--json', '--jobs', '2']),
    ]);
    expect([one.status, two.status]).toEqual([0, 0]);
    const [alone, together] = [parse(one.stdout), parse(two.stdout)];
    expect(alone.explorations).toHaveLength(4);
    expect(together.explorations?.map(numbersOf)).toEqual(alone.explorations?.map(numbersOf));
    expect(numbersOf(together)).toEqual(numbersOf(alone));
    expect(alone.drained).toBe(4);
    const states = alone.explorations?.reduce((sum, found) => sum + found.states, 0);
    expect(alone.states).toBe(states);
  });

  it('leaves out what cannot be, counts it, and tells the rest in a table', async () => {
    const { status, stdout } = await runCli([
      ...QUICK,
      '--tears',
      'none',
      '--image-size',
      '3000,9000',
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^✓ permanent, overwrite-only, image of 2000 bytes: drained: /m);
    expect(stdout).toMatch(/^permanent, overwrite-only, image of 3000 bytes +drained +[\d,]+ /m);
    expect(stdout).toContain('1 exploration left out:\n');
    expect(stdout).toContain('an image of 9000 bytes does not fit');
    expect(stdout).toMatch(/^drained 2 of 2: [\d,]+ states/m);
  });

  it('ends with what it found when it is stopped', async () => {
    const child = spawn(process.execPath, [MAIN, ...LONG, '--json', '--jobs', '1']);
    let stdout = '';
    child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    setTimeout(() => child.kill('SIGINT'), STOPPED_AFTER_MS);
    expect(await ended).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      code: 'explore-stopped',
      explorations: [{ drained: false, stoppedBy: 'it was stopped' }],
      notBegun: 1,
    });
  });

  it.each([
    [['--scene', 'nope'], "argument 'nope' is invalid. Choose of all, upgrade"],
    [['--erased', '0x01'], 'Choose of 0xff, 0x00'],
    [['--board', 'nrf-equal'], '--board belongs to a dump'],
    [['--flash', 'dump.bin'], '--flash needs the board'],
    [['--slot-size', '1000', '--sector-size', '300'], 'none of 10 explorations can be'],
    [['--strategy', 'swap-using-move', '--slot-size', '8KiB', '--scene', 'revert'], 'has no room'],
    [['--replay', 'nope'], 'this is no replay identifier'],
    [['--html', '.', ...QUICK.slice(1)], 'cannot write .: it is a folder'],
  ])('ends with status 2 and one line for %j', async (args, sentence) => {
    const { status, stdout, stderr } = await runCli(['explore', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });
});

/** The identifier of a way to nothing: of an exploration with other images than ours. */
const REPLAY_ELSEWHERE = [
  ...['permanent', 'overwrite-only', 8192, 1024, 8, 255, 2000, [0], 'any', 1000, 2, {}],
  ...['of-elsewhere', [], [[[], 'stays up', [], -1, -1]]],
];

describe('brickproof explore --replay', () => {
  const fields = Buffer.from(JSON.stringify(REPLAY_ELSEWHERE)).toString('base64url');
  const id = `bp1-${fields}`;

  it.each([
    [[], 'the identifier belongs to other images or keys than these'],
    [['--align', '16'], 'is of an exploration with --align 8; leave --align out'],
    [['--board', 'nrf-equal'], '--board belongs to a dump; name it with --flash'],
    [['--html', 'cuts.html'], '--html shows explorations, not a replay'],
  ])('ends with status 2 and one line for another configuration: %j', async (args, sentence) => {
    const { status, stdout, stderr } = await runCli(['explore', '--replay', id, ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });
});

describe('brickproof explore --flash', () => {
  it('begins with the flash of a board', async () => {
    const { status, stdout, stderr } = await runCli(['explore', '--flash', dump, '--board', board]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^dump, overwrite-only, power cuts: any number\n {2}drained: /);
  });

  it('takes another strategy, and tries the image that is on trial in every way', async () => {
    const flags = ['--strategy', 'direct-xip', '--cuts', '1', '--json'];
    const { status, stdout } = await runCli([
      ...['explore', '--flash', dump, '--board', board],
      ...flags,
    ]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      settings: { scene: 'dump', strategy: 'direct-xip', slotSizeBytes: 0x5000 },
      invariants: { 'runs-verified-image': 0, 'boots-something': 0, settles: 0 },
      bootsToSettle: 3,
    });
  });

  it.each([
    ['a dump of another board', () => [dump, '--board', 'nrf-equal'], 'has 65536 bytes'],
    [
      'a flash without an image',
      () => [write('erased.bin', Buffer.alloc(2 ** 20, 0xff)), '--board', EXAMPLE],
      'nothing in the dump may run',
    ],
    ['flags of a scene', () => [dump, '--board', board, '--align', '8'], 'a dump says itself'],
  ])('ends with status 2 and one line for %s', async (_what, args, sentence) => {
    const { status, stdout, stderr } = await runCli(['explore', '--flash', ...args()]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });
});
