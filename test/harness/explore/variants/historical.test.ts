import { boot, type FlashOperation, type StrategyName } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { boardsFor, isSweptWhole } from '../../../bootloader-sim/boot/mcuboot-cases/boards.js';
import type { Staging } from '../../../bootloader-sim/boot/mcuboot-cases/staged-board.js';
import { signedImage } from '../../../bootloader-sim/boot/signed-image.js';
import { HISTORICAL_VARIANTS } from './historical.js';
import { loadVariant } from './load-variant.js';
import { VariantBoard, type Boot, type BootCut } from './variant-board.js';

const OLD = 'primary 1.0.0';
const NEW = 'primary 2.0.0';
const NOTHING = 'boot-no-image';
const BOOTS_AFTER = 3;

/** What happens to a board, and what runs at the boots after. */
interface Story {
  readonly variant: string;
  readonly strategy: StrategyName;
  readonly title: string;
  readonly staging?: Staging;
  readonly begin: (board: VariantBoard) => void;
  readonly cut?: (board: VariantBoard) => BootCut;
  readonly afterFirstBoot?: (board: VariantBoard) => void;
  readonly wrong: readonly string[];
  readonly right: readonly string[];
}

/** A new image was tried, and nobody confirmed it. */
function tryNew(board: VariantBoard): void {
  board.request({ permanent: false });
  expect(board.bootsTo()).toBe(NEW);
}

/** Where a magic is written to the secondary slot: its very end. */
function isMagicOfSecondary(board: VariantBoard, operation: FlashOperation): boolean {
  const { flashOffset, sizeBytes } = board.slot(1);
  return (
    operation.kind === 'write' &&
    operation.offset + operation.lengthBytes === flashOffset + sizeBytes
  );
}

/** The first write behind the erase of the first sector of the secondary slot. */
function writeAfterLastErase(board: VariantBoard): BootCut {
  let isErased = false;
  return {
    effect: 'untouched',
    isAt: (operation) => {
      isErased ||= operation.kind === 'erase' && board.isIn(operation, 1, 0);
      return isErased && operation.kind === 'write';
    },
  };
}

const STORIES: readonly Story[] = [
  {
    variant: 'mcuboot-480',
    strategy: 'swap-using-scratch',
    title: 'swaps once more after a revert that was cut short',
    begin: tryNew,
    cut: (board) => ({
      effect: 'untouched',
      isAt: (operation) => operation.kind === 'erase' && board.isIn(operation, 0, 0),
    }),
    wrong: [OLD, NEW, NEW],
    right: [OLD, OLD, OLD],
  },
  ...(['swap-using-move', 'swap-using-offset'] as const).map((strategy): Story => ({
    variant: 'mcuboot-829',
    strategy,
    title: 'runs nothing after a cut of the first upgrade of an image that came with a trailer',
    begin: (board) => {
      board.programConfirmed().request({ permanent: false });
    },
    cut: (board) => ({
      effect: 'untouched',
      isAt: (operation) => operation.kind === 'erase' && board.isIn(operation, 0, 1),
    }),
    wrong: [NOTHING, NOTHING, NOTHING],
    right: [NEW, OLD, OLD],
  })),
  {
    variant: 'mcuboot-1588',
    strategy: 'swap-using-move',
    title: 'runs nothing after a cut between the last move and the first swap',
    begin: (board) => {
      board.request({ permanent: true });
    },
    cut: (board) => ({
      effect: 'untouched',
      isAt: (operation) => operation.kind === 'write' && board.isIn(operation, 0, 0),
    }),
    wrong: [NOTHING, NOTHING, NOTHING],
    right: [NEW, NEW, NEW],
  },
  ...(['swap-using-move', 'swap-using-offset'] as const).map((strategy): Story => ({
    variant: 'mcuboot-1966',
    strategy,
    title: 'never reverts after a cut that tears the magic which prepares the revert',
    begin: tryNew,
    cut: (board) => ({
      effect: { kind: 'one-bit-short' },
      isAt: (operation) => isMagicOfSecondary(board, operation),
    }),
    wrong: [NEW, NEW, NEW],
    right: [OLD, OLD, OLD],
  })),
  {
    variant: 'mcuboot-2169',
    strategy: 'swap-using-offset',
    title: 'runs nothing after a cut between the last erase of a revert and its end',
    begin: tryNew,
    cut: writeAfterLastErase,
    wrong: [NOTHING, NOTHING, NOTHING],
    right: [OLD, OLD, OLD],
  },
  {
    variant: 'mcuboot-2811',
    strategy: 'swap-using-move',
    title: 'swaps in what was only uploaded after it filled an empty primary slot',
    staging: { settings: { bootstrap: true }, old: 'none' },
    begin: () => undefined,
    afterFirstBoot: (board) => {
      const secondary = board.slot(1);
      secondary.erase(0, secondary.sizeBytes);
      board.install(1, signedImage({ version: '3.0.0', sizeBytes: 500, contents: 9 }));
    },
    wrong: [NEW, 'primary 3.0.0', 'primary 3.0.0'],
    right: [NEW, NEW, NEW],
  },
  ...(['swap-using-move', 'swap-using-offset', 'swap-using-scratch'] as const).map(
    (strategy): Story => ({
      variant: 'mcuboot-1708',
      strategy,
      title: 'takes an older image that is marked for good',
      staging: { settings: { downgradePrevention: 'version' }, new: { version: '0.9.0' } },
      begin: (board) => {
        board.request({ permanent: true });
      },
      wrong: ['primary 0.9.0', 'primary 0.9.0', 'primary 0.9.0'],
      right: [OLD, OLD, OLD],
    }),
  ),
];

function boardFor({ strategy, staging }: Story, decide: Boot): VariantBoard {
  const spec = boardsFor(strategy).find(isSweptWhole);
  if (spec === undefined) throw new Error(`no board for ${strategy}`);
  return new VariantBoard(spec, staging ?? {}, decide);
}

function tell(story: Story, decide: Boot): readonly string[] {
  const board = boardFor(story, decide);
  story.begin(board);
  if (story.cut !== undefined) board.bootCutAt(story.cut(board));
  return Array.from({ length: BOOTS_AFTER }, (_, index) => {
    const running = board.bootsTo();
    if (index === 0) story.afterFirstBoot?.(board);
    return running;
  });
}

async function bootOf(name: string): Promise<Boot> {
  const variant = HISTORICAL_VARIANTS.find((known) => known.name === name);
  if (variant === undefined) throw new Error(`no variant ${name}`);
  return (await loadVariant(variant)).boot;
}

describe.each(STORIES)('$variant, $strategy', (story) => {
  it(story.title, async () => {
    expect(tell(story, await bootOf(story.variant))).toEqual(story.wrong);
  });

  it('is not what our bootloader does', () => {
    expect(tell(story, boot)).toEqual(story.right);
  });
});

it('has a story for each variant', () => {
  const told = new Set(STORIES.map(({ variant, strategy }) => `${variant}, ${strategy}`));
  const named = HISTORICAL_VARIANTS.flatMap(({ name, strategies }) =>
    strategies.map((strategy) => `${name}, ${strategy}`),
  );
  expect([...told].sort()).toEqual(named.sort());
});

describe('mcuboot-1966', () => {
  it.each(['untouched', 'applied'] as const)(
    'is not shown by a write that is %s',
    async (effect) => {
      for (const story of STORIES.filter(({ variant }) => variant === 'mcuboot-1966')) {
        const whole: Story = {
          ...story,
          cut: (board) => ({ effect, isAt: (operation) => isMagicOfSecondary(board, operation) }),
        };
        expect(tell(whole, await bootOf('mcuboot-1966'))).toEqual(story.right);
      }
    },
  );
});

describe('mcuboot-1708', () => {
  it('does not take an older image that is marked for a trial', async () => {
    for (const story of STORIES.filter(({ variant }) => variant === 'mcuboot-1708')) {
      const trial: Story = {
        ...story,
        begin: (board) => {
          board.request({ permanent: false });
        },
      };
      expect(tell(trial, await bootOf('mcuboot-1708'))).toEqual(story.right);
    }
  });
});
