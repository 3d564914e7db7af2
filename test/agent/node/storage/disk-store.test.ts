import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STORE_KEY_MAX, STORE_VALUE_BYTES_MAX } from '@brickproof/agent';
import {
  DISK_STORE_FILE_NAME,
  DISK_STORE_FORMAT_VERSION,
  DISK_STORE_SIZE_BYTES_MAX,
  openDiskStore,
} from '@brickproof/agent/node';
import type { DiskStore, DiskStoreOptions, ProcessTable } from '@brickproof/agent/node';
import { DONE, reject } from '@brickproof/bootloader-sim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must, processTable } from './disk-device.js';
import { DiskPowerCut, VolatileFileSystem } from './volatile-file-system.js';

const FOLDER = '/data';
const FAKE_STORE_PATH = `${FOLDER}/${DISK_STORE_FILE_NAME}`;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-store-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function open(more: Partial<DiskStoreOptions> = {}): ReturnType<typeof openDiskStore> {
  return openDiskStore({ folder, areas: [], ...more });
}

function onFakeDisk(disk: VolatileFileSystem): DiskStore {
  const processes = processTable();
  return must(open({ folder: FOLDER, fileSystem: disk, processes }));
}

function codeOf(verdict: { readonly ok: boolean; readonly code?: string }): string {
  return verdict.code ?? 'ok';
}

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

function storePath(): string {
  return join(folder, DISK_STORE_FILE_NAME);
}

/** Writes a store with two values and gives back its bytes. */
function writtenStore(): Uint8Array {
  const store = must(open());
  must(store.set(7, bytes(1, 2, 3)));
  must(store.set(STORE_KEY_MAX, bytes()));
  store.close();
  return new Uint8Array(readFileSync(storePath()));
}

describe('DiskStore', () => {
  it('gives back what was set, also when it is opened again', () => {
    const first = must(open());
    expect(first.get(1)).toBeUndefined();
    must(first.set(1, bytes(1, 2)));
    must(first.set(2, new Uint8Array(STORE_VALUE_BYTES_MAX).fill(9)));
    must(first.set(1, bytes(3)));
    must(first.set(3, bytes(4)));
    must(first.delete(3));
    must(first.delete(4));
    first.close();
    const second = must(open());
    expect(second.get(1)).toEqual(bytes(3));
    expect(second.get(2)).toEqual(new Uint8Array(STORE_VALUE_BYTES_MAX).fill(9));
    expect(second.get(3)).toBeUndefined();
    second.close();
    expect(readdirSync(folder)).toEqual([DISK_STORE_FILE_NAME]);
  });

  it('keeps values apart from what the caller does with its bytes', () => {
    const store = must(open());
    const value = bytes(1);
    must(store.set(1, value));
    value[0] = 9;
    store.get(1)?.fill(8);
    expect(store.get(1)).toEqual(bytes(1));
    store.close();
  });

  it('writes nothing for a value that is there already', () => {
    const disk = new VolatileFileSystem([FOLDER]);
    const store = onFakeDisk(disk);
    must(store.set(1, bytes(1)));
    const before = disk.operations.length;
    must(store.set(1, bytes(1)));
    must(store.delete(2));
    expect(disk.operations.length).toBe(before);
  });

  it('refuses a value that is too large, and more than fits', () => {
    const store = must(open());
    const large = new Uint8Array(STORE_VALUE_BYTES_MAX);
    expect(codeOf(store.set(1, new Uint8Array(STORE_VALUE_BYTES_MAX + 1)))).toBe(
      'store-value-too-large',
    );
    let key = 1;
    while (store.set(key, large).ok && key < 200) key += 1;
    expect(codeOf(store.set(key, large))).toBe('store-full');
    expect(readFileSync(storePath()).byteLength).toBeLessThanOrEqual(DISK_STORE_SIZE_BYTES_MAX);
    expect(store.get(key - 1)).toEqual(large);
    store.close();
    must(open()).close();
  });

  it('throws for a key outside, which is our own mistake', () => {
    const store = must(open());
    for (const key of [0, -1, 1.5, STORE_KEY_MAX + 1]) {
      expect(() => store.set(key, bytes())).toThrow(RangeError);
      expect(() => store.delete(key)).toThrow(RangeError);
    }
    store.close();
  });

  it('commits nothing when an area cannot be made durable', () => {
    const refused = { sync: () => reject('flash-write-failed', 'the disk is gone') } as const;
    const store = must(open({ areas: [{ sync: () => DONE }, refused] }));
    expect(codeOf(store.set(1, bytes(1)))).toBe('flash-write-failed');
    expect(store.get(1)).toBeUndefined();
    store.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps the old value or the new one, and the new one once it was accepted', () => {
    const { kept, operationCount } = storeToReplace();
    for (let cutAt = 0; cutAt <= operationCount; cutAt += 1) {
      for (let seed = 0; seed < 50; seed += 1) {
        const disk = kept.afterPowerCut('all');
        disk.troubles = { cutAt };
        const isAccepted = setUntilCut(disk, bytes(2));
        const found = onFakeDisk(disk.afterPowerCut({ seed })).get(1)?.[0];
        expect(isAccepted ? [2] : [1, 2]).toContain(found);
      }
    }
  });

  it('believes nothing that could still be lost after its process was killed', () => {
    const { kept, operationCount } = storeToReplace();
    for (let killedAt = 0; killedAt < operationCount; killedAt += 1) {
      const disk = kept.afterPowerCut('all');
      disk.troubles = { cutAt: killedAt };
      setUntilCut(disk, bytes(2));
      disk.troubles = {};
      const believed = onFakeDisk(disk).get(1)?.[0];
      for (let seed = 0; seed < 20; seed += 1) {
        expect(onFakeDisk(disk.afterPowerCut({ seed })).get(1)?.[0]).toBe(believed);
      }
    }
  });

  it.each([
    ['create', 'file-no-space'],
    ['create', 'file-read-only'],
    ['write', 'file-no-space'],
    ['sync-data', 'file-failed'],
    ['rename', 'file-failed'],
    ['sync-folder', 'file-failed'],
  ] as const)('keeps the old value when %s is refused: %s', (kind, fault) => {
    const disk = new VolatileFileSystem([FOLDER]);
    const store = onFakeDisk(disk);
    must(store.set(1, bytes(1)));
    disk.troubles = { refuse: (operation) => (operation.kind === kind ? fault : undefined) };
    const refused = store.set(1, bytes(2));
    expect(refused).toMatchObject({ code: 'flash-write-failed' });
    expect(refused).toHaveProperty('detail', expect.stringContaining(FOLDER));
    expect(store.get(1)).toEqual(bytes(1));
    disk.troubles = {};
    if (kind !== 'rename') {
      expect(disk.list(FOLDER)).not.toHaveProperty('value', expect.arrayContaining(['store.tmp']));
    }
    // What the disk has now is not known: the same value again is written again.
    must(store.set(1, bytes(1)));
    for (const loss of ['all', 'nothing'] as const) {
      expect(onFakeDisk(disk.afterPowerCut(loss)).get(1)).toEqual(bytes(1));
    }
    must(store.set(1, bytes(2)));
    expect(onFakeDisk(disk.afterPowerCut('all')).get(1)).toEqual(bytes(2));
  });
});

/** A disk whose store holds a 1, and how many operations it takes to make it a 2. */
function storeToReplace(): { readonly kept: VolatileFileSystem; readonly operationCount: number } {
  const factory = new VolatileFileSystem([FOLDER]);
  must(onFakeDisk(factory).set(1, bytes(1)));
  const kept = factory.afterPowerCut('all');
  const whole = kept.afterPowerCut('all');
  must(onFakeDisk(whole).set(1, bytes(2)));
  return { kept, operationCount: whole.operations.length };
}

function setUntilCut(disk: VolatileFileSystem, value: Uint8Array): boolean {
  try {
    return onFakeDisk(disk).set(1, value).ok;
  } catch (error) {
    if (!(error instanceof DiskPowerCut)) throw error;
    return false;
  }
}

describe('openDiskStore', () => {
  it('removes what a commit that was cut short left behind', () => {
    writeFileSync(join(folder, 'store.tmp'), 'half');
    must(open()).close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses a store with any bit flipped, and does not change it', () => {
    const written = writtenStore();
    for (let bit = 0; bit < written.byteLength * 8; bit += 1) {
      const flipped = written.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const fileSystem = new VolatileFileSystem([FOLDER]);
      fileSystem.put(FAKE_STORE_PATH, flipped);
      const opened = open({ folder: FOLDER, fileSystem, processes: processTable() });
      expect(codeOf(opened)).toBe('disk-store-damaged');
      expect(fileSystem.contents(FAKE_STORE_PATH)).toEqual(flipped);
    }
  });

  it('refuses a store that was cut off anywhere, or has more behind it', () => {
    const written = writtenStore();
    for (let length = 0; length < written.byteLength; length += 1) {
      writeFileSync(storePath(), written.subarray(0, length));
      expect(codeOf(open())).toBe('disk-store-damaged');
    }
    writeFileSync(storePath(), Buffer.concat([written, Buffer.of(0)]));
    expect(codeOf(open())).toBe('disk-store-damaged');
    writeFileSync(storePath(), Buffer.alloc(DISK_STORE_SIZE_BYTES_MAX * 2));
    expect(codeOf(open())).toBe('disk-store-damaged');
  });

  it.each<readonly [string, number, readonly number[]]>([
    ['fewer entries than it says', 10, [3]],
    ['more entries than it says', 10, [1]],
    ['a key 0', 16, [0, 0]],
    ['keys that do not rise', 23, [7, 0]],
    ['a key beyond the last', 23, [0xff, 0xff]],
    ['a value longer than the file', 18, [200]],
    ['a format version 0', 8, [0]],
  ])('refuses a store with %s, though its digest is right', (_, at, patch) => {
    const changed = writtenStore();
    changed.set(patch, at);
    writeFileSync(storePath(), withDigest(changed));
    expect(codeOf(open())).toBe('disk-store-damaged');
  });

  it('tells a store of a newer version from a damaged one', () => {
    const changed = writtenStore();
    changed.set([DISK_STORE_FORMAT_VERSION + 1], 8);
    writeFileSync(storePath(), withDigest(changed));
    const opened = open();
    expect(opened).toMatchObject({ code: 'disk-store-newer-version' });
    expect(opened).toHaveProperty('detail', expect.stringContaining('run the newer agent'));
  });

  it('refuses a folder that is not there, and one that is a file', () => {
    expect(codeOf(open({ folder: join(folder, 'no') }))).toBe('disk-store-unwritable');
    writeFileSync(join(folder, 'file'), '');
    expect(codeOf(open({ folder: join(folder, 'file') }))).toBe('disk-store-unwritable');
  });

  it('refuses a folder where the store should be', () => {
    mkdirSync(storePath());
    expect(codeOf(open())).toBe('disk-store-unreadable');
  });

  it.each(['file-read-only', 'file-no-space', 'file-no-permission'] as const)(
    'refuses a folder that takes nothing: %s',
    (fault) => {
      const fileSystem = new VolatileFileSystem([FOLDER]);
      fileSystem.troubles = { refuse: () => fault };
      const opened = open({ folder: FOLDER, fileSystem, processes: processTable() });
      expect(opened).toMatchObject({ code: 'disk-store-unwritable' });
      expect(opened).toHaveProperty('detail', expect.stringContaining(FOLDER));
    },
  );

  it('refuses a store that the disk does not give back', () => {
    const fileSystem = new VolatileFileSystem([FOLDER]);
    must(onFakeDisk(fileSystem).set(1, bytes(1)));
    fileSystem.troubles = { isUnreadable: () => true };
    const opened = open({ folder: FOLDER, fileSystem, processes: processTable() });
    expect(codeOf(opened)).toBe('disk-store-unreadable');
  });
});

describe('the lock of a store', () => {
  it('keeps out a second store of the same process until the first is closed', () => {
    const first = must(open());
    expect(codeOf(open())).toBe('disk-store-locked');
    first.close();
    must(open()).close();
  });

  it('keeps out other processes that run, and takes over from those that do not', () => {
    const fileSystem = new VolatileFileSystem([FOLDER]);
    let running = ['one', 'two'];
    const table = (self: string): ProcessTable => {
      return { self, isAlive: (process) => running.includes(process) };
    };
    const openAs = (self: string): string =>
      codeOf(open({ folder: FOLDER, fileSystem, processes: table(self) }));
    expect(openAs('one')).toBe('ok');
    expect(openAs('two')).toBe('disk-store-locked');
    expect(openAs('two')).toBe('disk-store-locked');
    running = ['two'];
    expect(openAs('two')).toBe('ok');
    running = ['one', 'two'];
    expect(openAs('one')).toBe('disk-store-locked');
  });

  it('does not clear a folder of more locks than there ever are', () => {
    const fileSystem = new VolatileFileSystem([FOLDER]);
    for (let count = 0; count <= 1_000; count += 1) {
      fileSystem.put(`${FOLDER}/lock-${count}`, bytes());
    }
    const opened = open({ folder: FOLDER, fileSystem, processes: processTable() });
    expect(codeOf(opened)).toBe('disk-store-locked');
    expect(fileSystem.list(FOLDER)).toHaveProperty('value.length', 1_001);
  });

  it('is given back by a process that was killed', () => {
    const gone = spawnSync(process.execPath, ['-e', 'console.log(process.pid)']);
    const pid = gone.stdout.toString().trim();
    writeFileSync(join(folder, `lock-${pid}-01234567-1`), '');
    writeFileSync(join(folder, `lock-${process.pid}-01234567-1`), '');
    writeFileSync(join(folder, 'lock-nonsense'), '');
    const store = must(open());
    expect(readdirSync(folder)).toHaveLength(1);
    store.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** The same bytes with the digest that belongs to them. */
function withDigest(contents: Uint8Array): Uint8Array {
  const end = contents.byteLength - 32;
  const digest = createHash('sha256').update(contents.subarray(0, end)).digest();
  const changed = contents.slice();
  changed.set(digest, end);
  return changed;
}
