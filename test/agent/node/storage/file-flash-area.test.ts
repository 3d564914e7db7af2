import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SLOT_SIZE_BYTES_MAX, SlotReadFailure, openFileFlashArea } from '@brickproof/agent/node';
import type { FileFlashArea, SlotFileOptions } from '@brickproof/agent/node';
import { NorFlash, createFlashGeometry, createFlashMap } from '@brickproof/bootloader-sim';
import type { FlashArea } from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from './disk-device.js';
import { DiskPowerCut, VolatileFileSystem } from './volatile-file-system.js';
import type { DiskOperation } from './volatile-file-system.js';

const SECTOR_BYTES = 1024;
const SLOT_BYTES = 4 * SECTOR_BYTES;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-slot-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function options(more: Partial<SlotFileOptions> = {}): SlotFileOptions {
  return {
    path: join(folder, 'slot'),
    name: 'slot1',
    flashOffset: 0x1000,
    sizeBytes: SLOT_BYTES,
    sectorSizeBytes: SECTOR_BYTES,
    ...more,
  };
}

/** A slot on a disk that does what it is told to. */
function onFakeDisk(): { readonly disk: VolatileFileSystem; readonly area: FileFlashArea } {
  const disk = new VolatileFileSystem(['/data']);
  return { disk, area: must(openFileFlashArea(options({ path: '/data/slot', fileSystem: disk }))) };
}

function codeOf(verdict: { readonly ok: boolean; readonly code?: string }): string {
  return verdict.code ?? 'ok';
}

describe('openFileFlashArea', () => {
  it('makes a missing file of exactly the size, erased', () => {
    must(openFileFlashArea(options())).close();
    expect(readFileSync(join(folder, 'slot'))).toEqual(Buffer.alloc(SLOT_BYTES, 0xff));
  });

  it('makes a file of zeros where that is what an erased byte reads as', () => {
    must(openFileFlashArea(options({ erasedValue: 0x00 }))).close();
    expect(readFileSync(join(folder, 'slot'))).toEqual(Buffer.alloc(SLOT_BYTES));
  });

  it('finds what was written when it is opened again', () => {
    const first = must(openFileFlashArea(options()));
    must(first.write(8, new Uint8Array(16).fill(5)));
    first.close();
    const second = must(openFileFlashArea(options()));
    expect(second.read(0, 32)).toEqual(new Uint8Array(32).fill(0xff).fill(5, 8, 24));
    second.close();
  });

  it('puts a file that was cut short while it was made aside', () => {
    writeFileSync(join(folder, 'slot.new'), 'half');
    must(openFileFlashArea(options())).close();
    expect(readFileSync(join(folder, 'slot')).byteLength).toBe(SLOT_BYTES);
  });

  it.each([
    ['too short', SLOT_BYTES - 1],
    ['too long', SLOT_BYTES + 1],
    ['empty', 0],
  ])('refuses a file that is %s, and leaves it alone', (_, sizeBytes) => {
    writeFileSync(join(folder, 'slot'), Buffer.alloc(sizeBytes));
    const opened = openFileFlashArea(options());
    expect(codeOf(opened)).toBe('slot-file-wrong-size');
    expect(readFileSync(join(folder, 'slot')).byteLength).toBe(sizeBytes);
  });

  it.each<readonly [string, Partial<SlotFileOptions>]>([
    ['sectors that are no multiple of a disk block', { sectorSizeBytes: 1000 }],
    ['sectors of nothing', { sectorSizeBytes: 0 }],
    ['a size that is no multiple of the sector', { sizeBytes: SLOT_BYTES + 512 }],
    ['a size that is no number', { sizeBytes: Number.NaN }],
    ['one sector', { sizeBytes: SECTOR_BYTES }],
    ['no size', { sizeBytes: 0 }],
    ['a slot beyond all bounds', { sizeBytes: SLOT_SIZE_BYTES_MAX + SECTOR_BYTES }],
    ['too many sectors', { sizeBytes: 512 * 100_000, sectorSizeBytes: 512 }],
  ])('refuses %s', (_, more) => {
    expect(codeOf(openFileFlashArea(options(more)))).toBe('slot-geometry-invalid');
  });

  it('refuses a folder', () => {
    mkdirSync(join(folder, 'slot'));
    expect(codeOf(openFileFlashArea(options()))).toBe('slot-file-not-a-file');
  });

  it('refuses a character device', () => {
    expect(codeOf(openFileFlashArea(options({ path: '/dev/null' })))).toBe('slot-file-not-a-file');
  });

  it('makes no file where a device should be, nor where it may not', () => {
    const fileSystem = new VolatileFileSystem(['/dev']);
    const device = options({ path: '/dev/mmcblk0p9', fileSystem });
    expect(codeOf(openFileFlashArea(device))).toBe('slot-file-missing');
    expect(codeOf(openFileFlashArea(options({ mayCreate: false })))).toBe('slot-file-missing');
  });

  it('refuses a path into a folder that is not there, and says what to do', () => {
    const opened = openFileFlashArea(options({ path: join(folder, 'no', 'slot') }));
    expect(opened).toMatchObject({ code: 'slot-file-unwritable' });
    expect(opened).toHaveProperty('detail', expect.stringContaining('make the folder'));
  });

  it('refuses a link that leads nowhere instead of writing beside it', () => {
    symlinkSync(join(folder, 'gone', 'slot'), join(folder, 'slot'));
    expect(codeOf(openFileFlashArea(options()))).toBe('slot-file-missing');
    expect(readdirSync(folder)).toEqual(['slot']);
  });

  it.each([
    ['file-no-space', 'free some space'],
    ['file-read-only', 'mount its file system for writing'],
    ['file-no-permission', 'give the user'],
  ] as const)('says why a file cannot be made: %s', (fault, advice) => {
    const disk = new VolatileFileSystem(['/data']);
    disk.troubles = { refuse: ({ kind }) => (kind === 'write' ? fault : undefined) };
    const opened = openFileFlashArea(options({ path: '/data/slot', fileSystem: disk }));
    expect(opened).toMatchObject({ code: 'slot-file-unwritable' });
    expect(opened).toHaveProperty('detail', expect.stringContaining(advice));
    expect(disk.list('/data')).toMatchObject({ value: [] });
  });

  it('leaves no half of a file when the power goes while it is made', () => {
    const steps = new VolatileFileSystem(['/data']);
    must(openFileFlashArea(options({ path: '/data/slot', fileSystem: steps })));
    for (const { index: cutAt } of steps.operations) {
      for (let seed = 0; seed < 20; seed += 1) {
        const disk = new VolatileFileSystem(['/data']);
        disk.troubles = { cutAt };
        const path = '/data/slot';
        expect(() => openFileFlashArea(options({ path, fileSystem: disk }))).toThrow();
        const after = disk.afterPowerCut({ seed });
        const area = must(openFileFlashArea(options({ path, fileSystem: after })));
        expect(area.read(0, SLOT_BYTES).every((byte) => byte === 0xff)).toBe(true);
      }
    }
  });
});

describe('the name of a slot', () => {
  it('is as durable as what is written under it, also after a process was killed', () => {
    const steps = onFakeDisk().disk;
    for (let killedAt = 0; killedAt <= steps.operations.length; killedAt += 1) {
      const disk = new VolatileFileSystem(['/data']);
      const open = (): FileFlashArea =>
        must(openFileFlashArea(options({ path: '/data/slot', fileSystem: disk })));
      disk.troubles = { cutAt: killedAt };
      try {
        open();
      } catch (error) {
        expect(error).toBeInstanceOf(DiskPowerCut);
      }
      disk.troubles = {};
      must(open().write(0, new Uint8Array(32)));
      const kept = disk.afterPowerCut('all').contents('/data/slot');
      expect(kept?.subarray(0, 32)).toEqual(new Uint8Array(32));
    }
  });
});

/** The same slot in a simulated flash. */
function simulated(writeAlignBytes: 1 | 8 | 32, erasedValue: 0xff | 0x00): FlashArea {
  const sectorRuns = [{ count: SLOT_BYTES / SECTOR_BYTES, sizeBytes: SECTOR_BYTES }];
  const geometry = must(createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue }));
  const area = { name: 'slot1', offset: 0, sizeBytes: SLOT_BYTES };
  return must(createFlashMap(new NorFlash(geometry), [area])).area('slot1');
}

const OPERATIONS = fc.array(
  fc.record({
    kind: fc.constantFrom('write', 'write', 'write', 'erase'),
    unit: fc.nat({ max: SLOT_BYTES / 8 + 4 }),
    shift: fc.constantFrom(0, 0, 0, 0, 3),
    // The flash remembers that a word was written even when it still reads as erased; a file cannot.
    value: fc.integer({ min: 1, max: 0xfe }),
    lengthBytes: fc.constantFrom(0, 8, 32, 64, 100, SECTOR_BYTES, 2 * SECTOR_BYTES),
  }),
  { maxLength: 25 },
);

describe('FileFlashArea', () => {
  it('answers as the simulated flash does, whatever is written and erased', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1 as const, 8 as const, 32 as const),
        fc.constantFrom(0xff as const, 0x00 as const),
        OPERATIONS,
        (writeAlignBytes, erasedValue, operations) => {
          const disk = new VolatileFileSystem(['/data']);
          const path = '/data/slot';
          const chosen = options({ path, writeAlignBytes, erasedValue, fileSystem: disk });
          const onDisk = must(openFileFlashArea(chosen));
          const flash = simulated(writeAlignBytes, erasedValue);
          for (const { kind, unit, shift, value, lengthBytes } of operations) {
            const isErase = kind === 'erase';
            const offset = isErase ? (unit % 6) * SECTOR_BYTES + shift : unit * 8 + shift;
            const apply = (area: FlashArea): string =>
              codeOf(
                isErase
                  ? area.erase(offset, lengthBytes)
                  : area.write(offset, new Uint8Array(lengthBytes).fill(value)),
              );
            expect(apply(onDisk)).toBe(apply(flash));
          }
          expect(onDisk.read(0, SLOT_BYTES)).toEqual(flash.read(0, SLOT_BYTES).slice());
        },
      ),
      { numRuns: 100 },
    );
  });

  it('hands out copies that stay what they were', () => {
    const area = must(openFileFlashArea(options()));
    const before = area.read(64, 8);
    must(area.write(64, new Uint8Array(8)));
    expect(before).toEqual(new Uint8Array(8).fill(0xff));
    expect(before.slice().buffer).not.toBe(before.buffer);
    area.close();
  });

  it('gives the bytes in pieces, also to two readers at a time', () => {
    const sizeBytes = 1024 * 1024;
    const sectorSizeBytes = 128 * 1024;
    const area = must(openFileFlashArea(options({ sizeBytes, sectorSizeBytes })));
    const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => (at * 7 + (at >> 12)) & 0xff);
    must(area.write(0, bytes));
    const [from, length] = [100, sizeBytes - 150];
    const outer: Uint8Array[] = [];
    for (const piece of area.chunks(from, length)) {
      for (const inner of area.chunks(0, 300_000)) expect(inner.byteLength).toBeGreaterThan(0);
      outer.push(piece.slice());
    }
    expect(Buffer.concat(outer).equals(bytes.subarray(from, from + length))).toBe(true);
    expect(Math.max(...outer.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(131_072);
    area.close();
  });

  it('throws for a read outside, which is our own mistake', () => {
    const area = must(openFileFlashArea(options()));
    expect(() => area.read(SLOT_BYTES - 4, 8)).toThrow(RangeError);
    expect(() => area.chunks(-1, 8)).toThrow(RangeError);
    area.close();
  });

  it('syncs only what waits', () => {
    const { disk, area } = onFakeDisk();
    const syncs = (): number => disk.operations.filter(({ kind }) => kind === 'sync-data').length;
    must(area.sync());
    const before = syncs();
    must(area.sync());
    must(area.erase(SECTOR_BYTES, SECTOR_BYTES));
    must(area.write(SECTOR_BYTES, new Uint8Array(64)));
    expect(syncs()).toBe(before);
    must(area.sync());
    must(area.sync());
    expect(syncs()).toBe(before + 1);
  });

  it('comes to the same when the system takes a few bytes at a time', () => {
    const { disk, area } = onFakeDisk();
    disk.troubles = { writeBytesMax: 7 };
    must(area.write(40, new Uint8Array(64)));
    must(area.erase(SECTOR_BYTES, SECTOR_BYTES));
    expect(area.read(40, 64)).toEqual(new Uint8Array(64));
  });

  it('refuses a write that the system takes nothing of', () => {
    const { disk, area } = onFakeDisk();
    disk.troubles = { writeBytesMax: 0 };
    expect(codeOf(area.write(40, new Uint8Array(8)))).toBe('flash-write-failed');
  });

  it.each([
    ['file-no-space', 'free some space'],
    ['file-read-only', 'mount its file system for writing'],
    ['file-failed', 'check the disk'],
  ] as const)('says what to do when a change is refused: %s', (fault, advice) => {
    const { disk, area } = onFakeDisk();
    disk.troubles = { refuse: ({ kind }) => (kind === 'write' ? fault : undefined) };
    const written = area.write(64, new Uint8Array(8));
    expect(written).toMatchObject({ code: 'flash-write-failed' });
    const detail = new RegExp(`/data/slot.*${advice}`);
    expect(written).toHaveProperty('detail', expect.stringMatching(detail));
    const erased = area.erase(SECTOR_BYTES, SECTOR_BYTES);
    expect(erased).toMatchObject({ code: 'flash-erase-failed' });
    expect(erased).toHaveProperty('detail', expect.stringMatching(detail));
    disk.troubles = {};
    expect(codeOf(area.write(64, new Uint8Array(8)))).toBe('ok');
  });

  it('takes nothing more after a sync that failed, until it is opened anew', () => {
    const { disk, area } = onFakeDisk();
    must(area.write(64, new Uint8Array(8)));
    const isSync = ({ kind }: DiskOperation): boolean => kind === 'sync-data';
    disk.troubles = { refuse: (operation) => (isSync(operation) ? 'file-failed' : undefined) };
    expect(codeOf(area.write(0, new Uint8Array(32)))).toBe('flash-write-failed');
    disk.troubles = {};
    expect(codeOf(area.sync())).toBe('flash-write-failed');
    expect(codeOf(area.write(80, new Uint8Array(8)))).toBe('flash-write-failed');
    expect(codeOf(area.erase(0, SLOT_BYTES))).toBe('flash-erase-failed');
    const anew = must(openFileFlashArea(options({ path: '/data/slot', fileSystem: disk })));
    expect(codeOf(anew.write(80, new Uint8Array(8)))).toBe('ok');
  });

  it('throws a SlotReadFailure when the disk fails a read, and refuses a write it cannot check', () => {
    const { disk, area } = onFakeDisk();
    disk.troubles = { isUnreadable: (_, position) => position === 128 };
    expect(() => area.read(128, 8)).toThrow(SlotReadFailure);
    expect(() => [...area.chunks(128, 8)]).toThrow(/\/data\/slot at 128 .*check the disk/);
    expect(codeOf(area.write(128, new Uint8Array(8)))).toBe('flash-write-failed');
    disk.troubles = {};
    expect(codeOf(area.write(128, new Uint8Array(8)))).toBe('ok');
  });

  it('throws a SlotReadFailure when the file was cut short under it', () => {
    const area = must(openFileFlashArea(options()));
    writeFileSync(join(folder, 'slot'), 'short');
    expect(() => area.read(0, 32)).toThrow(SlotReadFailure);
    area.close();
  });
});
