import { describe, expect, it } from 'vitest';
import {
  PowerCut,
  effectsOf,
  markForDirectXip,
  readTrailer,
  type FlashOperation,
} from '@brickproof/bootloader-sim';
import { Bench, SHAPES, STRANGER_KEY, image, type Shape } from './fixture.js';

const [PLAIN] = SHAPES;
if (PLAIN === undefined) throw new Error('no shapes');

const EQUAL: Shape = PLAIN;

function bench(shape: Shape = EQUAL, securityCounter = 0): Bench {
  return new Bench('direct-xip', shape, securityCounter);
}

describe.each(SHAPES)('direct-xip on $name', (shape) => {
  it('boots the confirmed image again and again, and writes nothing while it does', () => {
    const b = bench(shape);
    b.install(0, image('1.0.0'));
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    const { writes } = b.flash.statistics;
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.flash.statistics.writes).toBe(writes);
  });

  it('tries a marked image once, and goes back when it was not confirmed', () => {
    const b = bench(shape);
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    markForDirectXip(b.slots[1], { confirm: false });
    expect(b.bootSummary()).toBe('slot 1: 1.1.0');
    expect(readTrailer(b.slots[1])).toMatchObject({
      magic: 'good',
      copyDone: 'set',
      imageOk: 'unset',
    });
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.isErased(1)).toBe(true);
    expect(b.log).toContain('warning: Erasing faulty image in the secondary slot.');
  });

  it('stays with an image that was confirmed during its trial', () => {
    const b = bench(shape);
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    markForDirectXip(b.slots[1], { confirm: false });
    b.boot();
    markForDirectXip(b.slots[1], { confirm: true });
    expect(b.bootSummary()).toBe('slot 1: 1.1.0');
    expect(b.bootSummary()).toBe('slot 1: 1.1.0');
  });

  it('boots a permanently marked image without a trial', () => {
    const b = bench(shape);
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    markForDirectXip(b.slots[1], { confirm: true });
    expect(b.bootSummary()).toBe('slot 1: 1.1.0');
    expect(b.bootSummary()).toBe('slot 1: 1.1.0');
  });
});

describe('direct-xip', () => {
  it('erases a higher version that nobody marked', () => {
    const b = bench();
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.isErased(1)).toBe(true);
  });

  it.each([
    ['of an unknown key', image('1.1.0', { key: STRANGER_KEY }), 'image-key-unknown'],
    ['with a changed body', flipped(image('1.1.0'), 500), 'image-hash-mismatch'],
    [
      'below the security counter',
      image('1.1.0', { securityCounter: 0 }),
      'image-security-counter-low',
    ],
  ])('refuses and erases a marked image %s', (_, bytes, code) => {
    const b = bench(EQUAL, 1);
    b.install(0, image('1.0.0'));
    b.load(1, bytes);
    markForDirectXip(b.slots[1], { confirm: false });
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    expect(b.log.some((line) => line.startsWith(`error: ${code}: `))).toBe(true);
    expect(b.isErased(1)).toBe(true);
  });

  it('never boots a lower version while the higher one is sound', () => {
    const b = bench();
    b.install(0, image('1.0.0'));
    b.load(1, image('0.9.0'));
    markForDirectXip(b.slots[1], { confirm: true });
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
  });

  it('boots the older confirmed image when a bit flips in the newer one', () => {
    const b = bench();
    b.install(0, image('1.0.0'));
    b.install(1, flipped(image('1.1.0'), 900));
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
  });

  it('starts a confirmed image though its counter cannot be raised, and raises it later', () => {
    const b = bench();
    b.install(0, image('1.0.0', { securityCounter: 1 }));
    b.install(1, image('2.0.0', { securityCounter: 5 }));
    const { counters } = b;
    const raise = counters.raise.bind(counters);
    counters.raise = () => ({ ok: false, code: 'flash-write-failed', detail: 'full' });
    // The older image with the lower counter is what must not run.
    expect(b.bootSummary()).toBe('slot 1: 2.0.0');
    expect(b.log).toContain('error: Security counter update failed: full');
    expect(counters.read(0)).toBe(0);
    counters.raise = raise;
    expect(b.bootSummary()).toBe('slot 1: 2.0.0');
    expect(counters.read(0)).toBe(5);
  });

  it('raises the counter only once the image is confirmed, and then refuses older ones', () => {
    const b = bench();
    b.install(0, image('1.0.0', { securityCounter: 1 }));
    b.boot();
    expect(b.counters.read(0)).toBe(1);
    b.load(1, image('1.1.0', { securityCounter: 5 }));
    markForDirectXip(b.slots[1], { confirm: false });
    b.boot();
    expect(b.counters.read(0)).toBe(1);
    markForDirectXip(b.slots[1], { confirm: true });
    b.boot();
    expect(b.counters.read(0)).toBe(5);
    b.slots[1].erase(0, b.slots[1].sizeBytes);
    expect(b.bootSummary()).toBe('boot-no-image');
  });

  it.each(['marked', 'not marked'])(
    'skips an image, %s, that was linked for the other slot, and leaves it alone at every boot',
    (what) => {
      const b = bench();
      b.install(0, image('1.0.0'));
      b.load(1, image('1.1.0', { romFixed: 0x9000 }));
      if (what === 'marked') markForDirectXip(b.slots[1], { confirm: false });
      const before = b.slots[1].read(0, b.slots[1].sizeBytes).slice();
      for (let boots = 0; boots < 3; boots += 1) {
        expect(b.bootSummary()).toBe('slot 0: 1.0.0');
        expect(b.slots[1].read(0, b.slots[1].sizeBytes)).toEqual(before);
      }
    },
  );

  it('counts a half-written copy-done as a trial that was begun', () => {
    const b = bench();
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    markForDirectXip(b.slots[1], { confirm: false });
    const { sizeBytes } = b.slots[1];
    b.slots[1].write(sizeBytes - 16 - 16, Uint8Array.of(0x03, 0xff, 0xff, 0xff));
    expect(readTrailer(b.slots[1]).copyDone).toBe('bad');
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
  });

  it('does not run a trial that it cannot note', () => {
    const b = bench();
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    markForDirectXip(b.slots[1], { confirm: false });
    b.flash.watch(() => ({ kind: 'failure', effect: 'untouched' }));
    expect(b.bootSummary()).toBe('slot 0: 1.0.0');
  });

  it('says so when nothing can boot', () => {
    expect(bench().bootSummary()).toBe('boot-no-image');
  });

  it('boots the old or the new image after a power cut in any operation of any boot of a trial', () => {
    const b = bench();
    b.install(0, image('1.0.0'));
    b.load(1, image('1.1.0'));
    markForDirectXip(b.slots[1], { confirm: false });
    const cuts = cutEverywhere(b);
    expect(cuts.count).toBeGreaterThan(3);
    expect(cuts.outcomes).toEqual(new Set(['slot 0: 1.0.0', 'slot 1: 1.1.0']));
  });
});

/**
 * Cuts the power in each flash operation of two boots, after each number of bytes of interest,
 * and collects what boots next. After that it must settle on the old image.
 */
function cutEverywhere(b: Bench): {
  readonly count: number;
  readonly outcomes: ReadonlySet<string>;
} {
  const start = b.flash.snapshot();
  const outcomes = new Set<string>();
  let count = 0;
  for (let at = 0; ; at += 1) {
    let reached = false;
    for (const row of [0, 1, 2, 3, 4]) {
      b.flash.restore(start);
      let seen = 0;
      b.flash.watch((operation: FlashOperation) => {
        seen += 1;
        if (seen - 1 !== at) return undefined;
        const effects = effectsOf(operation, { ...b.flash.geometry, prefixesMax: 1 });
        return { kind: 'power-cut', effect: effects[row % effects.length] ?? 'untouched' };
      });
      try {
        b.boot();
        b.boot();
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        count += 1;
      }
      reached ||= seen > at;
      b.flash.watch(undefined);
      outcomes.add(b.bootSummary());
      b.boot();
      expect(b.bootSummary()).toBe('slot 0: 1.0.0');
    }
    if (!reached) return { count, outcomes };
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1);
}
