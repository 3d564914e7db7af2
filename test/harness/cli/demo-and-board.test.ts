import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder } from '../../remove-folder.js';

const MAIN = fileURLToPath(new URL('../../../harness/dist/cli/main.js', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../../../firmware-samples', import.meta.url));
const DECRYPTION_KEY = join(SAMPLES, 'decryption-keys', 'test-decryption-key-x25519.pem');
const CLEAR_IMAGE = join(SAMPLES, 'nrf-equal', 'good-1.0.0-encrypted-x25519-clear-ours.bin');
const ENCRYPTED_IMAGE = join(SAMPLES, 'nrf-equal', 'good-1.1.0-encrypted-x25519-ours.bin');
const DEMO_TIMEOUT_MS = 60_000;

const children: ChildProcess[] = [];
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-board-'));
});

afterAll(() => {
  removeFolder(folder);
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function run(args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: DEMO_TIMEOUT_MS,
  });
}

interface ReportJson {
  readonly boards: readonly {
    readonly device: string;
    readonly faults: readonly { readonly fault: string; readonly strikes: number }[];
    readonly wear: readonly { readonly area: string; readonly erases: readonly number[] }[];
  }[];
}

interface ServedJson {
  readonly ok: boolean;
  readonly boards: readonly { readonly device: string; readonly targets: readonly string[] }[];
}

interface Serving {
  readonly child: ChildProcess;
  readonly served: ServedJson;
  /** What it has said on standard error so far. */
  readonly told: () => string;
}

/** Starts `brickproof board --json` and answers what it says once it serves. */
function serve(args: readonly string[]): Promise<Serving> {
  const child = spawn(process.execPath, [MAIN, '--json', 'board', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let told = '';
  child.stderr.on('data', (bytes: Buffer) => (told += bytes.toString('utf8')));
  return new Promise((resolve, fail) => {
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
      if (text.endsWith('\n')) {
        resolve({ child, served: JSON.parse(text) as ServedJson, told: () => told });
      }
    });
    child.once('exit', (status) => {
      fail(new Error(`board ended with ${String(status)}: ${text}`));
    });
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

describe('brickproof demo', () => {
  it(
    'holds every claim, and prints them as one JSON object',
    () => {
      const { status, stdout } = run(['--json', 'demo']);
      const result = JSON.parse(stdout) as {
        ok: boolean;
        claims: { claim: string; held: boolean; found?: string }[];
      };
      expect(result.claims.filter((claim) => !claim.held)).toEqual([]);
      expect(result.claims.length).toBeGreaterThanOrEqual(20);
      expect(result.ok).toBe(true);
      expect(status).toBe(0);
    },
    DEMO_TIMEOUT_MS,
  );
});

describe('brickproof board', () => {
  it('serves several boards until it is stopped, each known by its own name', async () => {
    const { child, served } = await serve(['--tcp', '0', '--count', '2', '--seed', '5']);
    expect(served.ok).toBe(true);
    expect(served.boards.map((board) => board.device)).toEqual([
      'nrf-equal-0005',
      'nrf-equal-0006',
    ]);
    for (const { device, targets } of served.boards) {
      const info = run(['--json', 'smp', '--target', targets[0] ?? '', 'info']);
      expect(info.stdout).toContain(device);
      expect(info.status).toBe(0);
    }
    const end = ended(child);
    child.kill('SIGTERM');
    expect(await end).toBe(0);
  });

  it('leaves the factory with an image that is encrypted when it is swapped out', async () => {
    const flags = ['--strategy', 'overwrite-only', '--decrypt', DECRYPTION_KEY];
    const { served } = await serve(['--tcp', '0', '--image', CLEAR_IMAGE, ...flags]);
    expect(served.ok).toBe(true);
  });

  it.each([
    [['--model', 'toaster'], 2],
    [['--image', 'no/such/file.bin'], 2],
    [['--key', 'no/such/key.pem'], 2],
    [['--image', join(SAMPLES, 'nrf-equal', 'bad-unknown-key-1.1.0.bin')], 1],
    [['--image', join(SAMPLES, 'stm-unequal', 'bad-too-large-1.1.0.bin')], 1],
    [['--strategy', 'overwrite-only', '--decrypt', 'no/such/key.pem'], 2],
    [['--strategy', 'overwrite-only', '--decrypt', join(SAMPLES, 'keys/test-key-ed25519.pem')], 2],
    [['--strategy', 'direct-xip', '--decrypt', DECRYPTION_KEY], 2],
    [['--image', CLEAR_IMAGE], 1],
    [['--strategy', 'overwrite-only', '--decrypt', DECRYPTION_KEY, '--image', ENCRYPTED_IMAGE], 1],
    [['--count', '0'], 2],
    [['--model', 'stm-unequal', '--strategy', 'swap-using-offset'], 2],
    [['--model', 'stm-unequal', '--strategy', 'swap-using-move'], 2],
    [['--downgrade-prevention', 'none'], 2],
    [['--second-image', join(SAMPLES, 'nrf-dual', 'good-1.0.0-image1-imgtool.bin')], 2],
    [['--model', 'nrf-dual', '--second-image', 'no/such/file.bin'], 2],
    [
      ['--model', 'nrf-dual', '--second-image', join(SAMPLES, 'nrf-equal', 'bad-hash-1.1.0.bin')],
      1,
    ],
    [['--behaviour', 'sulks'], 2],
    [['--fault', 'failure'], 2],
    [['--fault', 'worn-out,at=slot9'], 2],
    [['--report', 'no/such/folder/report.json'], 2],
    [['--mqtt', 'mqtt://127.0.0.1:1'], 3],
    [['--mqtt', 'foo'], 2],
  ])('ends with one line for %j', (args, expected) => {
    const { status, stdout, stderr } = run(['board', ...args]);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^brickproof: /);
    expect(status).toBe(expected);
  });

  it('has the faults it is given, tells when they strike, and how worn its flash is', async () => {
    const report = join(folder, 'report.json');
    const fault = 'failure,operation=3,on=erase,at=slot1,erase=weak';
    const rot = 'flipped-bit,at=store,bit=5';
    const args = ['--tcp', '0', '--fault', fault, '--fault', rot, '--report', report];
    const { child, served, told } = await serve(args);
    const target = served.boards[0]?.targets[0] ?? '';
    const image = join(SAMPLES, 'nrf-equal', 'good-1.1.0-imgtool.bin');
    const refused = run(['--json', 'smp', '--target', target, 'image', 'upload', image]);
    expect([refused.status, refused.stdout]).toEqual([1, expect.stringContaining('error 13')]);
    expect(run(['smp', '--target', target, 'image', 'upload', image]).status).toBe(0);
    const end = once(child, 'close');
    child.kill('SIGTERM');
    await end;
    expect(told()).toMatch(
      /^\*\*\* Flash fault: bit 5 flipped at store\+0x.* \*\*\*\n\*\*\* Booting MCUboot/m,
    );
    expect(told()).toContain('Flash fault: failed erase of 4096 bytes at slot1+0x1000, left weak');
    expect(told()).toMatch(/^slot1 +118 +69 +sector 1: 2$/m);
    const [board] = (JSON.parse(readFileSync(report, 'utf8')) as ReportJson).boards;
    expect(board?.device).toBe('nrf-equal-0001');
    expect(board?.faults).toEqual([
      { fault, strikes: 1 },
      { fault: rot, strikes: 1 },
    ]);
    const slot1 = board?.wear.find(({ area }) => area === 'slot1');
    expect(slot1?.erases.slice(0, 4)).toEqual([1, 2, 1, 1]);
  });

  it('comes back after a power cut', async () => {
    const fault = 'power-cut,operation=30,at=slot1,write=unstable';
    const { served } = await serve(['--tcp', '0', '--fault', fault]);
    const target = served.boards[0]?.targets[0] ?? '';
    const image = join(SAMPLES, 'nrf-equal', 'good-1.1.0-imgtool.bin');
    const upload = ['smp', '--target', target, 'image', 'upload', image];
    run(upload);
    const again = run(upload);
    expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('SHA-256 right')]);
  });

  it.each([
    ['nrf-equal', 'swap-using-offset', 9],
    ['nrf-equal', 'swap-using-move', 3],
    ['nrf-equal', 'swap-using-scratch', 1],
    ['nrf-dual', 'swap-using-offset', 9],
    ['stm-unequal', 'swap-using-scratch', 1],
  ])('serves a board %s with %s', async (model, strategy, mode) => {
    const { child, served } = await serve(['--tcp', '0', '--model', model, '--strategy', strategy]);
    const target = served.boards[0]?.targets[0] ?? '';
    const info = run(['--json', 'smp', '--target', target, 'bootloader']);
    expect(JSON.parse(info.stdout)).toMatchObject({ mode, noDowngrade: true });
    const list = run(['--json', 'smp', '--target', target, 'image', 'list']);
    const { images } = JSON.parse(list.stdout) as { images: readonly { image: number }[] };
    expect(images.map(({ image }) => image)).toEqual(model === 'nrf-dual' ? [0, 1] : [0]);
    const end = ended(child);
    child.kill('SIGTERM');
    expect(await end).toBe(0);
  });

  it('says in MCUboot’s words why a model does not do a strategy', () => {
    const args = ['board', '--model', 'stm-unequal', '--strategy', 'swap-using-offset'];
    expect(run(args).stderr).toBe(
      'brickproof: stm-unequal does not do swap-using-offset: image 0: not same sector layout\n',
    );
  });

  it.each(['--image', '--key'])('says in words why the file of %s cannot be read', (flag) => {
    const { status, stderr } = run(['board', flag, 'nope']);
    expect(stderr).toBe(
      'brickproof: cannot read nope: there is no such file or folder; check the path\n',
    );
    expect(status).toBe(2);
  });
});
