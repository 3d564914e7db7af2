import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDiskStore, openFileFlashArea, openSlotFiles } from '@brickproof/agent/node';
import type { SlotFileOptions } from '@brickproof/agent/node';
import type { Verdict } from '@brickproof/bootloader-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { createMounts } from './mounts.js';

const KIB = 1024;
const SLOT_BYTES = 128 * KIB;

const mounts = createMounts();
const { isSkipped, titleSuffix } = mounts.availability;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
  mounts.release();
});

function must<T>(verdict: Verdict<T, string>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}

function slot(path: string, more: Partial<SlotFileOptions> = {}): SlotFileOptions {
  const sectorSizeBytes = 16 * KIB;
  return { path, name: 'slot', flashOffset: 0, sizeBytes: SLOT_BYTES, sectorSizeBytes, ...more };
}

/** Opens a slot, and sees to it that it is closed. */
function openSlot(options: SlotFileOptions): ReturnType<typeof openFileFlashArea> {
  const opened = openFileFlashArea(options);
  if (opened.ok)
    closers.push(() => {
      opened.value.close();
    });
  return opened;
}

function fill(path: string): void {
  try {
    for (let sizeKib = 64; sizeKib > 0; sizeKib -= 4) {
      writeFileSync(path, Buffer.alloc(4 * KIB), { flag: 'a' });
    }
  } catch {
    // Full: what was wanted.
  }
}

describe.skipIf(isSkipped)(`on a full disk${titleSuffix}`, () => {
  it('makes no slot that does not fit', () => {
    const folder = mounts.memory(64);
    const opened = openSlot(slot(join(folder, 'slot')));
    expect(opened).toMatchObject({ code: 'slot-file-unwritable' });
    expect(opened).toHaveProperty('detail', expect.stringMatching(/ENOSPC.*free some space/));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses what a slot with holes has no room for', () => {
    const path = join(mounts.memory(64), 'slot');
    const descriptor = openSync(path, 'w');
    ftruncateSync(descriptor, SLOT_BYTES);
    closeSync(descriptor);
    const area = must(openSlot(slot(path)));
    const erased = area.erase(0, SLOT_BYTES);
    expect(erased).toMatchObject({ code: 'flash-erase-failed' });
    expect(erased).toHaveProperty('detail', expect.stringMatching(/ENOSPC.*free some space/));
  });

  it('keeps the old value of a store, and takes new ones once there is room', () => {
    const folder = mounts.memory(64);
    const store = must(openDiskStore({ folder, areas: [] }));
    must(store.set(1, Uint8Array.of(1)));
    fill(join(folder, 'filling'));
    const refused = store.set(1, Uint8Array.of(2));
    expect(refused).toMatchObject({ code: 'flash-write-failed' });
    expect(refused).toHaveProperty('detail', expect.stringContaining('free some space'));
    expect(store.get(1)).toEqual(Uint8Array.of(1));
    store.close();
    unlinkSync(join(folder, 'filling'));
    const again = must(openDiskStore({ folder, areas: [] }));
    expect(again.get(1)).toEqual(Uint8Array.of(1));
    must(again.set(1, Uint8Array.of(2)));
    again.close();
  });
});

describe.skipIf(isSkipped)(`on a read-only disk${titleSuffix}`, () => {
  it('opens neither slot nor store', () => {
    const folder = mounts.memory(1024);
    const path = join(folder, 'slot');
    must(openFileFlashArea(slot(path))).close();
    mounts.remountReadOnly(folder);
    const advice = expect.stringContaining('mount its file system for writing') as unknown;
    expect(openSlot(slot(path))).toMatchObject({ code: 'slot-file-unwritable', detail: advice });
    const other = openSlot(slot(join(folder, 'other')));
    expect(other).toMatchObject({ code: 'slot-file-unwritable', detail: advice });
    const store = openDiskStore({ folder, areas: [] });
    expect(store).toMatchObject({ code: 'disk-store-unwritable', detail: advice });
  });
});

describe.skipIf(isSkipped)(`on a block device${titleSuffix}`, () => {
  it('keeps a slot at the start of a device that is larger', () => {
    const path = mounts.blockDevice(SLOT_BYTES + 16 * KIB);
    const area = must(openFileFlashArea(slot(path)));
    must(area.erase(0, SLOT_BYTES));
    must(area.write(32, new Uint8Array(4096).fill(3)));
    must(area.write(SLOT_BYTES - 16, new Uint8Array(16).fill(4)));
    area.close();
    const again = must(openSlot(slot(path)));
    expect(again.read(32, 4096)).toEqual(new Uint8Array(4096).fill(3));
    expect(again.read(SLOT_BYTES - 16, 16)).toEqual(new Uint8Array(16).fill(4));
  });

  it('refuses a device that is too small', () => {
    const path = mounts.blockDevice(SLOT_BYTES - 512);
    expect(openSlot(slot(path))).toMatchObject({ code: 'slot-device-too-small' });
  });

  it('refuses a device that is mounted, or that somebody else has for himself', () => {
    const path = mounts.blockDevice(1024 * KIB);
    const first = must(openFileFlashArea(slot(path)));
    expect(openSlot(slot(path))).toMatchObject({ code: 'slot-file-busy' });
    first.close();
    mounts.mountDevice(path);
    expect(openSlot(slot(path))).toMatchObject({ code: 'slot-file-busy' });
  });

  it('refuses one device for both slots', () => {
    const folder = mkdtempSync(join(tmpdir(), 'brickproof-link-'));
    closers.push(() => {
      rmSync(folder, { recursive: true });
    });
    const path = mounts.blockDevice(SLOT_BYTES);
    symlinkSync(path, join(folder, 'other'));
    const opened = openSlotFiles([slot(path), slot(join(folder, 'other'))]);
    expect(opened).toMatchObject({ code: 'slot-files-same' });
  });
});
