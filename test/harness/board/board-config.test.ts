import { describe, expect, it } from 'vitest';
import { DEVICE_MODELS, checkBoardStore, checkBoardStrategy } from '@brickproof/harness';
import { boardText, problemsOf, readBoard } from './board-text.js';

describe('a board file', () => {
  it('becomes a model, a strategy and the settings of a bootloader', () => {
    const board = readBoard(
      boardText({
        bootloader:
          '{ strategy: swap-using-move, max-image-sectors: 8, logical-sector-size: 8KiB, ' +
          'bootstrap: true, downgrade-prevention: security-counter, encryption: aes-256 }',
        counters: '[3]',
      }),
    );
    expect(board.model).toMatchObject({
      name: 'a-board',
      summary: '64 KiB flash, sectors of 16 x 4 KiB, write alignment 4',
      areas: [
        { name: 'slot0', offset: 0, sizeBytes: 0x6000 },
        { name: 'slot1', offset: 0x6000, sizeBytes: 0x6000 },
      ],
    });
    expect(board).toMatchObject({
      strategy: 'swap-using-move',
      counters: [3],
      baseAddress: 0,
      bootSettings: {
        maxImageSectors: 8,
        logicalSectorSizeBytes: 8192,
        bootstrap: true,
        downgradePrevention: 'security-counter',
        encryptionKeySizeBytes: 32,
      },
    });
  });

  it('leaves out what has a default', () => {
    const { strategy, bootSettings, counters, model } = readBoard(boardText());
    expect([strategy, counters, model.geometry.erasedValue]).toEqual([
      'direct-xip',
      undefined,
      0xff,
    ]);
    expect(Object.values(bootSettings).every((value) => value === undefined)).toBe(true);
  });

  it.each([1, 2, 4, 8, 16, 32])('takes a write alignment of %i', (align) => {
    for (const erased of ['0xff', '0x00']) {
      const flash = `{ sectors: [16 x 4KiB], write-alignment: ${align}, erased-value: ${erased} }`;
      const { geometry } = readBoard(boardText({ flash })).model;
      expect([geometry.writeAlignBytes, geometry.erasedValue]).toEqual([align, Number(erased)]);
    }
  });

  it('takes unequal sectors, in the order of their runs', () => {
    const flash = '{ sectors: [4 x 16KiB, 1x64KiB, 7 x 0x20000], write-alignment: 8 }';
    const areas = '{ slot0: { offset: 0, size: 128KiB }, slot1: { offset: 128KiB, size: 128KiB } }';
    const { geometry } = readBoard(boardText({ flash, areas })).model;
    expect(geometry.sizeBytes).toBe(1024 * 1024);
    expect(geometry.sectors.map(({ sizeBytes }) => sizeBytes / 1024)).toEqual([
      ...[16, 16, 16, 16, 64],
      ...[128, 128, 128, 128, 128, 128, 128],
    ]);
  });

  it('changes a model that it names, and keeps the rest of it', () => {
    const board = readBoard('model: stm-unequal\nflash: { write-alignment: 32 }\n');
    const { geometry, areas, name } = DEVICE_MODELS['stm-unequal'];
    expect(board.samples).toBe('stm-unequal');
    expect(board.model).toMatchObject({ name, areas });
    expect(board.model.geometry.sectors).toEqual(geometry.sectors);
    expect(board.model.geometry.writeAlignBytes).toBe(32);
  });

  it('puts areas beside those of its model', () => {
    const { areas } = readBoard(
      'model: nrf-equal\nareas:\n' +
        '  slot0: { offset: 0xc000, size: 0x74000 }\n' +
        '  slot1: { offset: 0x82000, size: 0x74000 }\n' +
        '  scratch: { offset: 0x80000, size: 0x2000 }\n',
    ).model;
    expect(areas.map(({ name }) => name).toSorted()).toEqual([
      ...['bootloader', 'scratch', 'slot0', 'slot1', 'store'],
    ]);
  });

  it.each([
    ['', ['1: the file is empty']],
    ['name: 4\n', [/^1: "name" is 4, expected text$/]],
    [boardText({ nme: 'x' }), [/^4: "nme" is not a known key; did you mean name\?$/]],
    [
      'model: nrf52\n',
      [/^1: "model" is "nrf52", expected "nrf-equal" or "stm-unequal" or "nrf-dual"$/],
    ],
    ['name: a\n', [/^1: "flash" is missing; a file that names no model needs it$/, /"areas" is/]],
    [
      boardText({ flash: '{ sectors: [4 x 4KiB] }' }),
      [/^2: "flash.write-alignment" is missing; a file that names no model needs it$/],
    ],
    [
      boardText({ flash: '{ sectors: [4KiB], write-alignment: 4 }' }),
      [/sectors such as 256 x 4KiB/],
    ],
    [
      boardText({ flash: '{ sectors: [16 x 4KiB], write-alignment: 3 }' }),
      [/^2: "flash.write-alignment" is 3, expected 1 or 2 or 4 or 8 or 16 or 32$/],
    ],
    [
      boardText({ flash: '{ sectors: [16 x 4KiB], write-alignment: 4, erased-value: 1 }' }),
      [/expected 0xff or 0x00$/],
    ],
    [
      boardText({ flash: '{ sectors: [16 x 4100], write-alignment: 8 }' }),
      [/^2: sectors of 4100 bytes are no multiple of the write alignment 8$/],
    ],
    [
      boardText({ flash: '{ sectors: [99999 x 4KiB], write-alignment: 8 }' }),
      [/^2: more than 65536 sectors$/],
    ],
    [
      boardText({ flash: '{ sectors: [65 x 1MiB], write-alignment: 8 }' }),
      [/^2: the flash has 65 MiB, at most 64 MiB$/],
    ],
    [
      boardText({
        areas: '{ slot0: { offset: 0, size: 0x6100 }, slot1: { offset: 28KiB, size: 24KiB } }',
      }),
      [/^3: area slot0 does not cover whole sectors of the flash$/],
    ],
    [
      `${boardText({ areas: '' })}areas:\n  slot0: { offset: 0, size: 24KiB }\n  slot1: { offset: 20KiB, size: 24KiB }\n`,
      [/^5: the area slot1 overlaps slot0$/],
    ],
    [
      `${boardText({ areas: '' })}areas:\n  slot0: { offset: 0, size: 24KiB }\n  slot1: { offset: 24KiB, size: 24KiB }\n  slot3: { offset: 48KiB, size: 4KiB }\n`,
      [/^6: slot3 is one of the two slots of a second image; slot2 is missing$/],
    ],
    [
      boardText({
        flash: '{ sectors: [16 x 64], write-alignment: 16 }',
        areas: '{ slot0: { offset: 0, size: 64 }, slot1: { offset: 64, size: 256 } }',
      }),
      [/^3: slot0 has 64 bytes, which is no room for a header and a trailer$/],
    ],
    [
      boardText({ bootloader: '{ logical-sector-size: 12KiB }' }),
      [/^4: a logical sector of 12288 bytes is no power of two$/],
    ],
    [
      boardText({ bootloader: '{ logical-sector-size: 16KiB }' }),
      [/^4: slot0 has 24576 bytes, no multiple of the logical sector of 16384$/],
    ],
    [boardText({ counters: '[1, 2]' }), [/^4: 2 counters for a board of 1 image$/]],
    [boardText({ counters: '[-1]' }), [/^4: "counters\[0\]" is -1, expected at least 0$/]],
    [boardText({ name: 'A B' }), [/up to 32 lower-case letters, digits and dashes$/]],
    ['a: [\n', [/^2: /]],
  ] as const)('is refused with the line of what is wrong: %j', (text, expected) => {
    const found = problemsOf(text);
    expect(found).toHaveLength(expected.length);
    expected.forEach((pattern, index) => {
      expect(found[index]).toMatch(pattern);
    });
  });

  it('is not held to its strategy when it is read, but with its line when it is asked', () => {
    const board = readBoard(
      boardText({ bootloader: '\n  bootstrap: true\n  strategy: swap-using-scratch' }),
    );
    expect(checkBoardStrategy(board)).toMatchObject({
      code: 'board-unbuildable',
      detail: 'b.yaml:6:3: swap-using-scratch: image 0: there is no scratch area',
    });
    expect(checkBoardStrategy(board, 'swap-using-move')).toMatchObject({ ok: true });
  });

  it.each([
    [boardText(), 'b.yaml:3:1: the board has no area "store"'],
    [
      boardText({
        areas:
          '{ slot0: { offset: 0, size: 0x6000 }, slot1: { offset: 24KiB, size: 24KiB }, store: { offset: 48KiB, size: 4KiB } }',
      }),
      'b.yaml:3:1: the area "store" does not do: 1 sectors, expected 2 to 256',
    ],
  ])('is no virtual board without a place for the agent', (text, detail) => {
    const checked = checkBoardStore(readBoard(text));
    expect(checked).toMatchObject({ ok: false, code: 'board-unbuildable' });
    expect(checked.ok ? '' : checked.detail).toContain(detail);
  });
});
