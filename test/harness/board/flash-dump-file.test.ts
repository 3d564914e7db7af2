import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NorFlash, equalSnapshots } from '@brickproof/bootloader-sim';
import { countersPath, readFlashDump, saveFlashDump } from '@brickproof/harness';
import { boardText, readBoard } from './board-text.js';

const BOARD = readBoard(boardText({ flash: '{ sectors: [16 x 4KiB], write-alignment: 8 }' }));
const { geometry } = BOARD.model;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function path(name: string): string {
  return join(folder, name);
}

function usedFlash(): NorFlash {
  const flash = new NorFlash(geometry);
  flash.write(
    0x1000,
    Uint8Array.from({ length: 64 }, (_, index) => index),
  );
  return flash;
}

describe('a dump in a file', () => {
  it('starts the flash that it was saved from, with its counters', () => {
    const flash = usedFlash();
    expect(saveFlashDump(path('a.bin'), { flash, counters: [2, 0] })).toMatchObject({ ok: true });
    expect(readFileSync(path('a.bin')).byteLength).toBe(0x10000);
    const dump = readFlashDump(path('a.bin'), BOARD);
    if (!dump.ok) throw new Error(dump.detail);
    expect(equalSnapshots(dump.value.snapshot, flash.snapshot())).toBe(true);
    expect(dump.value).toMatchObject({ counters: [2, 0], notes: [] });
  });

  it('leaves nothing else behind, and replaces what was there', () => {
    writeFileSync(path('a.bin'), 'old');
    saveFlashDump(path('a.bin'), { flash: usedFlash(), counters: 'none' });
    expect(readdirSync(folder).toSorted()).toEqual(['a.bin', 'a.bin.counters.json']);
    expect(readFileSync(countersPath(path('a.bin')), 'utf8')).toBe('{"counters":"none"}\n');
  });

  it('goes to where a link leads', () => {
    writeFileSync(path('real.bin'), '');
    symlinkSync('real.bin', path('link.bin'));
    saveFlashDump(path('link.bin'), { flash: usedFlash(), counters: [0] });
    expect(readlinkSync(path('link.bin'))).toBe('real.bin');
    expect(readFileSync(path('real.bin')).byteLength).toBe(0x10000);
  });

  it.each([
    ['missing/a.bin', 'there is no such file or folder'],
    ['.', 'it is not a file'],
  ])('is refused where it cannot be written: %s', (name, detail) => {
    const saved = saveFlashDump(path(name), { flash: usedFlash(), counters: [0] });
    expect(saved).toMatchObject({ ok: false, code: 'file-unwritable' });
    expect(saved.ok ? '' : saved.detail).toContain(detail);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves the old one as it was when it cannot be written', () => {
    writeFileSync(path('a.bin'), 'old');
    // A folder is in the place of the file that is written first.
    mkdirSync(path(`a.bin.${process.pid}.tmp`));
    const saved = saveFlashDump(path('a.bin'), { flash: usedFlash(), counters: [0] });
    expect(saved).toMatchObject({ ok: false, code: 'file-unwritable' });
    expect(readFileSync(path('a.bin'), 'utf8')).toBe('old');
  });

  it('has no counters when a debugger made it', () => {
    writeFileSync(path('a.bin'), Buffer.alloc(0x10000, 0xff));
    expect(readFlashDump(path('a.bin'), BOARD)).toMatchObject({
      ok: true,
      value: { counters: undefined },
    });
  });

  it('may be Intel HEX, whatever it is called', () => {
    writeFileSync(path('a.bin'), ':020000040001F9\n:0100000005FA\n:00000001FF\n');
    const refused = readFlashDump(path('a.bin'), BOARD);
    expect(refused).toMatchObject({ ok: false, code: 'hex-malformed' });
    const board = { ...BOARD, baseAddress: 0x10000 };
    const dump = readFlashDump(path('a.bin'), board);
    if (!dump.ok) throw new Error(dump.detail);
    expect([...new NorFlash(dump.value.snapshot).read(0, 2)]).toEqual([5, 0xff]);
  });

  it('says what of Intel HEX it leaves out', () => {
    writeFileSync(path('a.hex'), ':0100000005FA\n:020000041000EA\n:0100000005FA\n:00000001FF\n');
    const dump = readFlashDump(path('a.hex'), BOARD);
    expect(dump.ok && dump.value.notes.join()).toMatch(
      /a\.hex: 1 bytes from 0x10000000 on lie outside of the flash and are left out$/,
    );
  });

  it.each([0, 0xffff, 0x10001])('is refused when it has %i bytes of 65536', (sizeBytes) => {
    writeFileSync(path('a.bin'), Buffer.alloc(sizeBytes));
    const dump = readFlashDump(path('a.bin'), BOARD);
    expect(dump).toMatchObject({ ok: false, code: 'flash-dump-size' });
    expect(dump.ok ? '' : dump.detail).toContain(
      `a.bin has ${sizeBytes} bytes, the flash of a-board has 65536; name the right board`,
    );
  });

  it.each(['', '{', '[]', '{"counters":[]}', '{"counters":[-1]}', '{"counters":["1"]}', 'null'])(
    'is refused when the counters beside it are %j',
    (text) => {
      writeFileSync(path('a.bin'), Buffer.alloc(0x10000, 0xff));
      writeFileSync(countersPath(path('a.bin')), text);
      expect(readFlashDump(path('a.bin'), BOARD)).toMatchObject({
        ok: false,
        code: 'dump-counters-malformed',
      });
    },
  );
});
