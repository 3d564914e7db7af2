import { describe, expect, it } from 'vitest';
import { COLOURED, PLAIN, explorationToJson, formatExploration } from '@brickproof/harness';
import { BROKEN, DRAINED, UNFINISHED, brokenWithText } from './exploration-fixture.js';

describe('an exploration as people read it', () => {
  it('says in two lines that nothing is left to try', () => {
    expect(formatExploration(DRAINED, PLAIN).split('\n')).toEqual([
      'update-and-revert, swap-using-move, power cuts: any number',
      '  drained: 6,947 states, 10,412,007 edges (10,405,061 merged), 6,950 boots run and 18,211 shared, nothing left to try',
      '  deepest new cut 7, boots to settle 3, time 41.3 s, peak memory 313 MiB',
    ]);
  });

  it('is loud when something is left to try', () => {
    const text = formatExploration(UNFINISHED, PLAIN);
    expect(text).toContain(
      '\n  NOT DRAINED, stopped by the limit of 100,000 states: 100,000 states, ',
    );
    expect(text).not.toContain('nothing left to try');
    expect(formatExploration(UNFINISHED, COLOURED)).toContain('\u001b[31m  NOT DRAINED');
    expect(formatExploration(DRAINED, COLOURED)).toContain('\u001b[32m  drained');
  });

  it('is not green when everything was tried and something is broken', () => {
    const text = formatExploration({ ...BROKEN, drained: true, stoppedBy: undefined }, COLOURED);
    expect(text).toContain('\u001b[31m  drained: ');
    expect(text).toContain(
      '\u001b[31m  BROKEN boots-something (there is always an image that can run), found 1 time',
    );
  });

  it('is not green when something is broken whose way is not known', () => {
    const { invariants } = BROKEN;
    const text = formatExploration({ ...DRAINED, invariants }, COLOURED);
    expect(text).toContain('\u001b[31m  drained: ');
    expect(text).not.toContain('replay');
  });

  it('tells the way to what is broken, boot by boot, and how to see it again', () => {
    const sections = formatExploration(BROKEN, PLAIN).split('\n\n');
    expect(sections[1]).toBe(
      [
        'boots-something is broken after 2 power cuts',
        '  slot0 holds no image that verifies, and no swap is under way that would bring one',
      ].join('\n'),
    );
    expect(sections.slice(2).map((lines) => lines.split('\n')[0])).toEqual([
      'Start',
      'Boot 1, 4,211 operations: reset',
      'Boot 2, 12 operations: power cut in the write of magic of the trailer',
      'Boot 3, 3 operations: power cut in the erase of sector 3 of slot0',
      'Boot 4, 0 operations: invariant broken',
      'replay it: brickproof explore --replay update-and-revert/swap-using-move/8x4096/2:11.1,3:2.bit',
    ]);
  });

  it('tells of a boot what it read, logged and ran, what was cut, and what changed', () => {
    expect(formatExploration(BROKEN, PLAIN).split('\n\n')[5]?.split('\n').slice(1)).toEqual([
      '  reads      slot0+0x7ff0: 77 c2 95 f3 60 d2 ef 7f ff ff ff ff ff ff ff ff',
      '  log        Starting bootloader',
      '             Primary image: magic=bad, swap_type=0x1, copy_done=0x3, image_ok=0x3',
      '             Swap type: none',
      '             erasing what the swap left behind',
      '  ran        nothing',
      '  cut        erase of 4,096 bytes at slot0+0x3000: sector 3 of slot0',
      '  left of it erased but for one bit',
      '  slot0      1.1.0 sectors 0 to 2; torn 1.1.0 sector 3; 1.1.0 sector 4; 2 sectors erased; torn',
    ]);
  });

  it('tells the trailer of a slot when it changed', () => {
    const boot = formatExploration(BROKEN, PLAIN).split('\n\n')[4] ?? '';
    expect(boot.split('\n').slice(-2)).toEqual([
      '  slot0      1.1.0 sectors 0 to 4; 2 sectors erased; torn',
      '             trailer: magic bad, swap type none, copy-done unset, image-ok unset, status entries 0 written',
    ]);
  });

  it('shows the end of a long log, and how much it leaves out', () => {
    const found = BROKEN.counterexample;
    if (found === undefined) throw new Error('the fixture has a counterexample');
    const log = Array.from({ length: 1002 }, (_, index) => `line ${index}`);
    const boots = found.boots.map((boot) => ({ ...boot, log }));
    const text = formatExploration({ ...BROKEN, counterexample: { ...found, boots } }, PLAIN);
    expect(text).toContain('  log        (994 lines before)\n             line 994\n');
    expect(text).toContain('             line 1001\n  ran ');
    expect(text).not.toContain('line 993\n');
  });

  it('lets no text of others move the cursor or begin a line', () => {
    const hostile = formatExploration(brokenWithText('a\u001b[2Jb\nc\u0007\u009b31m'), PLAIN);
    expect(hostile).toContain('a?[2Jb?c??31m');
    expect(hostile.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    const harmless = formatExploration(brokenWithText('a'), PLAIN);
    expect(hostile.split('\n')).toHaveLength(harmless.split('\n').length);
  });

  it('paints only what is padded already', () => {
    // eslint-disable-next-line no-control-regex -- Colours are made of them.
    const colours = /\u001b\[\d+m/g;
    expect(formatExploration(BROKEN, COLOURED).replace(colours, '')).toBe(
      formatExploration(BROKEN, PLAIN),
    );
  });
});

describe('an exploration as programs read it', () => {
  it('has every number, and null where nothing was found', () => {
    const { settings, invariants, ...others } = explorationToJson(DRAINED);
    expect(settings).toEqual(DRAINED.settings);
    expect(invariants).toEqual({
      'runs-verified-image': 0,
      'counter-never-lower': 0,
      'boots-something': 0,
      'confirmed-stays': 0,
      'tried-once': 0,
      'store-keeps': 0,
      settles: 0,
      'no-stray-error': 0,
    });
    expect(others).toEqual({
      drained: true,
      stoppedBy: null,
      states: 6947,
      edges: 10_412_007,
      merged: 10_405_061,
      deepestNewCut: 7,
      boots: 6950,
      sharedBoots: 18_211,
      bootsToSettle: 3,
      seconds: 41.27,
      peakMemoryBytes: 327_155_717,
      counterexample: null,
    });
  });

  it('has the whole counterexample, of which JSON loses nothing', () => {
    const json = explorationToJson(BROKEN);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json).toMatchObject({
      drained: false,
      stoppedBy: 'the first broken invariant',
      invariants: { 'boots-something': 1, settles: 0 },
      counterexample: { invariant: 'boots-something', cuts: 2 },
    });
    expect(json['counterexample']).toEqual(withNulls(BROKEN.counterexample));
  });
});

/** A value with null wherever something in it is undefined. */
function withNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNulls);
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withNulls(part)]));
}
