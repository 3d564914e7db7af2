import { describe, expect, it } from 'vitest';
import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import { checkBoardStrategy } from '@brickproof/harness';
import { boardText, readBoard } from './board-text.js';

/** Flash layouts that MCUboot documents, or simulates, with what can be built for them. */
const LAYOUTS: readonly {
  readonly name: string;
  readonly sectors: string;
  readonly slots: readonly [offset: number, sizeBytes: number][];
  readonly scratch?: readonly [offset: number, sizeBytes: number];
  readonly logical?: number;
  readonly refused: Partial<Readonly<Record<StrategyName, string>>>;
}[] = [
  {
    name: 'readme-zephyr.md: nrf52dk with a scratch area of 24 KiB',
    sectors: '[128 x 4KiB]',
    slots: [
      [0xc000, 0x37000],
      [0x43000, 0x37000],
    ],
    scratch: [0x7a000, 0x6000],
    refused: {},
  },
  {
    name: 'sim: k64f, a scratch area of one sector',
    sectors: '[128 x 4KiB]',
    slots: [
      [0x20000, 0x20000],
      [0x40000, 0x20000],
    ],
    scratch: [0x60000, 0x1000],
    refused: {},
  },
  {
    name: 'sim: k64f in logical sectors as large as a slot',
    sectors: '[128 x 4KiB]',
    slots: [
      [0x20000, 0x20000],
      [0x40000, 0x20000],
    ],
    scratch: [0x60000, 0x20000],
    logical: 0x20000,
    refused: { 'swap-using-move': 'no room', 'swap-using-offset': 'no room' },
  },
  {
    name: 'sim: nrf52840, a scratch area that does not divide a slot',
    sectors: '[128 x 4KiB]',
    slots: [
      [0x8000, 0x34000],
      [0x3c000, 0x34000],
    ],
    scratch: [0x70000, 0xd000],
    refused: {},
  },
  {
    name: 'sim: nrf52840, a larger primary slot',
    sectors: '[128 x 4KiB]',
    slots: [
      [0x8000, 0x3c000],
      [0x44000, 0x3b000],
    ],
    refused: {
      'overwrite-only': 'slots are not compatible',
      'swap-using-offset': 'not a compatible amount of sectors',
      'swap-using-scratch': 'no scratch area',
    },
  },
  {
    name: 'sim: stm32f4, sectors of 128 KiB against several of 64 and 32',
    sectors: '[4 x 16KiB, 1 x 64KiB, 2 x 32KiB, 1 x 64KiB, 2 x 32KiB, 1 x 64KiB, 1 x 128KiB]',
    slots: [
      [0x20000, 0x20000],
      [0x40000, 0x20000],
    ],
    scratch: [0x60000, 0x20000],
    refused: {
      'swap-using-move': 'not same sector layout',
      'swap-using-offset': 'not same sector',
    },
  },
  {
    name: 'sim: stm32f769 in logical sectors of 128 KiB',
    sectors: '[4 x 16KiB, 1 x 64KiB, 7 x 128KiB, 4 x 16KiB, 1 x 64KiB, 7 x 128KiB]',
    slots: [
      [0, 0x80000],
      [0x100000, 0x80000],
    ],
    scratch: [0x80000, 0x20000],
    logical: 0x20000,
    refused: {},
  },
  {
    name: 'sim: stm32f769 as it is',
    sectors: '[4 x 16KiB, 1 x 64KiB, 7 x 128KiB, 4 x 16KiB, 1 x 64KiB, 7 x 128KiB]',
    slots: [
      [0, 0x80000],
      [0x100000, 0x80000],
    ],
    scratch: [0x80000, 0x20000],
    refused: {
      'swap-using-move': 'not same sector layout',
      'swap-using-offset': 'not same sector',
    },
  },
  {
    name: 'readme-espressif.md: two images of 320 KiB, a scratch area of 256 KiB',
    sectors: '[1024 x 4KiB]',
    slots: [
      [0x10000, 0x50000],
      [0x60000, 0x50000],
      [0xb0000, 0x50000],
      [0x100000, 0x50000],
    ],
    scratch: [0x150000, 0x40000],
    refused: {},
  },
];

describe.each(LAYOUTS)('a flash layout of MCUboot, $name', (layout) => {
  const areas = [
    ...layout.slots.map(([offset, size], index) => ({ name: `slot${index}`, offset, size })),
    ...(layout.scratch === undefined
      ? []
      : [{ name: 'scratch', offset: layout.scratch[0], size: layout.scratch[1] }]),
  ];
  const areaText = areas.map(({ name, offset, size }) => {
    return `${name}: { offset: ${offset}, size: ${size} }`;
  });

  it.each(STRATEGY_NAMES)('can be built for %s, or is refused with the reason', (strategy) => {
    for (const align of [1, 2, 4, 8, 16, 32]) {
      for (const erased of ['0xff', '0x00']) {
        const board = readBoard(
          boardText({
            flash: `{ sectors: ${layout.sectors}, write-alignment: ${align}, erased-value: ${erased} }`,
            areas: `{ ${areaText.join(', ')} }`,
            bootloader: `{ strategy: ${strategy}, logical-sector-size: ${layout.logical ?? 0} }`,
          }),
        );
        const checked = checkBoardStrategy(board);
        const reason = layout.refused[strategy];
        expect(checked.ok, `${align}, ${erased}: ${JSON.stringify(checked)}`).toBe(
          reason === undefined,
        );
        if (!checked.ok) expect(checked.detail).toContain(reason);
      }
    }
  });
});
