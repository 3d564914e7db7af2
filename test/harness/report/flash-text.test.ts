import { describe, expect, it } from 'vitest';
import { appendBehaviourCard, buildImage } from '@brickproof/bootloader-sim';
import { COLOURED, PLAIN, flashToJson, formatFlash, paintFor } from '@brickproof/harness';
import { OUR_KEY, STRANGER_KEY, image } from '../../bootloader-sim/boot/fixture.js';
import { CRYPTO, EQUAL_SHAPE, SwapBench } from '../../bootloader-sim/boot/swap-bench.js';
import { boardOf, offered, reportOf, section, textOf } from './flash-board.js';

describe('a flash as people read it', () => {
  it('is a map first, of areas, sectors and what is written', () => {
    const bench = offered('swap-using-move');
    const map = section(textOf(bench), 'Flash');
    expect(map[0]).toMatch(/^0x0000 +slot0 +8 KiB +8 x 1 KiB +4 of 8 used +████····$/);
    expect(map[1]).toMatch(/^0x2000 +slot1 +8 KiB +8 x 1 KiB +5 of 8 used +████···█$/);
    expect(map[2]).toMatch(/^0x4000 +scratch +2 KiB +2 x 1 KiB +erased +··$/);
    expect(new Set(map.map((line) => line.indexOf(' x 1 KiB'))).size).toBe(1);
  });

  it('names what lies between areas, and draws large areas in few characters', () => {
    const shape = { ...EQUAL_SHAPE, slotRuns: [{ count: 100, sizeBytes: 1024 }] };
    const bench = offered('swap-using-move', { shape });
    const board = boardOf(bench);
    const areas = board.model.areas.map((area) => {
      if (area.name !== 'scratch') return area;
      return { name: 'store', offset: area.offset + 1024, sizeBytes: 1024 };
    });
    const report = reportOf(bench, { board: { ...board, model: { ...board.model, areas } } });
    const map = section(formatFlash(report, PLAIN), 'Flash');
    expect(map[0]).toMatch(/4 of 100 used +█·{24}$/);
    expect(map[1]).toMatch(/5 of 100 used +█·{23}▒$/);
    expect(map[2]).toMatch(/^0x32000 +- +1 KiB +1 x 1 KiB +erased +·$/);
    expect(map[3]).toMatch(/^0x32400 +store +1 KiB +1 x 1 KiB +erased +·$/);
  });

  it('says of each slot what its image says, and whether it verifies', () => {
    const slot = section(textOf(offered('swap-using-move')), 'slot1, secondary');
    expect(slot.slice(0, 4)).toEqual([
      'image        2.0.0+0, 3188 bytes',
      'header       32 bytes, body 3000 bytes',
      'flags        none',
      'verifies     yes, signed with our-key.pem',
    ]);
    expect(slot).toContainEqual(expect.stringMatching(/^security counter +protected +4 bytes +1$/));
    expect(slot).toContainEqual(expect.stringMatching(/^SHA-256 +32 bytes +[0-9a-f]{32}…$/));
    expect(slot).toContainEqual(expect.stringMatching(/^key hash +32 bytes +\S+… +our-key\.pem$/));
    expect(slot).toContainEqual(expect.stringMatching(/^Ed25519 signature +64 bytes$/));
    expect(slot.at(-1)).toBe(
      'trailer      magic good, image-ok unset, copy-done unset, swap-info test of image 0',
    );
  });

  it('says why an image does not verify', () => {
    const bench = offered('swap-using-move', { offer: image('2.0.0', { key: STRANGER_KEY }) });
    const text = textOf(bench);
    expect(section(text, 'slot1')).toContainEqual(
      expect.stringMatching(/^verifies +no \(image-key-unknown: .+\)$/),
    );
    const next = section(text, 'Next boot');
    expect(next).toContain('log: Image in the secondary slot is not valid!');
    expect(next.at(-1)).toBe('1.0.0+0 runs from slot0, to stay');
  });

  it('says where an image starts that does not start its slot, and what it was linked for', () => {
    const bench = offered('swap-using-offset', { offer: image('2.0.0', { romFixed: 0x40 }) });
    const slot = section(textOf(bench), 'slot1');
    expect(slot[0]).toBe('image        2.0.0+0, 3188 bytes, from 0x400 of the slot on');
    expect(slot).toContain('flags        romFixed');
    expect(slot).toContain('address      0x40');
    expect(slot).toContainEqual(expect.stringMatching(/^verifies +no \(image-load-address: /));
  });

  it('reads dependencies', () => {
    const built = buildImage(
      {
        payload: appendBehaviourCard(new Uint8Array(64), {
          selfTest: 'pass',
          hangBeforeConfirm: false,
          crashAfterMs: undefined,
          resetLoop: false,
          neverConnects: false,
        }),
        version: { major: 2, minor: 0, revision: 0, buildNumber: 0 },
        headerSizeBytes: 32,
        signingKey: OUR_KEY,
        dependencies: [
          { imageIndex: 1, minimumVersion: { major: 1, minor: 2, revision: 3, buildNumber: 0 } },
        ],
      },
      CRYPTO,
    );
    if (!built.ok) throw new Error(built.detail);
    const slot = section(textOf(offered('swap-using-move', { offer: built.value })), 'slot1');
    expect(slot).toContainEqual(
      expect.stringMatching(/^dependency +protected +12 bytes +image 1 from 1\.2\.3\+0 on$/),
    );
  });

  it.each([
    [[0xff, 0xff, 0xff, 0xff], 'image        empty'],
    [[1, 2, 3, 4], 'image        none (image-bad-magic: '],
  ])('tells empty slots from those with no image: %j', (bytes, line) => {
    const bench = new SwapBench('overwrite-only', EQUAL_SHAPE);
    bench.primary.write(0, Uint8Array.from(bytes));
    const slot = section(textOf(bench), 'slot0');
    expect(slot[0]?.startsWith(line)).toBe(true);
    expect(slot[1]).toBe('trailer      erased');
  });

  it('shows an image that is damaged as far as it can be read', () => {
    const bench = offered('swap-using-move');
    // The first byte of the TLVs, behind a header of 32 bytes and a body of 3000.
    bench.flash.flipBit(bench.secondary.flashOffset + 32 + 3000, 3);
    const slot = section(textOf(bench), 'slot1');
    expect(slot[0]).toBe('image        2.0.0+0, size unknown');
    expect(slot).toContainEqual(expect.stringMatching(/^TLVs +image-tlv-magic: /));
  });

  it('names the alignment that a magic is for', () => {
    const bench = new SwapBench('swap-using-move', { ...EQUAL_SHAPE, writeAlignBytes: 16 });
    const wrong = offered('swap-using-move').secondary.read(8 * 1024 - 16, 16);
    bench.secondary.write(bench.secondary.sizeBytes - 16, wrong);
    expect(section(textOf(bench), 'slot1').join()).toContain(
      "magic bad (MCUboot's for a write alignment of 8)",
    );
  });

  it('says that signatures are not checked where there is no key', () => {
    const bench = offered('swap-using-move');
    const text = formatFlash(reportOf(bench, { keys: [] }), PLAIN);
    expect(section(text, 'slot0')).toContain(
      'verifies     its hash alone: there is no key to check a signature with',
    );
  });
});

describe('a flash for programs', () => {
  it('has what people see, with whole values', () => {
    const bench = offered('swap-using-move');
    bench.boot(26);
    const json = JSON.parse(JSON.stringify(flashToJson(reportOf(bench)))) as unknown;
    expect(json).toMatchObject({
      board: { name: 'bench', strategy: 'swap-using-move', erasedValue: 255, writeAlignBytes: 4 },
      counters: [0],
      unbuildable: null,
      areas: [
        { name: 'slot0', offset: 0, sizeBytes: 8192 },
        { name: 'slot1' },
        { name: 'scratch' },
      ],
      images: [
        {
          request: 'none',
          swap: { swapType: 'test', movedUp: 4, swapped: 1, turns: 4, step: 2, canResume: true },
          slots: [
            { area: 'slot0', verified: false, trailer: { magic: 'good', swapSizeBytes: 3188 } },
            { area: 'slot1', imageOffset: 0, trailer: { isErased: true, swapSizeBytes: null } },
          ],
        },
      ],
      nextBoot: {
        boots: [{ slot: 0, version: '2.0.0+0' }],
        bootsUnconfirmed: [{ slot: 0, version: '1.0.0+0' }],
        isTrial: true,
      },
    });
    expect(JSON.stringify(json)).toMatch(
      /"name":"SHA-256","protected":false,"value":"[0-9a-f]{64}"/,
    );
  });
});

describe('colours', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
  ])('on %j with %j: %s', (stream, environment, expected) => {
    expect(paintFor(stream, environment)).toBe(expected ? COLOURED : PLAIN);
  });

  it('change no character of what is read', () => {
    const bench = offered('swap-using-move');
    const report = reportOf(bench);
    const coloured = formatFlash(report, COLOURED);
    // eslint-disable-next-line no-control-regex -- escape sequences begin with a control character
    const escapes = /\x1b\[[0-9;]*m/g;
    expect(coloured).toMatch(escapes);
    expect(coloured.replace(escapes, '')).toBe(formatFlash(report, PLAIN));
  });
});
