import { describe, expect, it } from 'vitest';
import {
  boardDump,
  damaged,
  firstDifference,
  idleImage,
  readMicrobitFirmware,
  SECTOR_SIZE_BYTES,
  SLOT_ADDRESSES,
  SLOT_SIZE_BYTES,
  type BoardContents,
  type MicrobitFirmware,
} from './microbit.js';
import { bootSimulated, cutsOf, momentOf, type OperationCut } from './microbit-bootloader.js';
import { findPeer } from './peers.js';
import { QemuBoard } from './qemu-board.js';

const qemu = findPeer('qemu-system-arm');
const files = findPeer('microbit-firmware');
const isSkipped = qemu.isSkipped || files.isSkipped;
const suffix = `${qemu.titleSuffix}${files.titleSuffix}`;

const OLD_SECTORS = 3;
const OLD = idleImage('1.0.0', OLD_SECTORS);
const SMALLER = idleImage('1.1.0', OLD_SECTORS - 2);
const LARGER = idleImage('1.2.0', OLD_SECTORS + 1);
const DOWNGRADE = idleImage('0.9.0', OLD_SECTORS);
const TOO_LARGE = idleImage('1.3.0', SLOT_SIZE_BYTES / SECTOR_SIZE_BYTES - 1);

let firmware: MicrobitFirmware | undefined;

function start(contents: BoardContents): Uint8Array {
  firmware ??= readMicrobitFirmware(files.command());
  return boardDump(firmware, contents);
}

function board(): QemuBoard {
  return new QemuBoard(qemu.command());
}

/** A board, and the versions that it boots one after the other. */
interface Story extends BoardContents {
  readonly name: string;
  readonly boots: readonly (string | undefined)[];
}

const NOTHING: Story['boots'] = [undefined, undefined];

const STORIES: readonly Story[] = [
  { name: 'no image at all', boots: NOTHING },
  { name: 'an upload without a mark', runs: OLD, uploaded: LARGER, boots: ['1.0.0', '1.0.0'] },
  { name: 'a mark without an upload', runs: OLD, mark: 'test', boots: ['1.0.0', '1.0.0'] },
  {
    name: 'a trial of a smaller image',
    ...{ runs: OLD, uploaded: SMALLER, mark: 'test' },
    boots: ['1.1.0', '1.0.0', '1.0.0'],
  },
  {
    name: 'a trial of a larger image',
    ...{ runs: OLD, uploaded: LARGER, mark: 'test' },
    boots: ['1.2.0', '1.0.0', '1.0.0'],
  },
  {
    name: 'a permanent upgrade',
    ...{ runs: OLD, uploaded: LARGER, mark: 'permanent' },
    boots: ['1.2.0', '1.2.0'],
  },
  {
    name: 'a downgrade',
    ...{ runs: OLD, uploaded: DOWNGRADE, mark: 'permanent' },
    boots: ['0.9.0', '0.9.0'],
  },
  {
    name: 'an upload with a wrong hash',
    ...{ runs: OLD, uploaded: damaged(LARGER), mark: 'permanent' },
    boots: ['1.0.0', '1.0.0'],
  },
  {
    name: 'an upload that leaves no room to swap',
    ...{ runs: OLD, uploaded: TOO_LARGE, mark: 'test' },
    boots: ['1.0.0', '1.0.0'],
  },
  {
    name: 'an upload without its offset',
    ...{ runs: OLD, uploaded: LARGER, uploadOffset: 0, mark: 'test' },
    boots: ['1.0.0', '1.0.0'],
  },
  {
    name: 'an upgrade of an image with a wrong hash',
    ...{ runs: damaged(OLD), uploaded: LARGER, mark: 'test' },
    boots: ['1.2.0', '1.2.0'],
  },
  { name: 'an upgrade of nothing', uploaded: LARGER, mark: 'test', boots: NOTHING },
];

/** A trial that ends in a sector of the old image alone. */
const TRIAL: BoardContents = { runs: OLD, uploaded: SMALLER, mark: 'test' };
const LAST_SECTOR = SLOT_ADDRESSES[1] + (OLD_SECTORS - 1) * SECTOR_SIZE_BYTES;

/**
 * Going on in the last sector of an upgrade, MCUboot looks for the header of the old image in the
 * primary slot, where the new one is already (swap_offset.c, boot_read_image_header: an index from
 * 1 is compared with one from 0). Where the new image is smaller by two sectors or more, it takes
 * the sector for unused, and does not copy it.
 */
function isMcubootFault({ operation }: OperationCut): boolean {
  return operation.offset === LAST_SECTOR;
}

/** With fewer, a swap was not gone through. */
const CUTS_MIN = 25;

describe.skipIf(isSkipped)(`MCUboot and our bootloader${suffix}`, () => {
  it.each(STORIES)('boot the same and leave the same flash: $name', async ({ boots, ...story }) => {
    let dump = start(story);
    for (const version of boots) {
      const theirs = await board().boot(dump);
      const ours = bootSimulated(dump);
      expect([theirs.version, ours.version]).toEqual([version, version]);
      expect(ours.ending).toBe(theirs.ending);
      expect(firstDifference(ours.dump, theirs.dump)).toBeUndefined();
      dump = theirs.dump;
    }
  });

  it.each([
    ['an upgrade', () => start(TRIAL), (cut: OperationCut) => !isMcubootFault(cut)],
    ['a revert', () => bootSimulated(start(TRIAL)).dump, () => true],
  ])('go on alike when the power goes, anywhere in %s', async (_, makeDump, isAlike) => {
    const dump = makeDump();
    const whole = bootSimulated(dump);
    const cuts = cutsOf(whole.operations).filter(isAlike);
    expect(cuts.length).toBeGreaterThan(CUTS_MIN);
    for (const cut of cuts) {
      const theirs = await board().boot(dump, { cut: momentOf(cut, whole.operations) });
      const ours = bootSimulated(dump, cut);
      // At the cut what either left is the same, so that it does not matter whose goes on.
      expect({
        cut,
        endings: [ours.ending, theirs.ending],
        atTheCut: firstDifference(ours.dump, theirs.dump),
        theirEnd: firstDifference((await board().boot(ours.dump)).dump, whole.dump),
        ourEnd: firstDifference(bootSimulated(theirs.dump).dump, whole.dump),
      }).toEqual({ cut, endings: ['cut', 'cut'] });
    }
  });

  it('keep and lose the old image, when the power goes in its last sector', async () => {
    const dump = start(TRIAL);
    const whole = bootSimulated(dump);
    const cuts = cutsOf(whole.operations).filter(isMcubootFault);
    expect(cuts).toHaveLength(3);
    for (const cut of cuts) {
      const begun = await board().boot(dump, { cut: momentOf(cut, whole.operations) });
      expect(firstDifference(begun.dump, bootSimulated(dump, cut).dump)).toBeUndefined();
      const ours = bootSimulated(begun.dump);
      expect(firstDifference(ours.dump, whole.dump)).toBeUndefined();
      expect([ours.version, bootSimulated(ours.dump).version]).toEqual(['1.1.0', '1.0.0']);
      const theirs = await board().boot(begun.dump);
      const next = await board().boot(theirs.dump);
      expect([theirs.version, next.version]).toEqual(['1.1.0', '1.1.0']);
    }
  });
});
