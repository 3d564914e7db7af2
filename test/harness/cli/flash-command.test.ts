import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE, SAMPLES, cutDump } from './cut-dump.js';
import { runCli } from './run-cli.js';

const ERASED_MIB = Buffer.alloc(1024 * 1024, 0xff);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

describe('brickproof flash show', () => {
  it('draws a dump for people, without colours where nobody sees them', async () => {
    const { status, stdout, stderr } = await runCli([
      ...['flash', 'show', write('cut.bin', cutDump()), '--board', 'nrf-equal'],
      ...['--strategy', 'swap-using-move'],
    ]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('moved up all 67 sectors of slot0, swapped 24 of 67 sectors; next: ');
    expect(stdout).toContain('1.1.0+0 runs from slot0, on trial: unless it is confirmed, ');
    expect(stdout).not.toContain('\u001b');
  });

  it('prints one object with --json', async () => {
    const args = ['flash', 'show', write('cut.bin', cutDump()), '--board', 'nrf-equal', '--json'];
    const { status, stdout, stderr } = await runCli([...args, '--strategy', 'swap-using-move']);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      board: { name: 'nrf-equal', strategy: 'swap-using-move' },
      images: [{ swap: { swapped: 24, turns: 67 } }],
      nextBoot: { boots: [{ slot: 0, version: '1.1.0+0' }] },
    });
  });

  it('takes the strategy of a board file, and the keys that are named', async () => {
    const dump = write('erased.bin', ERASED_MIB);
    const key = join(SAMPLES, 'keys', 'test-key-unknown.pem');
    const show = ['flash', 'show', '--board', EXAMPLE, '--key', key];
    const { status, stdout } = await runCli([...show, dump]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^pump-controller, swap-using-scratch\n/);
    expect(stdout).toContain('nothing may run: the board is stuck');
  });

  it('shows what is not of this world, and says so with status 0', async () => {
    const noise = Buffer.alloc(1024 * 1024);
    noise.forEach((_, index) => (noise[index] = (index * index * 31 + 7) & 0xff));
    for (const strategy of ['direct-xip', 'swap-using-offset', 'swap-using-scratch']) {
      const dump = write('noise.bin', noise);
      const shown = await runCli([
        ...['flash', 'show', dump, '--board', 'nrf-equal', '--strategy', strategy],
      ]);
      expect(shown).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it.each([
    [['nope.bin', '--board', 'nrf-equal'], 'cannot read nope.bin'],
    [['.', '--board', 'nrf-equal'], '. is not a file'],
    [[EXAMPLE, '--board', 'nrf-equal'], 'the flash of nrf-equal has 1048576'],
    [[EXAMPLE], "required option '--board <file|model>' not specified"],
    [[EXAMPLE, '--board', 'nope'], 'cannot read nope'],
    [[EXAMPLE, '--board', join(SAMPLES, 'index.json')], '"device" is not a known key'],
    [[EXAMPLE, '--board', 'nrf-equal', '--strategy', 'none'], 'Allowed choices are direct-xip'],
    [[EXAMPLE, '--board', 'nrf-equal', '--decrypt'], 'argument missing'],
  ])('ends with status 2 and a sentence for %j', async (args, sentence) => {
    const { status, stdout, stderr } = await runCli(['flash', 'show', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n').at(-1)).toMatch(/^brickproof: /);
    expect(stderr).toContain(sentence);
  });

  it('tells every problem of a board file with its line', async () => {
    const board = write('bad.yaml', 'name: a\nflash: { sectors: [1], write-alignment: 3 }\n');
    const show = ['flash', 'show', EXAMPLE, '--board', board];
    const { status, stderr } = await runCli(show);
    expect(status).toBe(2);
    expect(stderr).toMatch(/bad\.yaml:2:\d+: "flash\.sectors\[0\]" is 1, expected sectors such as/);
    expect(stderr).toMatch(/bad\.yaml:2:\d+: "flash\.write-alignment" is 3, expected 1 or 2/);
    const asJson = await runCli([...show, '--json']);
    expect(asJson.stderr).toBe('');
    const { problems } = JSON.parse(asJson.stdout) as { problems: unknown };
    expect(problems).toHaveLength(2);
  });
});

describe('brickproof image show --board', () => {
  const image = join(SAMPLES, 'nrf-equal', 'bad-too-large-1.1.0.bin');

  it('lists what each strategy has room for, and whether the image fits', async () => {
    const { status, stdout } = await runCli(['image', 'show', image, '--board', 'stm-unequal']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^direct-xip +983000 bytes +- +fits$/m);
    expect(stdout).toMatch(
      /^swap-using-move +- +- +cannot be built: image 0: not same sector layout$/m,
    );
    expect(stdout).toMatch(/^swap-using-scratch +\d+ bytes +\d+ bytes +fits$/m);
  });

  it('says by how much it does not fit', async () => {
    const { stdout } = await runCli(['image', 'show', image, '--board', 'nrf-equal']);
    expect(stdout).toMatch(/^direct-xip +483288 bytes +- +is 708 bytes too large$/m);
    expect(stdout).toMatch(/^swap-using-move +475136 bytes +1464 bytes +is 8860 bytes too large$/m);
  });

  it('knows boards with two images', async () => {
    const { stdout } = await runCli(['image', 'show', image, '--board', 'nrf-dual']);
    expect(stdout).toMatch(/^strategy +largest image 0 +largest image 1 +trailer +this image$/m);
  });

  it('prints one object with --json, of one strategy when it is named', async () => {
    const args = ['image', 'show', image, '--board', EXAMPLE, '--strategy', 'swap-using-move'];
    const { status, stdout } = await runCli([...args, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      version: '1.1.0+0',
      board: {
        name: 'pump-controller',
        strategies: [
          {
            strategy: 'swap-using-move',
            isBuildable: true,
            maxImageSizesBytes: [442368],
            fits: [false],
          },
        ],
      },
    });
  });

  it.each([
    [['--strategy', 'direct-xip'], '--strategy needs the board; name it with --board'],
    [['--board', 'nope'], 'cannot read nope'],
  ])('ends with status 2 for %j', async (args, sentence) => {
    const { status, stderr } = await runCli(['image', 'show', image, ...args]);
    expect(status).toBe(2);
    expect(stderr).toContain(sentence);
  });
});
