import { describe, expect, it } from 'vitest';
import { OtpCounters, withLogicalSectors } from '@brickproof/bootloader-sim';
import { UNKNOWN_KEY, withBadSignature } from '../signed-image.js';
import { hashOf } from '../test-board.js';
import { UNSET, writeMagic } from '../trailer-bytes.js';
import { CASE_SHAPES, SWAPPING_BOARDS, UPGRADING_BOARDS, boardsFor } from './boards.js';
import {
  PROGRAMMED_CONFIRMED,
  StagedBoard,
  running,
  type ImageChanges,
  type Staging,
} from './staged-board.js';

const oneWordTooLarge: ImageChanges = (imageIndex, board) => ({
  sizeBytes: board.maxImageSizeBytes(imageIndex) + board.slot(0).writeAlignBytes,
});

describe.each(UPGRADING_BOARDS)('$name', (spec) => {
  it.each<[string, Staging]>([
    ['whose signature is wrong', { spoil: withBadSignature }],
    ['signed by a key that is not known', { new: { signingKey: UNKNOWN_KEY } }],
    ['linked for another address', { new: { address: { kind: 'rom-fixed', value: 0xfff0_0000 } } }],
  ])('erases a marked image %s, and leaves the primary slot as it was', (_, staging) => {
    const board = new StagedBoard(spec, staging).programConfirmed().request({ permanent: false });
    const primaries = primaryHashes(board);
    expect(board.bootsTo()).toBe(running(board, 'old'));
    board.expectSlots({
      ...{ primary: 'old', primaryTrailer: PROGRAMMED_CONFIRMED },
      ...{ secondary: 'erased', secondaryTrailer: UNSET },
    });
    expect(primaryHashes(board)).toEqual(primaries);
    expect(board.bootsTo()).toBe(running(board, 'old'));
  });

  it('takes an image that was linked for the primary slot', () => {
    const linked: ImageChanges = (imageIndex, board) => ({
      address: { kind: 'rom-fixed', value: board.slot(0, imageIndex).flashOffset },
    });
    const board = new StagedBoard(spec, { old: linked, new: linked });
    expect(board.request({ permanent: true }).bootsTo()).toBe(running(board, 'new'));
  });

  it('never copies a marked image that is one word too large', () => {
    const board = new StagedBoard(spec, { new: oneWordTooLarge });
    board.programConfirmed().request({ permanent: false });
    expect(board.bootsTo()).toBe(running(board, 'old'));
    board.expectSlots({ primary: 'old', primaryTrailer: PROGRAMMED_CONFIRMED });
    board.expectSlots({ secondary: 'erased', secondaryTrailer: UNSET });
  });

  it('never fills an empty primary slot from an image that is one word too large', () => {
    const settings = { bootstrap: true };
    const board = new StagedBoard(spec, { settings, old: 'none', new: oneWordTooLarge });
    expect(board.bootsTo()).toBe('boot-no-image');
    board.expectSlots({ primary: 'erased', primaryTrailer: UNSET });
    board.expectSlots({ secondary: 'erased', secondaryTrailer: UNSET });
  });

  it('boots on when an empty secondary slot has a trailer, and erases that', () => {
    const board = new StagedBoard(spec, { new: 'none' }).request({ permanent: true });
    expect(board.bootsTo()).toBe(running(board, 'old'));
    board.expectSlots({ primary: 'old', primaryTrailer: UNSET });
    if (spec.strategy === 'overwrite-only') return;
    board.expectSlots({ secondary: 'erased', secondaryTrailer: UNSET });
  });

  it.each([false, true])('erases a lower version that is marked (permanent: %s)', (permanent) => {
    const settings = { downgradePrevention: 'version' } as const;
    const versions = { old: { version: '44.0.0' }, new: { version: '43.9.9' } };
    const board = new StagedBoard(spec, { settings, ...versions }).request({ permanent });
    expect(board.bootsTo()).toMatch(/^primary 44\.0\.0/);
    board.expectSlots({ primary: 'old', primaryTrailer: UNSET });
    board.expectSlots({ secondary: 'erased', secondaryTrailer: UNSET });
    expect(board.bootsTo()).toMatch(/^primary 44\.0\.0/);
  });

  it('takes the same version where only lower ones are refused', () => {
    const settings = { downgradePrevention: 'version' } as const;
    const versions = { old: { version: '44.0.0' }, new: { version: '44.0.0' } };
    const board = new StagedBoard(spec, { settings, ...versions }).request({ permanent: true });
    expect(board.bootsTo()).toMatch(/^primary 44\.0\.0/);
    board.expectSlots({ primary: 'new' });
  });

  it('takes the lower version where nothing is to prevent that', () => {
    const versions = { old: { version: '44.0.0' }, new: { version: '43.9.9' } };
    const board = new StagedBoard(spec, versions).request({ permanent: true });
    expect(board.bootsTo()).toMatch(/^primary 43\.9\.9/);
  });
});

describe.each(SWAPPING_BOARDS)('$name', (spec) => {
  it.each([false, true])(
    'erases a lower security counter that is marked (permanent: %s)',
    (permanent) => {
      const settings = { downgradePrevention: 'security-counter' } as const;
      const counters = { old: { securityCounter: 5 }, new: { securityCounter: 4 } };
      const board = new StagedBoard(spec, { settings, ...counters }).request({ permanent });
      expect(board.bootsTo()).toBe(running(board, 'old'));
      board.expectSlots({ primary: 'old', primaryTrailer: UNSET });
      board.expectSlots({ secondary: 'erased', secondaryTrailer: UNSET });
    },
  );

  it('erases an image without a security counter where the running one has one', () => {
    const settings = { downgradePrevention: 'security-counter' } as const;
    const board = new StagedBoard(spec, { settings, new: { securityCounter: 'none' } });
    expect(board.request({ permanent: true }).bootsTo()).toBe(running(board, 'old'));
    board.expectSlots({ primary: 'old', secondary: 'erased' });
  });

  it('takes a lower version with the same security counter', () => {
    const settings = { downgradePrevention: 'security-counter' } as const;
    const versions = { old: { version: '44.0.0' }, new: { version: '43.9.9' } };
    const board = new StagedBoard(spec, { settings, ...versions }).request({ permanent: true });
    expect(board.bootsTo()).toMatch(/^primary 43\.9\.9/);
  });
});

describe.each([...UPGRADING_BOARDS, ...boardsFor('direct-xip')])('$name', (spec) => {
  it.each<[string, Staging]>([
    [
      'without a security counter',
      { old: { securityCounter: 'none' }, new: { securityCounter: 'none' } },
    ],
    ['below the counter', { old: { securityCounter: 0 }, new: { securityCounter: 1 } }],
  ])('boots no image %s, and leaves the counter', (_, staging) => {
    const counters = new OtpCounters([30, 30]);
    const board = new StagedBoard(spec, { ...staging, settings: { counters } });
    for (const [primary, secondary] of board.images) {
      writeMagic(primary);
      writeMagic(secondary);
    }
    expect(board.bootsTo()).toBe('boot-no-image');
    expect(counters.snapshot()).toEqual([30, 30]);
  });
});

describe('logical sectors that do not fit the flash', () => {
  const shape = CASE_SHAPES.find(({ device }) => device === 'stm32f4');
  if (shape === undefined) throw new Error('no such device');

  it.each([
    ['start inside of an erase unit', 1024, 'starts inside of an erase unit'],
    ['do not divide the slot', 16_384, 'no multiple of the logical sector'],
    ['are no power of two', 3000, 'no power of two'],
  ])('are refused before a bootloader runs on them when they %s', (_, sizeBytes, detail) => {
    const [spec] = boardsFor('overwrite-only').filter((board) => board.shape === shape);
    if (spec === undefined) throw new Error('no such board');
    const board = new StagedBoard(spec).request({ permanent: true });
    const before = board.flashHash();
    const refused = withLogicalSectors(board.slot(0), sizeBytes);
    expect(refused).toMatchObject({ ok: false, code: 'flash-map-invalid' });
    expect(refused.ok ? '' : refused.detail).toContain(detail);
    expect(board.flashHash()).toBe(before);
  });
});

function primaryHashes(board: StagedBoard): readonly string[] {
  return board.images.map(([primary]) => hashOf(primary.read(0, primary.sizeBytes)));
}
