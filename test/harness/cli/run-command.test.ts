import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './run-cli.js';
import { removeFolder } from '../../remove-folder.js';

const MAIN = fileURLToPath(new URL('../../../harness/dist/cli/main.js', import.meta.url));
/** All that come along are many, on a machine that may have other things to do. */
const RUN_ALL_TIMEOUT_MS = 240_000;
const ONE_BOARD = ['--model', 'nrf-equal', '--link', 'serial', '--strategy', 'direct-xip'];
const START = '  - start: good-1.0.0-imgtool.bin\n';

let folder = '';
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-run-'));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

afterAll(() => {
  removeFolder(folder);
});

/** A scenario file of this name, in the folder of these tests. */
function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function scenario(name: string, steps: string): string {
  return write(`${name}.yaml`, `name: ${name}\nsteps:\n${START}${steps}`);
}

interface RunJson {
  readonly ok: boolean;
  readonly code?: string;
  readonly held: number;
  readonly failed: number;
  readonly notRun: number;
  readonly problems: readonly { readonly file: string; readonly line?: number }[];
  readonly runs: readonly {
    readonly scenario: string;
    readonly entry: string;
    readonly verdict: string;
    readonly failure: { readonly line: number; readonly replay: string } | null;
  }[];
}

describe('brickproof run', () => {
  it(
    'runs those that come with it, a line for each',
    async () => {
      // On one board over one link: all of them are run elsewhere, without the command line.
      const { status, stdout, stderr } = await runCli(['run', ...ONE_BOARD]);
      expect(stderr).toBe('');
      const lines = stdout.trim().split('\n');
      const held = lines.filter((line) => line.startsWith('✓ ')).length;
      expect(held).toBeGreaterThan(12);
      expect(lines.at(-1)).toMatch(new RegExp(`^${held} of ${held} held, in [\\d.]+ s\\.$`));
      expect(status).toBe(0);
    },
    RUN_ALL_TIMEOUT_MS,
  );

  it('runs what is asked for, and prints one JSON object', async () => {
    const args = ['--json', 'run', '--only', 'wrong-key', '--only', 'hang', '--model', 'nrf-equal'];
    const flags = ['--link', 'mqtt', '--strategy', 'direct-xip', '--seed', '3'];
    const { status, stdout, stderr } = await runCli([...args, ...flags]);
    const json = JSON.parse(stdout) as RunJson;
    expect(status).toBe(0);
    expect(json).toMatchObject({ ok: true, held: 2, failed: 0, notRun: 0 });
    expect(json.runs.map(({ scenario: name, entry }) => [name, entry])).toEqual([
      ['hang', 'nrf-equal, mqtt, direct-xip'],
      ['wrong-key', 'nrf-equal, mqtt, direct-xip'],
    ]);
    expect(stderr).toContain('✓ hang [nrf-equal, mqtt, direct-xip]');
  });

  it('says where a scenario does not hold, and the command it prints shows it again', async () => {
    const file = scenario('broken', '  - expect:\n      version: 2.0.0\n');
    const { status, stdout, stderr } = await runCli(['run', file]);
    expect(status).toBe(1);
    expect(stdout).toContain(`${file}:5:7: expected version 2.0.0\n  found version 1.0.0\n  | `);
    expect(stderr).toBe('brickproof: 1 of 1 did not hold\n');
    const replay = /replay: brickproof (.*)/.exec(stdout)?.[1] ?? '';
    const again = await runCli(replay.split(' '));
    expect(again.status).toBe(1);
    expect(again.stdout).toContain(`${file}:5:7: expected version 2.0.0`);
  });

  it('writes reports, of what failed too', async () => {
    const file = scenario('reported', '  - expect: { slot: 1 }\n');
    const [junit, html] = [join(folder, 'report.xml'), join(folder, 'report.html')];
    const { status } = await runCli(['run', file, '--junit', junit, '--html', html]);
    expect(status).toBe(1);
    expect(readFileSync(junit, 'utf8')).toContain('<failure type="expectation" message="expected');
    expect(readFileSync(html, 'utf8')).toContain('1 of 1 did not hold');
  });

  it('lists what it would run', async () => {
    const { status, stdout } = await runCli(['run', '--list', '--link', 'serial']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^good-update +nrf-equal, stm-unequal +serial +direct-xip, swap-using-offset, swap-using-move, swap-using-scratch +12 +\S+yaml$/m,
    );
    const json = JSON.parse((await runCli(['--json', 'run', '--list'])).stdout) as RunJson;
    expect(json.runs).toHaveLength(192);
  });

  it('refuses a strategy that MCUboot cannot be built with for the model, once', async () => {
    const flags = ['--model', 'stm-unequal', '--strategy', 'swap-using-move'];
    const { status, stderr } = await runCli(['run', ...flags]);
    expect(status).toBe(2);
    expect(stderr).toBe(
      'brickproof: stm-unequal does not do swap-using-move: image 0: not same sector layout\n',
    );
  });

  it('prints the JSON schema', async () => {
    const { status, stdout } = await runCli(['run', '--schema']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ title: 'Brickproof scenario', type: 'object' });
  });

  it('has help with an example', async () => {
    const { status, stdout } = await runCli(['run', '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('$ brickproof run my-update.yaml --link mqtt');
    expect(stdout).toContain('udp:HOST:PORT');
    expect(stdout).toContain('mqtts://HOST:PORT/DEVICE');
    expect(stdout).not.toContain('--version');
    expect((await runCli(['--help'])).stdout).toContain('-V, --version ');
  });
});

describe('brickproof run refuses, in one line,', () => {
  it.each([
    ['a file that is not there', ['no-such.yaml'], 'cannot read no-such.yaml: there is no such'],
    ['a folder', ['FOLDER'], 'is not a file; name a file'],
    ['an empty file', ['empty.yaml'], 'empty.yaml:1:1: the file is empty'],
    [
      'an unknown key',
      ['key.yaml'],
      'key.yaml:2:1: "stpes" is not a known key; did you mean steps?',
    ],
    ['two scenarios of one name', ['a.yaml', 'b.yaml'], 'has a scenario "a" already'],
    ['a name that no scenario has', ['--only', 'good-updat'], 'did you mean good-update?'],
    ['a timeout of nothing', ['--timeout', '0'], 'a whole number from 1 to 86400'],
    ['a simulated target', ['--target', 'sim'], 'leave --target out to run on virtual boards'],
    ['a link to a target', ['--target', 'tcp:a:1', '--link', 'tcp'], '--target is the link'],
    [
      'a target without a file',
      ['--target', 'tcp:a:1'],
      'need virtual boards; name a scenario file of your own',
    ],
    ['a report that cannot be written', ['--junit', 'FOLDER'], 'it is a folder'],
    ['what the target does not allow', ['off.yaml', '--target', 'tcp:a:1'], 'off.yaml:4:5: power'],
  ])('%s', async (_, args, expected) => {
    mkdirSync(join(folder, 'sub'), { recursive: true });
    write('empty.yaml', '');
    write('key.yaml', `name: key\nstpes: 1\nsteps:\n${START}`);
    write('a.yaml', `name: a\nsteps:\n${START}`);
    write('b.yaml', `name: a\nsteps:\n${START}`);
    write('off.yaml', `name: off\nsteps:\n${START}  - power: off\n`);
    const paths = args.map((arg) => {
      if (arg === 'FOLDER') return join(folder, 'sub');
      return existsSync(join(folder, arg)) ? join(folder, arg) : arg;
    });
    const { status, stdout, stderr } = await runCli(['run', ...paths]);
    expect(stderr).toContain(expected);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  it('and tells every problem of every file on a line of its own', async () => {
    const one = write('one.yaml', 'name: 1\n');
    const two = write('two.yaml', `name: two\nsteps:\n${START}  - wait: 1\n`);
    const { status, stderr } = await runCli(['run', one, two]);
    expect(status).toBe(2);
    expect(stderr.trim().split('\n')).toEqual([
      `${one}:1:1: "name" is 1, expected text`,
      `${one}:1:1: "steps" is missing`,
      `${two}:4:5: "steps[1].wait" is 1, expected a duration such as 500 ms, 10 s or 2 min`,
      'brickproof: 3 problems; nothing was run',
    ]);
    const json = JSON.parse((await runCli(['--json', 'run', one, two])).stdout) as RunJson;
    expect(json.code).toBe('scenario-invalid');
    expect(json.problems.map(({ file, line }) => [file, line])).toEqual([
      [one, 1],
      [one, 1],
      [two, 4],
    ]);
  });

  it('a target that is not there, with the status for that', async () => {
    const file = scenario('nowhere', '  - wait: 1 s\n');
    const { status, stderr } = await runCli(['run', file, '--target', 'tcp:127.0.0.1:1']);
    expect(stderr).toContain('127.0.0.1:1');
    expect(status).toBe(3);
  });
});

describe('brickproof run, where no device has ever answered,', () => {
  it('ends with the status for that, in one line, on a way that opens all the same', async () => {
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const target = `udp:127.0.0.1:${silent.address().port}`;
    const file = scenario('silent', '  - wait: 1 s\n');
    const { status, stdout, stderr } = await runCli(['--json', 'run', file, '--target', target]);
    silent.close();
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: 'smp-timeout' });
    expect(JSON.parse(stdout)).not.toHaveProperty('runs');
    expect(stdout).toContain(`no answer from ${target}`);
    expect(stderr).toBe('');
    expect(status).toBe(3);
  }, 30_000);
});

describe('brickproof run, stopped', () => {
  it('ends cleanly, and says what was not run', async () => {
    const waits = '  - wait: 60 min\n'.repeat(190);
    const file = scenario('long', waits);
    const files = [scenario('quick', '  - wait: 1 s\n'), file, scenario('next', waits)];
    const child = spawn(process.execPath, [MAIN, '--json', 'run', ...files], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let stdout = '';
    child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
    // The first one is over: the second is under way, for minutes if nobody stops it.
    child.stderr.once('data', () => child.kill('SIGINT'));
    const status = await new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    const json = JSON.parse(stdout) as RunJson;
    expect(json).toMatchObject({ ok: false, code: 'run-stopped', held: 1, notRun: 2 });
    expect(status).toBe(1);
  }, 30_000);
});
