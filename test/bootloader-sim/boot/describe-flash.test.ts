import { describe, expect, it } from 'vitest';
import {
  checkBootLayout,
  decodeImageHeader,
  describeFlash,
  equalSnapshots,
  markForUpgrade,
  type FlashArea,
  type FlashDescription,
  type ImageDescription,
  type StrategyName,
  type SwapProgress,
} from '@brickproof/bootloader-sim';
import { image } from './fixture.js';
import { EQUAL_SHAPE, SwapBench, type SwapShape } from './swap-bench.js';

type SwapName = Extract<StrategyName, `swap-${string}`>;

const SWAPS: readonly SwapName[] = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'];
/** Of a small image of the fixture: it has 3000 bytes and some, in sectors of 1 KiB. */
const IMAGE_SECTORS = 4;

function described(bench: SwapBench): FlashDescription {
  return describeFlash(bench.strategy, bench.environment);
}

function onlyImage(bench: SwapBench): ImageDescription {
  const [found] = described(bench).images;
  if (found === undefined) throw new Error('no image');
  return found;
}

function offered(strategy: SwapName, shape: SwapShape = EQUAL_SHAPE): SwapBench {
  const bench = new SwapBench(strategy, shape);
  bench.install(image('1.0.0'));
  bench.offer(image('2.0.0'));
  return bench;
}

/** The version in the header at a place, as text. */
function versionAt(area: FlashArea, offset: number): string {
  const header = decodeImageHeader(area.read(offset, 32));
  return header.ok ? `${header.value.version.major}` : header.code;
}

describe('what a flash tells its bootloader', () => {
  it.each(SWAPS)('says under %s what the slots hold and what they ask for', (strategy) => {
    const bench = offered(strategy);
    const { slots, request, swap } = onlyImage(bench);
    const [primary, secondary] = slots;
    expect(checkBootLayout(strategy, bench.environment).ok).toBe(true);
    expect([request, swap]).toEqual(['test', undefined]);
    expect(primary.header).toMatchObject({ ok: true, value: { version: { major: 1 } } });
    expect(secondary.header).toMatchObject({ ok: true, value: { version: { major: 2 } } });
    expect([primary.verified?.ok, secondary.verified?.ok]).toEqual([true, true]);
    expect(secondary.imageOffset).toBe(strategy === 'swap-using-offset' ? 1024 : 0);
    expect(primary.trailer).toMatchObject({ magic: 'unset', isErased: true, swapInfo: 'unset' });
    expect(secondary.trailer).toMatchObject({
      magic: 'good',
      swapType: 'test',
      swapInfo: 'set',
      imageOk: 'unset',
      copyDone: 'unset',
      isErased: false,
    });
  });

  it.each(SWAPS)('changes nothing, and says nothing to the log, under %s', (strategy) => {
    const bench = offered(strategy);
    bench.boot(9);
    const before = bench.flash.snapshot();
    bench.log.length = 0;
    described(bench);
    expect(equalSnapshots(bench.flash.snapshot(), before)).toBe(true);
    expect(bench.log).toEqual([]);
  });

  it('tells an empty slot from one that holds something else', () => {
    const bench = new SwapBench('swap-using-move', EQUAL_SHAPE);
    bench.primary.write(0, new Uint8Array(32).fill(0x5a));
    const [primary, secondary] = onlyImage(bench).slots;
    expect(primary).toMatchObject({ isEmpty: false, header: { code: 'image-bad-magic' } });
    expect(primary.verified).toMatchObject({ ok: false, code: 'image-bad-magic' });
    expect(secondary).toMatchObject({ isEmpty: true, verified: undefined, tlvs: undefined });
  });

  it('finds an image under swap-using-offset in the first sector, where a swap leaves it', () => {
    const bench = offered('swap-using-offset');
    expect(bench.boot()).toBe('2.0.0');
    const { slots, request } = onlyImage(bench);
    expect(slots[1].header).toMatchObject({ ok: true, value: { version: { major: 1 } } });
    expect([slots[1].imageOffset, request]).toEqual([0, 'revert']);
  });

  it('keeps no swap fields where nothing is swapped', () => {
    const bench = new SwapBench('overwrite-only', EQUAL_SHAPE);
    bench.install(image('1.0.0'));
    bench.offer(image('2.0.0'), { permanent: true });
    const { slots, request, swap } = onlyImage(bench);
    expect([request, swap]).toEqual(['permanent', undefined]);
    expect(slots[1].trailer).toMatchObject({
      swapSizeBytes: undefined,
      statusEntries: undefined,
      contentKeys: [],
      imageOk: 'set',
    });
    const xip = describeFlash('direct-xip', bench.environment);
    expect(xip.images[0]?.request).toBeUndefined();
    expect(xip.scratch).toBeUndefined();
  });

  it('names the alignment whose magic lies in a trailer of another one', () => {
    const made = new SwapBench('swap-using-move', { ...EQUAL_SHAPE, writeAlignBytes: 16 });
    made.offer(image('2.0.0'));
    const bytes = made.secondary.read(made.secondary.sizeBytes - 16, 16);
    const bench = new SwapBench('swap-using-move', EQUAL_SHAPE);
    bench.secondary.write(bench.secondary.sizeBytes - 16, bytes);
    const [, secondary] = onlyImage(bench).slots;
    expect(secondary.trailer).toMatchObject({ magic: 'bad', foreignAlignBytes: 16 });
  });

  it('says of content keys only whether they are there', () => {
    const settings = { encryptionKeySizeBytes: 16 } as const;
    const bench = offered('swap-using-move', { ...EQUAL_SHAPE, settings, erasedValue: 0x00 });
    const keyStates = (): readonly string[] => onlyImage(bench).slots[0].trailer.contentKeys;
    expect(keyStates()).toEqual(['unset', 'unset']);
    // Between the magic and the first key lie two flags, swap-info and the swap size.
    const firstKeyAt = bench.primary.sizeBytes - 16 - 4 * 8 - 16;
    bench.primary.write(firstKeyAt, new Uint8Array(16).fill(7));
    bench.primary.write(firstKeyAt - 16, new Uint8Array(16).fill(0xff));
    expect(keyStates()).toEqual(['present', 'none']);
  });
});

/** Every moment of an upgrade, each described. */
function eachCut(
  strategy: SwapName,
  shape: SwapShape,
): readonly { readonly bench: SwapBench; readonly swap: SwapProgress | undefined }[] {
  const moments: { bench: SwapBench; swap: SwapProgress | undefined }[] = [];
  const start = offered(strategy, shape).flash.snapshot();
  for (let operation = 0; ; operation += 1) {
    const bench = new SwapBench(strategy, shape, start);
    if (bench.boot(operation) !== 'cut') return moments;
    moments.push({ bench, swap: onlyImage(bench).swap });
  }
}

const SHAPES: readonly SwapShape[] = [
  EQUAL_SHAPE,
  { ...EQUAL_SHAPE, name: 'words of 1, erased to 0x00', writeAlignBytes: 1, erasedValue: 0x00 },
  {
    ...EQUAL_SHAPE,
    name: 'words of 32',
    writeAlignBytes: 32,
    slotRuns: [{ count: 5, sizeBytes: 2048 }],
    scratchRuns: [{ count: 1, sizeBytes: 2048 }],
  },
];

describe.each(SHAPES)('a swap that is cut short, on $name', (shape) => {
  describe.each(SWAPS)('by %s', (strategy) => {
    const moments = eachCut(strategy, shape);

    it('is told from its first status entry on, and never goes back', () => {
      const told = moments.flatMap(({ swap }) => (swap === undefined ? [] : [swap]));
      expect(told.length).toBeGreaterThan(moments.length / 2);
      const progress = told.map(({ movedUp = 0, swapped, step }) => {
        return (movedUp + swapped) * 10 + step;
      });
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      for (const swap of told) {
        expect(swap).toMatchObject({ swapType: 'test', isRevert: false, canResume: true });
      }
      const last = told.at(-1);
      expect(last?.swapped).toBe(last?.turns);
    });

    it('says where the headers are now', () => {
      for (const { bench, swap } of moments) {
        if (swap === undefined || swap.swapped === swap.turns) continue;
        const areas = [bench.primary, bench.secondary, bench.scratch];
        const versions = swap.headerPlaces.map(({ areaName, offset }) => {
          const area = areas.find(({ name }) => name === areaName);
          return area === undefined ? 'nowhere' : versionAt(area, offset);
        });
        expect(versions, JSON.stringify(swap)).toEqual(['1', '2']);
      }
    });

    it('is finished by the next boot, as it was told', () => {
      for (const { bench, swap } of moments) {
        if (swap === undefined) continue;
        expect(bench.boot(), JSON.stringify(swap)).toBe('2.0.0');
      }
    });
  });
});

describe('how far a swap has come', () => {
  it('counts the sectors that swap-using-move has moved up, then those it has swapped', () => {
    const told = eachCut('swap-using-move', EQUAL_SHAPE).flatMap(({ swap }) =>
      swap === undefined ? [] : [`${swap.movedUp ?? '-'} ${swap.swapped} ${swap.step}`],
    );
    expect([...new Set(told)]).toEqual([
      ...['0 0 1', '1 0 1', '2 0 1', '3 0 1'],
      ...['4 0 1', '4 0 2', '4 1 1', '4 1 2', '4 2 1', '4 2 2', '4 3 1', '4 3 2', '4 4 1'],
    ]);
  });

  it('counts the turns of swap-using-scratch, each of as many sectors as the scratch area', () => {
    const told = eachCut('swap-using-scratch', EQUAL_SHAPE).flatMap(({ swap }) =>
      swap === undefined ? [] : [`${swap.swapped} of ${swap.turns}, ${swap.step}`],
    );
    const turns = IMAGE_SECTORS / 2;
    expect([...new Set(told)]).toEqual([
      ...[`0 of ${turns}, 1`, `0 of ${turns}, 2`, `0 of ${turns}, 3`],
      ...[`1 of ${turns}, 1`, `1 of ${turns}, 2`, `1 of ${turns}, 3`, `2 of ${turns}, 1`],
    ]);
  });

  it('knows a revert, and which way it goes', () => {
    const start = offered('swap-using-offset');
    expect(start.boot()).toBe('2.0.0');
    const snapshot = start.flash.snapshot();
    const told: (SwapProgress | undefined)[] = [];
    for (let operation = 0; operation < 40; operation += 1) {
      const bench = new SwapBench('swap-using-offset', EQUAL_SHAPE, snapshot);
      if (bench.boot(operation) !== 'cut') break;
      told.push(onlyImage(bench).swap);
    }
    const reverts = told.filter((swap) => swap !== undefined);
    expect(reverts.length).toBeGreaterThan(10);
    expect(reverts.every(({ isRevert, swapType }) => isRevert && swapType === 'revert')).toBe(true);
  });

  it('does not go on with a swap that is larger than the slot', () => {
    const cut = eachCut('swap-using-move', EQUAL_SHAPE).at(-4);
    if (cut?.swap === undefined) throw new Error('no swap');
    const { flash, primary } = cut.bench;
    // The second byte of the swap size: programming clears bits only, so rot sets one.
    const sizeAt = primary.sizeBytes - 16 - 4 * 8 + 2;
    flash.flipBit(sizeAt, 7);
    expect(onlyImage(cut.bench).swap).toMatchObject({ canResume: false });
    cut.bench.boot();
    expect(cut.bench.log.join('\n')).toContain('Failed reading boot status');
  });

  it('finds the status of a swap in the scratch area while the trailer itself is moved', () => {
    const shape = { ...EQUAL_SHAPE, slotRuns: [{ count: 4, sizeBytes: 1024 }] };
    const sources = eachCut('swap-using-scratch', shape).map(({ swap }) => swap?.source);
    expect(new Set(sources)).toEqual(new Set([undefined, 'scratch', 'primary']));
  });

  it('is not asked of a scratch area that the strategy has no use for', () => {
    for (const strategy of ['swap-using-move', 'swap-using-offset'] as const) {
      const cut = eachCut(strategy, EQUAL_SHAPE).at(-4);
      if (cut?.swap === undefined) throw new Error('no swap');
      const { scratch } = cut.bench;
      expect(markForUpgrade(scratch, { permanent: false }).ok).toBe(true);
      expect(onlyImage(cut.bench).swap).toEqual(cut.swap);
      expect(cut.bench.boot()).toBe('2.0.0');
    }
  });
});
