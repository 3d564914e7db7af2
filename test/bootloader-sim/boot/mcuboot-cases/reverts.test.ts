import { describe, expect, it } from 'vitest';
import { UNSET, trailerBytes } from '../trailer-bytes.js';
import { SWAPPING_BOARDS } from './boards.js';
import { cutsOf } from './cuts.js';
import { CONFIRMED, StagedBoard, SWAPPED, running } from './staged-board.js';

describe.each(SWAPPING_BOARDS)('$name', (spec) => {
  it('goes back to the old image at the boot after a trial that nobody confirmed, and stays', () => {
    const board = new StagedBoard(spec).request({ permanent: false });
    expect(board.bootsTo()).toBe(running(board, 'new'));
    board.expectSlots({ primary: 'new', primaryTrailer: SWAPPED });
    board.expectSlots({ secondary: 'old', secondaryTrailer: UNSET });
    for (let boots = 2; boots <= 5; boots += 1) {
      expect(board.bootsTo()).toBe(running(board, 'old'));
      board.expectSlots({ primary: 'old', primaryTrailer: CONFIRMED });
      board.expectSlots({ secondary: 'new', secondaryTrailer: UNSET });
    }
  });

  it('goes back after power cuts at the same operation of the upgrade and of the revert', () => {
    const board = new StagedBoard(spec).request({ permanent: false });
    const start = board.flash.snapshot();
    const operations = board.bootOperations().length;
    for (const cut of cutsOf(spec, operations)) {
      board.flash.restore(start);
      expect(board.bootCutAfter(cut), `upgrade, cut after ${cut}`).toBe(true);
      // A board with two images may have finished the first of them.
      expect(board.images.map(([primary]) => trailerBytes(primary).copyDone)).toContain('unset');
      expect(board.bootsTo(), `upgrade, cut after ${cut}`).toBe(running(board, 'new'));
      board.expectSlots({ primary: 'new', primaryTrailer: SWAPPED });
      board.expectSlots({ secondary: 'old', secondaryTrailer: UNSET });
      expect(board.bootCutAfter(cut), `revert, cut after ${cut}`).toBe(true);
      for (let boots = 0; boots < 2; boots += 1) {
        expect(board.bootsTo(), `revert, cut after ${cut}`).toBe(running(board, 'old'));
        board.expectSlots({ primary: 'old', primaryTrailer: CONFIRMED });
        board.expectSlots({ secondary: 'new', secondaryTrailer: UNSET });
      }
    }
  });
});
