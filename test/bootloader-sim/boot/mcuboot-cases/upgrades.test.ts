import { describe, expect, it } from 'vitest';
import { FIRST_KEY, SECOND_KEY } from '../signed-image.js';
import { UNSET, writeMagic, type TrailerBytes } from '../trailer-bytes.js';
import { SWAPPING_BOARDS, UPGRADING_BOARDS, boardsFor } from './boards.js';
import { CONFIRMED, PROGRAMMED_CONFIRMED, StagedBoard, SWAPPED, running } from './staged-board.js';

const PROGRAMMED: TrailerBytes = { ...UNSET, magic: 'good' };

describe.each(UPGRADING_BOARDS)('$name', (spec) => {
  const swaps = spec.strategy !== 'overwrite-only';

  it('brings a permanent image to the primary slot, and stays with it', () => {
    const board = new StagedBoard(spec).request({ permanent: true });
    for (let boots = 0; boots < 3; boots += 1) {
      expect(board.bootsTo()).toBe(running(board, 'new'));
      board.expectSlots({ primary: 'new', secondaryTrailer: UNSET });
      if (swaps) board.expectSlots({ secondary: 'old', primaryTrailer: CONFIRMED });
    }
  });

  it('fills an empty primary slot from an image that nobody marked', () => {
    const board = new StagedBoard(spec, { settings: { bootstrap: true }, old: 'none' });
    expect(board.bootsTo()).toBe(running(board, 'new'));
    board.expectSlots({ primary: 'new', secondaryTrailer: UNSET });
    if (swaps) board.expectSlots({ primaryTrailer: CONFIRMED });
    expect(board.bootsTo()).toBe(running(board, 'new'));
  });

  it('leaves an empty primary slot empty where it is not to be filled', () => {
    const board = new StagedBoard(spec, { old: 'none' });
    expect(board.bootsTo()).toBe('boot-no-image');
    board.expectSlots({ primary: 'erased', secondary: 'new' });
  });

  it.each([
    ['the first of two keys', FIRST_KEY],
    ['the second of two keys', SECOND_KEY],
  ])('leaves a newly programmed image alone that is signed by %s', (_, signingKey) => {
    const keys = [FIRST_KEY.verificationKey, SECOND_KEY.verificationKey];
    const staging = { settings: { keys }, old: { signingKey }, new: { signingKey } };
    const board = new StagedBoard(spec, staging);
    for (const [primary] of board.images) writeMagic(primary);
    const before = board.flashHash();
    expect(board.bootsTo()).toBe(running(board, 'old'));
    board.expectSlots({ primary: 'old', primaryTrailer: PROGRAMMED });
    board.expectSlots({ secondary: 'new', secondaryTrailer: UNSET });
    expect(board.flashHash()).toBe(before);
  });

  it.each([
    ['the first of two keys', FIRST_KEY],
    ['the second of two keys', SECOND_KEY],
  ])('takes a new image that is signed by %s', (_, signingKey) => {
    const keys = [FIRST_KEY.verificationKey, SECOND_KEY.verificationKey];
    const board = new StagedBoard(spec, { settings: { keys }, new: { signingKey } });
    expect(board.request({ permanent: true }).bootsTo()).toBe(running(board, 'new'));
    board.expectSlots({ primary: 'new' });
  });

  it('refuses an image of the second key where only the first is known', () => {
    const board = new StagedBoard(spec, { new: { signingKey: SECOND_KEY } });
    expect(board.request({ permanent: true }).bootsTo()).toBe(running(board, 'old'));
    board.expectSlots({ primary: 'old', secondary: 'erased' });
  });
});

describe.each(SWAPPING_BOARDS)('$name', (spec) => {
  it('stays with an image that was confirmed during its trial', () => {
    const board = new StagedBoard(spec).request({ permanent: false });
    expect(board.bootsTo()).toBe(running(board, 'new'));
    board.expectSlots({ primary: 'new', primaryTrailer: SWAPPED });
    board.expectSlots({ secondary: 'old', secondaryTrailer: UNSET });
    board.confirm();
    for (let boots = 0; boots < 2; boots += 1) {
      board.expectSlots({ primary: 'new', primaryTrailer: CONFIRMED });
      expect(board.bootsTo()).toBe(running(board, 'new'));
    }
    board.expectSlots({ secondary: 'old', secondaryTrailer: UNSET });
  });
});

describe.each(boardsFor('direct-xip'))('$name', (spec) => {
  it('runs the newer image from where it lies, and leaves both where they are', () => {
    const board = new StagedBoard(spec).programConfirmed().request({ permanent: true });
    for (let boots = 0; boots < 2; boots += 1) {
      expect(board.bootsTo()).toBe(running(board, 'new', 'secondary'));
      board.expectSlots({ primary: 'old', primaryTrailer: PROGRAMMED_CONFIRMED });
      board.expectSlots({ secondary: 'new', secondaryTrailer: CONFIRMED });
    }
  });
});
