import { confirmRunning } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import {
  boardDump,
  changeDump,
  damaged,
  ERASE_REGISTER,
  firstDifference,
  idleImage,
  readMicrobitFirmware,
  SECTOR_SIZE_BYTES,
  SLOT_ADDRESSES,
  type BoardContents,
  type MicrobitFirmware,
} from './microbit.js';
import { findPeer } from './peers.js';
import { QemuBoard } from './qemu-board.js';

const qemu = findPeer('qemu-system-arm');
const files = findPeer('microbit-firmware');
const isSkipped = qemu.isSkipped || files.isSkipped;
const suffix = `${qemu.titleSuffix}${files.titleSuffix}`;

const OLD_SECTORS = 3;
const OLD = idleImage('1.0.0', OLD_SECTORS);
const NEW = idleImage('1.1.0', 2);
const TRIAL: BoardContents = { runs: OLD, uploaded: NEW, mark: 'test' };
/** What the server says when it runs. */
const GREETING = '*** Booting Zephyr OS build';

let firmware: MicrobitFirmware | undefined;

function makers(): MicrobitFirmware {
  firmware ??= readMicrobitFirmware(files.command());
  return firmware;
}

function board(): QemuBoard {
  return new QemuBoard(qemu.command());
}

function start(contents: BoardContents): Uint8Array {
  return boardDump(makers(), contents);
}

describe.skipIf(isSkipped)(`MCUboot on a micro:bit in QEMU${suffix}`, () => {
  it('runs the server that it came with', async () => {
    const booted = await board().boot(makers().dump, { imageSays: GREETING });
    expect(booted).toMatchObject({ ending: 'jumped', version: '0.0.0' });
    expect(booted.console).toContain('*** Booting MCUboot ee39e2d694bd ***');
    expect(booted.console).toContain('Bootloader chainload address offset: 0x8000');
    expect(firstDifference(booted.dump, makers().dump)).toBeUndefined();
  });

  it('swaps the server away, and back when nobody confirms', async () => {
    const trial = await board().boot(start({ ...TRIAL, runs: makers().server }));
    expect(trial.console).toContain('Starting swap using offset algorithm.');
    expect(trial.version).toBe('1.1.0');
    const back = await board().boot(trial.dump, { imageSays: GREETING });
    expect(back.version).toBe('0.0.0');
    const after = await board().boot(back.dump);
    expect(after.version).toBe('0.0.0');
    expect(firstDifference(after.dump, back.dump)).toBeUndefined();
  });

  it('stays with an image that was confirmed', async () => {
    const trial = await board().boot(start(TRIAL));
    const confirmed = changeDump(trial.dump, ([running]) => {
      expect(confirmRunning(running).ok).toBe(true);
    });
    expect(await board().boot(confirmed)).toMatchObject({ ending: 'jumped', version: '1.1.0' });
  });

  it('runs no image whose hash is wrong', async () => {
    const booted = await board().boot(start({ runs: damaged(OLD) }));
    expect(booted).toMatchObject({ ending: 'nothing-to-boot', version: undefined });
  });

  it.each([
    ['before the first erase', { ...ERASE_REGISTER, write: 0 }],
    [
      'in the middle of a sector',
      { address: SLOT_ADDRESSES[0], lengthBytes: SECTOR_SIZE_BYTES, write: 99 },
    ],
    ['before the last erase', { ...ERASE_REGISTER, write: 2 * OLD_SECTORS }],
  ])('finishes an upgrade when the power goes %s', async (_, cut) => {
    const whole = await board().boot(start(TRIAL));
    const begun = await board().boot(start(TRIAL), { cut });
    expect(begun.ending).toBe('cut');
    expect(firstDifference(begun.dump, whole.dump)).toBeDefined();
    const finished = await board().boot(begun.dump);
    expect(finished).toMatchObject({ ending: 'jumped', version: '1.1.0' });
    expect(firstDifference(finished.dump, whole.dump)).toBeUndefined();
  });

  it('is no board without a bootloader, and leaves nothing behind', async () => {
    const erased = new Uint8Array(makers().dump.byteLength).fill(0xff);
    await expect(board().boot(erased)).rejects.toThrow('the debug connection was closed');
  });
});
