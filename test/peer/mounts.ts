import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peer } from './peers.js';

/** Disks of the kernel's own, small and for a while; only root may have them. */
export interface Mounts {
  readonly availability: Pick<Peer, 'isSkipped' | 'titleSuffix'>;
  /** Mounts a file system in memory; answers its folder. */
  memory(sizeKib: number): string;
  remountReadOnly(folder: string): void;
  /** A block device over a file of that size; answers its path. */
  blockDevice(sizeBytes: number): string;
  /** Makes a file system on a device and mounts it. */
  mountDevice(device: string): string;
  /** Undoes everything, the last thing first. */
  release(): void;
}

const MISSING = 'mounting is not possible here: it takes root, mount, losetup and mkfs.ext4';
const COMMAND_TIMEOUT_MS = 20_000;

/** Looks whether this machine lets us mount. Where peers are required, that it does not fails. */
export function createMounts(): Mounts {
  const undo: (() => void)[] = [];
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'brickproof-mount-'));
    undo.push(() => {
      rmdirSync(path);
    });
    return path;
  };
  const mount = (...args: readonly string[]): string => {
    const path = folder();
    run('mount', [...args, path]);
    undo.push(() => run('umount', [path]));
    return path;
  };
  return {
    availability: availability(),
    memory: (sizeKib) => mount('-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs'),
    remountReadOnly: (path) => run('mount', ['-o', 'remount,ro', path]),
    blockDevice: (sizeBytes) => {
      const file = join(folder(), 'disk');
      writeFileSync(file, Buffer.alloc(sizeBytes));
      undo.push(() => {
        unlinkSync(file);
      });
      const device = run('losetup', ['-f', '--show', file]).trim();
      undo.push(() => run('losetup', ['-d', device]));
      return device;
    },
    mountDevice: (device) => {
      run('mkfs.ext4', ['-q', device]);
      return mount(device);
    },
    release: () => {
      for (const step of undo.splice(0).reverse()) step();
    },
  };
}

function availability(): Mounts['availability'] {
  const isRequired = process.env['BRICKPROOF_PEERS'] === 'required';
  const isPossible =
    process.getuid?.() === 0 &&
    ['mount', 'losetup', 'mkfs.ext4'].every((command) => {
      return spawnSync(command, ['--version'], { env: environment() }).error === undefined;
    });
  if (isPossible) return { isSkipped: false, titleSuffix: '' };
  return { isSkipped: !isRequired, titleSuffix: ` (${MISSING})` };
}

function run(command: string, args: readonly string[]): string {
  const options = { timeout: COMMAND_TIMEOUT_MS, encoding: 'utf8', env: environment() } as const;
  const done = spawnSync(command, args, options);
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}${MISSING}`);
  return done.stdout;
}

/** Debian keeps these programs where only root's PATH looks. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
}
