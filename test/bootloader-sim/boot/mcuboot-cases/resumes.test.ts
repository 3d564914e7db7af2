import { describe, expect, it } from 'vitest';
import {
  FlashFaults,
  seededStreams,
  trailerFormat,
  type InterruptingFault,
} from '@brickproof/bootloader-sim';
import { UNSET } from '../trailer-bytes.js';
import { SWAPPING_BOARDS, UPGRADING_BOARDS, isSweptWhole, type CaseBoard } from './boards.js';
import { cutsOf, randomCuts } from './cuts.js';
import { CONFIRMED, StagedBoard, running, type Staging } from './staged-board.js';

/** Sizes of the images; those of 230 bytes take a single sector, or a part of one. */
const SIZES: readonly (readonly [string, Staging])[] = [
  ['the largest images', {}],
  ['a small new image', { new: { sizeBytes: 230 } }],
  ['a small old image', { old: { sizeBytes: 230 } }],
  ['two small images', { old: { sizeBytes: 230 }, new: { sizeBytes: 231 } }],
];

/** See `loses the upgrade of a second image`. */
function mayLoseSecondImage({ strategy, shape }: CaseBoard): boolean {
  return shape.device === 'k64fmulti' && /offset|move/.test(strategy);
}

/** Whatever happened, the board runs, and no image is a mixture. */
function expectWhole(board: StagedBoard, when: string): void {
  expect(board.bootsTo(), when).not.toBe('boot-no-image');
  for (const index of board.images.keys()) {
    expect(['old', 'new'], when).toContain(board.found(0, index));
  }
}

describe.each(UPGRADING_BOARDS)('$name', (spec) => {
  const swaps = spec.strategy !== 'overwrite-only';

  function expectUpgraded(board: StagedBoard, when: string): void {
    expect(board.bootsTo(), when).toBe(running(board, 'new'));
    board.expectSlots({ primary: 'new' });
    // Overwriting forgets the header of the new image before its trailer.
    if (!swaps) return;
    board.expectSlots({ primaryTrailer: CONFIRMED });
    board.expectSlots({ secondary: 'old', secondaryTrailer: UNSET });
  }

  it.each(isSweptWhole(spec) ? SIZES : SIZES.slice(0, 1))(
    'finishes a permanent upgrade of %s that was cut at any operation',
    (_, staging) => {
      const board = new StagedBoard(spec, staging).request({ permanent: true });
      const start = board.flash.snapshot();
      const operations = board.bootOperations().length;
      for (const cut of cutsOf(spec, operations)) {
        board.flash.restore(start);
        expect(board.bootCutAfter(cut), `cut after ${cut}`).toBe(true);
        expectUpgraded(board, `cut after ${cut} of ${operations}`);
      }
    },
  );

  it.each([1, 2, 3])('finishes a permanent upgrade after five random cuts (seed %i)', (seed) => {
    const board = new StagedBoard(spec).request({ permanent: true });
    const start = board.flash.snapshot();
    const operations = board.bootOperations().length;
    board.flash.restore(start);
    const cuts = randomCuts(seed, 5, operations);
    for (const cut of cuts) board.bootCutAfter(cut);
    const when = `cuts after ${cuts.join(', ')}`;
    if (mayLoseSecondImage(spec)) expectWhole(board, when);
    else expectUpgraded(board, when);
  });
});

describe.each(SWAPPING_BOARDS)('$name', (spec) => {
  /** Writes of swap status to the primary slots fail, at a rate. */
  function statusFaults(board: StagedBoard, rate: number, seed: number): FlashFaults {
    const faults = new FlashFaults({ flash: board.flash, streams: seededStreams(seed) });
    const layout = { images: board.images, maxImageSectors: spec.layout.maxImageSectors };
    const format = trailerFormat(spec.strategy, layout);
    for (const [primary] of board.images) {
      const fault: InterruptingFault = {
        kind: 'failure',
        when: { kind: 'rate', rate },
        on: 'write',
        range: {
          offset: primary.flashOffset + primary.sizeBytes - board.capacity.trailerSizeBytes,
          lengthBytes: format.sectorsMax * format.statesPerSector * format.writeSizeBytes,
        },
        write: 'untouched',
        erase: 'untouched',
      };
      if (!faults.switchOn(fault).ok) throw new Error('no such fault');
    }
    return faults;
  }

  it('upgrades though no status can be written', () => {
    const board = new StagedBoard(spec).request({ permanent: true });
    const faults = statusFaults(board, 1, 0);
    board.flash.watch(faults.watcher);
    expect(board.bootsTo()).toBe(running(board, 'new'));
    board.flash.watch(undefined);
    board.expectSlots({ primary: 'new', primaryTrailer: CONFIRMED });
    expect(board.bootsTo()).toBe(running(board, 'new'));
  });

  it.each([1, 2, 3, 4])(
    'never runs a mixture after a cut halfway while half of the status is lost (seed %i)',
    (seed) => {
      const board = new StagedBoard(spec).request({ permanent: true });
      const start = board.flash.snapshot();
      const operations = board.bootOperations().length;
      board.flash.restore(start);
      const faults = statusFaults(board, 0.5, seed);
      let seen = 0;
      const cut = (): { kind: 'power-cut'; effect: 'untouched' } | undefined => {
        seen += 1;
        return seen > operations / 2 ? { kind: 'power-cut', effect: 'untouched' } : undefined;
      };
      board.flash.watch(faults.behind(cut));
      expect(() => board.boot()).toThrow('power cut');
      board.flash.watch(undefined);
      const booted = board.boot();
      if (!booted.ok) expect(booted.code).toBe('boot-no-image');
      else
        for (const index of board.images.keys())
          expect(['old', 'new']).toContain(board.found(0, index));
    },
  );
});

// MCUboot 2d4bacc3 forgets what it has read of a swap's status before it goes on with the second
// image (loader.c, context_boot_go), and so begins that image's trailer anew: erased, then written.
describe.each(UPGRADING_BOARDS.filter(mayLoseSecondImage))('$name', (spec) => {
  it('loses the upgrade of a second image to two cuts around its first sector, as MCUboot does', () => {
    const board = new StagedBoard(spec).request({ permanent: true });
    const start = board.flash.snapshot();
    const operations = board.bootOperations().length;
    let losses = 0;
    for (let first = Math.floor(operations / 3); first < operations; first += 1) {
      board.flash.restore(start);
      board.bootCutAfter(first);
      const halfway = board.flash.snapshot();
      for (let second = 0; second < 4; second += 1) {
        board.flash.restore(halfway);
        board.bootCutAfter(second);
        expectWhole(board, `cuts after ${first} and ${second}`);
        expect(board.found(0, 0)).toBe('new');
        if (board.found(0, 1) === 'old') losses += 1;
      }
    }
    expect(losses).toBe(9);
  });
});
