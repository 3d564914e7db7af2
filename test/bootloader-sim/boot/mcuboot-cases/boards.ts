import type {
  ErasedValue,
  SectorRun,
  StrategyName,
  WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import type { BoardArea, BoardLayout, BoardSpec } from '../test-board.js';

/** A flash as one of the simulator's devices has it, in small, and what may be swapped in it. */
export interface CaseShape {
  readonly name: string;
  /** The device of MCUboot's simulator that it is a small copy of (sim/src/image.rs, make_device). */
  readonly device: string;
  readonly layout: BoardLayout;
  readonly strategies: readonly StrategyName[];
}

/** A board that the cases are run on. */
export interface CaseBoard extends BoardSpec {
  readonly name: string;
  readonly shape: CaseShape;
}

const ALL: readonly StrategyName[] = [
  'direct-xip',
  'overwrite-only',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
];
const WITHOUT_EQUAL_SECTORS: readonly StrategyName[] = [
  'direct-xip',
  'overwrite-only',
  'swap-using-scratch',
];
const STM: readonly SectorRun[] = [run(2, 2048), run(1, 4096)];
const STM_DUAL_BANK: readonly SectorRun[] = [run(4, 256), run(1, 1024), run(3, 2048)];

/** The simulator's devices, each with sectors a fraction as large. */
export const CASE_SHAPES: readonly CaseShape[] = [
  shape('unequal sectors and a large scratch', 'stm32f4', WITHOUT_EQUAL_SECTORS, {
    primary: STM,
    secondary: STM,
    scratch: [run(1, 8192)],
    maxImageSectors: 8,
  }),
  shape('unequal sectors against small ones', 'stm32f4SpiFlash', WITHOUT_EQUAL_SECTORS, {
    primary: STM,
    secondary: [run(16, 512)],
    scratch: [run(16, 512)],
  }),
  shape('unequal sectors under equal logical ones', 'stm32f769', ALL, {
    primary: STM_DUAL_BANK,
    secondary: STM_DUAL_BANK,
    scratch: [run(1, 2048)],
    logicalSectorSizeBytes: 2048,
  }),
  shape('equal small sectors and a scratch of one', 'k64f', ALL, {
    primary: [run(8, 1024)],
    secondary: [run(8, 1024)],
    scratch: [run(1, 1024)],
    maxImageSectors: 16,
  }),
  shape('slots of one large sector', 'k64fbig', WITHOUT_EQUAL_SECTORS, {
    primary: [run(8, 512)],
    secondary: [run(8, 512)],
    scratch: [run(8, 512)],
    logicalSectorSizeBytes: 4096,
  }),
  shape('a scratch that does not divide the slot', 'nrf52840', ALL, {
    primary: [run(8, 1024)],
    secondary: [run(8, 1024)],
    scratch: [run(3, 1024)],
  }),
  shape('small sectors against larger ones', 'Nrf52840SpiFlash', WITHOUT_EQUAL_SECTORS, {
    primary: [run(16, 512)],
    secondary: [run(8, 1024)],
    scratch: [run(3, 1024)],
  }),
  shape('one sector more in the primary slot', 'Nrf52840UnequalSlots', ['swap-using-move'], {
    primary: [run(9, 1024)],
    secondary: [run(8, 1024)],
  }),
  shape(
    'one sector more in the secondary slot',
    'Nrf52840UnequalSlotsLargerSlot1',
    ['swap-using-offset'],
    { primary: [run(8, 1024)], secondary: [run(9, 1024)] },
  ),
  shape('two images', 'k64fmulti', ALL, {
    primary: [run(5, 1024)],
    secondary: [run(5, 1024)],
    scratch: [run(1, 1024)],
    primary2: [run(6, 1024)],
    secondary2: [run(6, 1024)],
  }),
  shape('a small slot of equal sectors', 'PSOCEdgeE8x', ['swap-using-offset'], {
    primary: [run(10, 512)],
    secondary: [run(10, 512)],
  }),
  shape('small pages under logical sectors', 'smallpages', ALL, {
    primary: [run(64, 128)],
    secondary: [run(64, 128)],
    scratch: [run(16, 128)],
    logicalSectorSizeBytes: 1024,
    maxImageSectors: 8,
  }),
];

const ALIGNMENTS: readonly WriteAlignBytes[] = [1, 2, 4, 8, 16, 32];
const ERASED_VALUES: readonly ErasedValue[] = [0xff, 0x00];
/** Alignments and erased values, so that neighbours differ in both. */
const FLASH_KINDS = ERASED_VALUES.flatMap((erased, round) =>
  ALIGNMENTS.map((align, index) => ({
    writeAlignBytes: align,
    erasedValue: ERASED_VALUES[(index + round) % 2] ?? erased,
  })),
);
const KINDS_PER_SHAPE = 2;

/**
 * The boards of a strategy: each shape that it allows with two kinds of flash, so that over the
 * shapes every alignment is met with both erased values.
 */
export function boardsFor(strategy: StrategyName): readonly CaseBoard[] {
  return CASE_SHAPES.filter(({ strategies }) => strategies.includes(strategy)).flatMap(
    (found, index) => {
      const first = (index * KINDS_PER_SHAPE) % FLASH_KINDS.length;
      return FLASH_KINDS.slice(first, first + KINDS_PER_SHAPE).map((kind) =>
        boardOf(strategy, found, kind),
      );
    },
  );
}

/** The boards of all strategies that change flash to upgrade. */
export const UPGRADING_BOARDS: readonly CaseBoard[] = (
  ['overwrite-only', 'swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const
).flatMap((strategy) => boardsFor(strategy));

/** The boards of all strategies that can go back. */
export const SWAPPING_BOARDS: readonly CaseBoard[] = UPGRADING_BOARDS.filter(
  ({ strategy }) => strategy !== 'overwrite-only',
);

/** Of these boards, those whose every operation is worth a cut: one for each strategy. */
export function isSweptWhole({ shape: { device } }: CaseBoard): boolean {
  return device === 'k64f';
}

function boardOf(
  strategy: StrategyName,
  caseShape: CaseShape,
  kind: Pick<BoardSpec, 'writeAlignBytes' | 'erasedValue'>,
): CaseBoard {
  const erased = kind.erasedValue === 0 ? '0x00' : '0xff';
  return {
    name: `${strategy}, ${caseShape.name}, alignment ${kind.writeAlignBytes}, erased to ${erased}`,
    shape: caseShape,
    strategy,
    layout: caseShape.layout,
    ...kind,
  };
}

function run(count: number, sizeBytes: number): SectorRun {
  return { count, sizeBytes };
}

function shape(
  name: string,
  device: string,
  strategies: readonly StrategyName[],
  layout: Omit<BoardLayout, 'areas'> &
    Partial<Readonly<Record<BoardArea['name'], readonly SectorRun[]>>>,
): CaseShape {
  const names = ['primary', 'secondary', 'primary2', 'secondary2', 'scratch'] as const;
  const areas = names.flatMap((area) => {
    const sectorRuns = layout[area];
    return sectorRuns === undefined ? [] : [{ name: area, sectorRuns }];
  });
  const bootloader: BoardArea = { name: 'bootloader', sectorRuns: [run(1, 1024)] };
  const { logicalSectorSizeBytes, maxImageSectors } = layout;
  return {
    ...{ name, device, strategies },
    layout: {
      areas: [bootloader, ...areas],
      ...(logicalSectorSizeBytes === undefined ? {} : { logicalSectorSizeBytes }),
      ...(maxImageSectors === undefined ? {} : { maxImageSectors }),
    },
  };
}
