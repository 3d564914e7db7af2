import { describe, expect, it } from 'vitest';
import { confirmRunning, markForUpgrade, type ImageDependency } from '@brickproof/bootloader-sim';
import { version } from '../signed-image.js';
import { UNSET, trailerBytes, writeMagic } from '../trailer-bytes.js';
import { SWAPPING_BOARDS, UPGRADING_BOARDS, boardsFor } from './boards.js';
import { CONFIRMED, StagedBoard, versionOf, type ImageChanges } from './staged-board.js';

/**
 * What the new image of one slot pair asks of the other image: nothing, its new version, its old
 * one, or one that is newer than there is; or there is no new image at all.
 */
type Need = 'nothing' | 'the new one' | 'the old one' | 'a newer one' | 'not there';

interface Row {
  readonly needs: readonly [Need, Need];
  readonly becomes: readonly ['new' | 'old', 'new' | 'old'];
}

/** In the order of MCUboot's table (sim/tests/core.rs, TEST_DEPS). */
const ROWS: readonly Row[] = [
  { needs: ['nothing', 'nothing'], becomes: ['new', 'new'] },
  { needs: ['the new one', 'the new one'], becomes: ['new', 'new'] },
  { needs: ['a newer one', 'a newer one'], becomes: ['old', 'old'] },
  { needs: ['a newer one', 'the new one'], becomes: ['old', 'old'] },
  { needs: ['the new one', 'a newer one'], becomes: ['old', 'old'] },
  { needs: ['nothing', 'not there'], becomes: ['new', 'old'] },
  { needs: ['the old one', 'not there'], becomes: ['new', 'old'] },
  { needs: ['a newer one', 'not there'], becomes: ['old', 'old'] },
  { needs: ['not there', 'nothing'], becomes: ['old', 'new'] },
  { needs: ['not there', 'the old one'], becomes: ['old', 'new'] },
  { needs: ['not there', 'a newer one'], becomes: ['old', 'old'] },
];

/** The new images of a row. */
function withNeeds(needs: Row['needs']): ImageChanges {
  return (imageIndex) => {
    const need = needs[imageIndex === 0 ? 0 : 1];
    if (need === 'not there') return 'none';
    return need === 'nothing' ? {} : { dependencies: [dependencyOn(1 - imageIndex, need)] };
  };
}

function dependencyOn(imageIndex: number, need: Need): ImageDependency {
  const wanted = version(versionOf(need === 'the old one' ? 'old' : 'new', imageIndex));
  const minor = need === 'a newer one' ? wanted.minor + 1 : wanted.minor;
  return { imageIndex, minimumVersion: { ...wanted, minor } };
}

/** What was swapped is confirmed, and the old image lies in the other slot. */
function expectSecondaries(board: StagedBoard, becomes: Row['becomes']): void {
  for (const [index, [primary]] of board.images.entries()) {
    const isSwapped = becomes[index] === 'new';
    expect(trailerBytes(primary)).toEqual(isSwapped ? CONFIRMED : UNSET);
    expect(board.found(1, index) === 'old').toBe(isSwapped);
  }
}

function isOfTwoImages(spec: { readonly shape: { readonly device: string } }): boolean {
  return spec.shape.device === 'k64fmulti';
}

describe.each(UPGRADING_BOARDS.filter(isOfTwoImages))('$name', (spec) => {
  it.each(ROWS)('two new images that need $needs end as $becomes', ({ needs, becomes }) => {
    const board = new StagedBoard(spec, { new: withNeeds(needs) }).request({ permanent: true });
    const running = becomes.map((which, index) => `primary ${versionOf(which, index)}`).join(', ');
    expect(board.bootsTo()).toBe(running);
    for (let boots = 0; boots < 2; boots += 1) {
      expect([board.found(0, 0), board.found(0, 1)]).toEqual(becomes);
      if (spec.strategy !== 'overwrite-only') expectSecondaries(board, becomes);
      expect(board.bootsTo()).toBe(running);
    }
  });
});

describe.each(SWAPPING_BOARDS.filter(isOfTwoImages))('$name', (spec) => {
  // The primary image 0 needs the new image 1, which is not there.
  const unmet: ImageChanges = (imageIndex) =>
    imageIndex === 0 ? { version: '3.0.0', dependencies: [dependencyOn(1, 'the new one')] } : {};

  it('leaves images alone that need what is not there while nothing is asked for', () => {
    const board = new StagedBoard(spec, { old: unmet }).programConfirmed();
    const before = board.flashHash();
    expect(board.bootsTo()).toBe('primary 3.0.0, primary 21.0.0');
    expect(board.flashHash()).toBe(before);
  });

  it('never reverts a confirmed image because an upgrade of the other one does not fit it', () => {
    const settings = { downgradePrevention: 'version' } as const;
    const board = new StagedBoard(spec, {
      settings,
      old: unmet,
      new: (imageIndex) => (imageIndex === 0 ? {} : { version: '20.0.0' }),
    }).programConfirmed();
    writeMagic(board.slot(1, 1));
    expect(board.bootsTo()).toBe('primary 3.0.0, primary 21.0.0');
    expect(board.found(0, 0)).toBe('old');
  });

  it('does not try an upgrade again that broke off, though images need what is not there', () => {
    const board = new StagedBoard(spec, { old: unmet });
    const [primary, secondary] = [board.slot(0, 1), board.slot(1, 1)];
    // The second image's upgrade was begun, and then its image was lost.
    markForUpgrade(primary, { permanent: false, imageIndex: 1 });
    secondary.erase(0, secondary.sizeBytes);
    expect(board.bootsTo()).toBe('primary 3.0.0, primary 21.0.0');
    expect(trailerBytes(primary).imageOk).toBe('set');
  });
});

describe.each(SWAPPING_BOARDS.filter(isOfTwoImages))('$name', (spec) => {
  it('reverts a confirmed image with the one that it needs, whenever the power goes', () => {
    const board = new StagedBoard(spec, {
      new: (imageIndex) =>
        imageIndex === 0 ? {} : { dependencies: [dependencyOn(0, 'the new one')] },
    }).request({ permanent: false });
    expect(board.bootsTo()).toBe(`primary ${versionOf('new', 0)}, primary ${versionOf('new', 1)}`);
    confirmRunning(board.slot(0, 1));
    const trial = board.flash.snapshot();
    const operations = board.bootOperations().length;
    const old = `primary ${versionOf('old', 0)}, primary ${versionOf('old', 1)}`;
    for (let cut = 0; cut <= operations; cut += 1) {
      board.flash.restore(trial);
      expect(board.bootCutAfter(cut)).toBe(cut < operations);
      // The image that asked for it may run once more, unconfirmed, beside the old one.
      board.boot();
      expect(board.bootsTo()).toBe(old);
    }
  });
});

describe.each(boardsFor('direct-xip').filter(isOfTwoImages))('$name', (spec) => {
  it.each(ROWS)('two new images that need $needs run as $becomes', ({ needs, becomes }) => {
    const board = new StagedBoard(spec, { new: withNeeds(needs) }).programConfirmed();
    for (const [, secondary] of board.images) writeMagic(secondary);
    const slots = { old: 'primary', new: 'secondary' };
    const running = becomes.map((which, index) => `${slots[which]} ${versionOf(which, index)}`);
    expect(board.bootsTo()).toBe(running.join(', '));
  });
});
