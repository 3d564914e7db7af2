import { describe, expect, it } from 'vitest';
import { NorFlash } from '@brickproof/bootloader-sim';
import { image } from '../../bootloader-sim/boot/fixture.js';
import { EQUAL_SHAPE, SwapBench } from '../../bootloader-sim/boot/swap-bench.js';
import { offered, reportOf, section, textOf } from './flash-board.js';

/** What the second line of the swap says, cut after cut, without repeats. */
function progressOf(strategy: SwapBench['strategy'], start: SwapBench): readonly string[] {
  const snapshot = start.flash.snapshot();
  const told: string[] = [];
  for (let operation = 0; ; operation += 1) {
    const bench = new SwapBench(strategy, EQUAL_SHAPE, snapshot);
    if (bench.boot(operation) !== 'cut') return told;
    const text = textOf(bench);
    if (!text.includes('\n\nSwap of ')) continue;
    const [, sentence = ''] = section(text, 'Swap of slot0 and slot1');
    if (told.at(-1) !== sentence) told.push(sentence);
  }
}

describe('a swap that is under way, as people read it', () => {
  it('is told move by move under swap-using-move', () => {
    const up = 'moved up all 4 sectors of slot0, swapped';
    expect(progressOf('swap-using-move', offered('swap-using-move'))).toEqual([
      'moved up 0 of 4 sectors of slot0; next: sector 4 moves up',
      'moved up 1 of 4 sectors of slot0; next: sector 3 moves up',
      'moved up 2 of 4 sectors of slot0; next: sector 2 moves up',
      'moved up 3 of 4 sectors of slot0; next: sector 1 moves up',
      `${up} 0 of 4 sectors; next: sector 1, first step (slot1 to slot0)`,
      `${up} 0 of 4 sectors; next: sector 1, second step (slot0 to slot1)`,
      `${up} 1 of 4 sectors; next: sector 2, first step (slot1 to slot0)`,
      `${up} 1 of 4 sectors; next: sector 2, second step (slot0 to slot1)`,
      `${up} 2 of 4 sectors; next: sector 3, first step (slot1 to slot0)`,
      `${up} 2 of 4 sectors; next: sector 3, second step (slot0 to slot1)`,
      `${up} 3 of 4 sectors; next: sector 4, first step (slot1 to slot0)`,
      `${up} 3 of 4 sectors; next: sector 4, second step (slot0 to slot1)`,
      `${up} 4 of 4 sectors; next: only the trailer is to be finished`,
    ]);
  });

  it('is told from the last sector to the first in a swap back under swap-using-offset', () => {
    const bench = offered('swap-using-offset');
    expect(bench.boot()).toBe('2.0.0');
    const told = progressOf('swap-using-offset', bench);
    expect(told.slice(0, 3)).toEqual([
      'swapped 0 of 4 sectors; next: sector 4, first step (slot0 to slot1)',
      'swapped 0 of 4 sectors; next: sector 4, second step (slot1 to slot0)',
      'swapped 1 of 4 sectors; next: sector 3, first step (slot0 to slot1)',
    ]);
  });

  it('is told in groups, from the last to the first, under swap-using-scratch', () => {
    const told = progressOf('swap-using-scratch', offered('swap-using-scratch'));
    const group = 'next: group of sectors';
    expect(told).toEqual([
      `swapped 0 of 2 groups of sectors; ${group} 2, first step (slot1 to scratch)`,
      `swapped 0 of 2 groups of sectors; ${group} 2, second step (slot0 to slot1)`,
      `swapped 0 of 2 groups of sectors; ${group} 2, third step (scratch to slot0)`,
      `swapped 1 of 2 groups of sectors; ${group} 1, first step (slot1 to scratch)`,
      `swapped 1 of 2 groups of sectors; ${group} 1, second step (slot0 to slot1)`,
      `swapped 1 of 2 groups of sectors; ${group} 1, third step (scratch to slot0)`,
      'swapped 2 of 2 groups of sectors; next: only the trailer is to be finished',
    ]);
  });

  it.each([
    ['swap-using-offset', 15],
    ['swap-using-move', 26],
    ['swap-using-scratch', 22],
  ] as const)('says under %s what it is, and what comes of it', (strategy, operations) => {
    const bench = offered(strategy);
    expect(bench.boot(operations)).toBe('cut');
    const text = textOf(bench);
    expect(section(text, 'Swap of')[0]).toBe(
      'a swap on trial of 3188 bytes is under way, noted in slot0',
    );
    expect(section(text, 'Next boot')[0]).toBe('the swap is finished first');
    expect(section(text, 'Next boot').at(-1)).toBe(
      '2.0.0+0 runs from slot0, on trial: unless it is confirmed, the boot after runs 1.0.0+0 from slot0',
    );
  });

  it('says when the bootloader cannot go on', () => {
    const bench = offered('swap-using-move');
    bench.boot(26);
    bench.flash.flipBit(bench.primary.sizeBytes - 16 - 4 * 8 + 2, 7);
    const text = textOf(bench);
    expect(section(text, 'Swap of').at(-1)).toBe(
      'a swap of that size does not fit: the bootloader leaves everything as it is',
    );
    expect(section(text, 'Next boot')).not.toContain('the swap is finished first');
  });

  it('shows the scratch area where the strategy uses it', () => {
    const shape = { ...EQUAL_SHAPE, slotRuns: [{ count: 4, sizeBytes: 1024 }] };
    const bench = offered('swap-using-scratch', { shape });
    bench.boot(8);
    const text = textOf(bench);
    expect(section(text, 'scratch')[0]).toMatch(
      /^trailer +magic good, .+ swap-info test of image 0$/,
    );
    expect(section(text, 'Swap of')[0]).toMatch(/noted in scratch$/);
    expect(() => section(textOf(offered('swap-using-move')), 'scratch')).toThrow();
  });
});

describe('what the next boot does, as people read it', () => {
  it.each([
    ['swap-using-move', true, ['slot1 asks to be swapped in for good', /, confirmed$/]],
    ['overwrite-only', false, ['slot1 asks to be copied over slot0', /^2\.0\.0\+0 .*, to stay$/]],
    [
      'direct-xip',
      false,
      [
        'the highest version that may run is chosen',
        /^2\.0\.0\+0 runs from slot1, on trial: .*, the boot after finds nothing to run$/,
      ],
    ],
  ] as const)('under %s, asked for good: %s', (strategy, permanent, [request, outcome]) => {
    const next = section(textOf(offered(strategy, { permanent })), 'Next boot');
    expect(next[0]).toBe(request);
    expect(next.at(-1)).toMatch(outcome);
  });

  it('says that nothing may run', () => {
    const bench = new SwapBench('swap-using-move', EQUAL_SHAPE);
    const next = section(textOf(bench), 'Next boot');
    expect(next.at(-1)).toBe('nothing may run: the board is stuck');
    expect(next).toContain('log: Unable to find bootable image');
  });

  it('says that nothing is asked for, and that the flash stays as it is', () => {
    const bench = new SwapBench('swap-using-move', EQUAL_SHAPE);
    bench.install(image('1.0.0'));
    expect(section(textOf(bench), 'Next boot')).toEqual([
      'nothing is asked for',
      'the flash stays as it is',
      '1.0.0+0 runs from slot0, to stay',
    ]);
  });

  it('says that an image was not confirmed', () => {
    const bench = offered('swap-using-scratch');
    bench.boot();
    const next = section(textOf(bench), 'Next boot');
    expect(next[0]).toBe('the image in slot0 was not confirmed: it is to be swapped back');
    expect(next.at(-1)).toBe('1.0.0+0 runs from slot0, confirmed');
  });

  it('shows slots, and says why, where MCUboot cannot be built so', () => {
    const bench = offered('swap-using-move', {
      shape: { ...EQUAL_SHAPE, settings: { maxImageSectors: 4 } },
    });
    const text = textOf(bench);
    expect(text).toContain(
      'MCUboot cannot be built so: swap-using-move: image 0: more sectors than',
    );
    expect(section(text, 'slot1')[0]).toBe('image        2.0.0+0, 3188 bytes');
    expect(section(text, 'Next boot')).toEqual(['not known: see above']);
  });

  it('leaves the flash that it was shown as it was', () => {
    const bench = offered('swap-using-move');
    const snapshot = bench.flash.snapshot();
    reportOf(bench, { snapshot });
    const size = bench.flash.geometry.sizeBytes;
    expect(new NorFlash(snapshot).read(0, size)).toEqual(bench.flash.read(0, size));
    expect(bench.boot()).toBe('2.0.0');
  });
});
