import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSlotFiles } from '@brickproof/agent/node';
import type { SlotFileOptions } from '@brickproof/agent/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from './disk-device.js';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-slots-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function slot(name: string, more: Partial<SlotFileOptions> = {}): SlotFileOptions {
  const path = join(folder, name);
  return { path, name, flashOffset: 0, sizeBytes: 4096, sectorSizeBytes: 1024, ...more };
}

function codeOf(...slots: Parameters<typeof openSlotFiles>[0]): string {
  const opened = openSlotFiles(slots);
  if (!opened.ok) return opened.code;
  for (const area of opened.value) area.close();
  return 'ok';
}

describe('openSlotFiles', () => {
  it('opens two files', () => {
    const slots = must(openSlotFiles([slot('a'), slot('b')]));
    expect(slots.map(({ name }) => name)).toEqual(['a', 'b']);
    for (const area of slots) area.close();
  });

  it('refuses one path for both', () => {
    expect(codeOf(slot('a'), slot('a'))).toBe('slot-files-same');
    expect(codeOf(slot('a'), slot('./../' + folder.slice(folder.lastIndexOf('/')) + '/a'))).toBe(
      'slot-files-same',
    );
  });

  it('refuses two names for one file', () => {
    writeFileSync(join(folder, 'a'), new Uint8Array(4096).fill(0xff));
    symlinkSync(join(folder, 'a'), join(folder, 'symbolic'));
    linkSync(join(folder, 'a'), join(folder, 'hard'));
    expect(codeOf(slot('a'), slot('symbolic'))).toBe('slot-files-same');
    expect(codeOf(slot('a'), slot('hard'))).toBe('slot-files-same');
  });

  it.each<readonly [string, Partial<SlotFileOptions>]>([
    ['sizes', { sizeBytes: 8192 }],
    ['sectors', { sectorSizeBytes: 2048 }],
    ['alignments', { writeAlignBytes: 16 }],
    ['erased values', { erasedValue: 0x00 }],
  ])('refuses slots of different %s', (_, more) => {
    expect(codeOf(slot('a'), slot('b', more))).toBe('slot-files-differ');
  });

  it('refuses what either slot is refused for', () => {
    expect(codeOf(slot('a', { sizeBytes: 1 }), slot('b'))).toBe('slot-geometry-invalid');
    expect(codeOf(slot('a'), slot('b', { sizeBytes: 1 }))).toBe('slot-geometry-invalid');
  });
});
