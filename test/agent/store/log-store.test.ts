import { STORE_KEY_MAX, STORE_VALUE_BYTES_MAX, openLogStore } from '@brickproof/agent';
import type { Store } from '@brickproof/agent';
import {
  NorFlash,
  PowerCut,
  createFlashGeometry,
  createFlashMap,
  flickeringNoise,
  seededRandom,
} from '@brickproof/bootloader-sim';
import type {
  ErasedValue,
  FlashArea,
  FlashGeometry,
  FlashSnapshot,
  SectorRun,
  WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TornFlash } from '../../torn-flash.js';

interface Layout {
  readonly sectorRuns: readonly SectorRun[];
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
}

const LAYOUTS: readonly (readonly [string, Layout])[] = [
  ['two sectors, byte writes', layout([{ count: 2, sizeBytes: 640 }], 1, 0xff)],
  ['three sectors of 8-byte words', layout([{ count: 3, sizeBytes: 640 }], 8, 0xff)],
  [
    'unequal sectors of 32-byte words, erased to zero',
    layout(
      [
        { count: 1, sizeBytes: 640 },
        { count: 1, sizeBytes: 1280 },
      ],
      32,
      0x00,
    ),
  ],
];

function layout(
  sectorRuns: readonly SectorRun[],
  writeAlignBytes: WriteAlignBytes,
  erasedValue: ErasedValue,
): Layout {
  return { sectorRuns, writeAlignBytes, erasedValue };
}

function geometryOf(options: Layout): FlashGeometry {
  const geometry = createFlashGeometry(options);
  if (!geometry.ok) throw new Error(geometry.detail);
  return geometry.value;
}

function areaOf(flash: NorFlash): FlashArea {
  const { sizeBytes } = flash.geometry;
  const map = createFlashMap(flash, [{ name: 'store', offset: 0, sizeBytes }]);
  if (!map.ok) throw new Error(map.detail);
  return map.value.area('store');
}

function open(flash: NorFlash): Store {
  const store = openLogStore(areaOf(flash));
  if (!store.ok) throw new Error(store.detail);
  return store.value;
}

/** One call; an undefined value deletes. */
interface Step {
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

type Contents = ReadonlyMap<number, Uint8Array>;

const KEYS = [1, 2, 3, 0x1234, STORE_KEY_MAX];

/** Sixty sets and deletes of five keys, enough to fill the small sectors several times. */
const SCRIPT: readonly Step[] = Array.from({ length: 60 }, (_, index) => {
  const key = KEYS[(index * 7) % KEYS.length] ?? 1;
  const length = (index * 13) % 60;
  const value = Uint8Array.from({ length }, (__, at) => (index * 31 + at) & 0xff);
  return { key, value: index % 6 === 5 ? undefined : value };
});

function run(store: Store, step: Step): void {
  const outcome =
    step.value === undefined ? store.delete(step.key) : store.set(step.key, step.value);
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.detail}`);
}

function after(before: Contents, step: Step): Contents {
  const contents = new Map(before);
  if (step.value === undefined) contents.delete(step.key);
  else contents.set(step.key, step.value);
  return contents;
}

function read(store: Store): Contents {
  const contents = new Map<number, Uint8Array>();
  for (const key of KEYS) {
    const value = store.get(key);
    if (value !== undefined) contents.set(key, value);
  }
  return contents;
}

function equals(a: Contents, b: Contents): boolean {
  return describeContents(a) === describeContents(b);
}

function describeContents(contents: Contents): string {
  return KEYS.map((key) => contents.get(key)?.join() ?? 'none').join('/');
}

/** A power cut at the operation with this index, counted from now, after so many of its bytes. */
interface Cut {
  readonly operation: number;
  readonly appliedBytes: number;
}

/** Runs a step with the power cut in it; false when it ended before the cut. */
function runCut(flash: TornFlash, store: Store, step: Step, cut: Cut): boolean {
  let seen = 0;
  flash.watch((operation) => {
    seen += 1;
    const hit = seen - 1 === cut.operation;
    if (!hit) return undefined;
    return { kind: 'power-cut', effect: flash.tearAfter(operation, cut.appliedBytes) };
  });
  try {
    run(store, step);
    return false;
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
    return true;
  } finally {
    flash.watch(undefined);
  }
}

/** Cuts a write of a step so that one of its last words flickers; false when there is none. */
function cutLastWord(flash: NorFlash, step: Step, options: Layout, seed: number): boolean {
  const store = open(flash);
  let left = seed % 3;
  flash.watch(({ kind, lengthBytes }) => {
    if (kind !== 'write') return undefined;
    left -= 1;
    if (left >= 0) return undefined;
    const words = lengthBytes / options.writeAlignBytes;
    const firstWord = Math.max(0, words - 1 - (seed % 4));
    return { kind: 'power-cut', effect: { kind: 'unstable', firstWord } };
  });
  try {
    run(store, step);
    return false;
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
    return true;
  } finally {
    flash.watch(undefined);
  }
}

/** Every cut of one step: at each flash operation of it, after each number of bytes. */
function* cutsOf(snapshot: FlashSnapshot, step: Step, unitBytes: number): Generator<Cut> {
  const flash = new NorFlash(snapshot);
  const lengths: { kind: string; lengthBytes: number }[] = [];
  flash.watch((operation) => {
    lengths.push(operation);
    return undefined;
  });
  run(open(flash), step);
  for (const [operation, { kind, lengthBytes }] of lengths.entries()) {
    // An erase is left untouched, at some points on its way, or done and not reported.
    const stepBytes = kind === 'erase' ? Math.max(lengthBytes / 5, 1) : unitBytes;
    for (let appliedBytes = 0; appliedBytes < lengthBytes; appliedBytes += stepBytes) {
      yield { operation, appliedBytes: Math.floor(appliedBytes) };
    }
    yield { operation, appliedBytes: lengthBytes };
  }
}

/** The store after power came back: the step is there or it is not, and the rest is as it was. */
function checkAfterCut(flash: NorFlash, before: Contents, step: Step, where: string): Contents {
  const found = read(open(flash));
  const wanted = after(before, step);
  if (!equals(found, before) && !equals(found, wanted)) {
    const expected = `${describeContents(before)} or ${describeContents(wanted)}`;
    throw new Error(`${where}: found ${describeContents(found)}, expected ${expected}`);
  }
  return found;
}

/** Takes the next steps of the script on what was found, and reopens after each. */
function checkGoesOn(flash: NorFlash, found: Contents, next: readonly Step[], where: string): void {
  let expected = found;
  const store = open(flash);
  for (const step of next) {
    run(store, step);
    expected = after(expected, step);
    if (!equals(read(store), expected)) throw new Error(`${where}: lost while open`);
    if (!equals(read(open(flash)), expected)) throw new Error(`${where}: lost on reopening`);
  }
}

/** Calls back with every state of the script: before each step, from an area never used. */
function forEachStep(
  options: Layout,
  visit: (snapshot: FlashSnapshot, before: Contents, index: number) => void,
): void {
  const flash = new NorFlash(geometryOf(options));
  const store = open(flash);
  let before: Contents = new Map();
  for (const [index, step] of SCRIPT.entries()) {
    visit(flash.snapshot(), before, index);
    run(store, step);
    before = after(before, step);
  }
}

describe('openLogStore', () => {
  it.each(LAYOUTS)('keeps what was set and forgets what was deleted: %s', (_, options) => {
    const flash = new NorFlash(geometryOf(options));
    let expected: Contents = new Map();
    for (const step of SCRIPT) {
      run(open(flash), step);
      expected = after(expected, step);
      expect(read(open(flash))).toEqual(expected);
    }
    expect(flash.statistics.erases).toBeGreaterThan(3);
  });

  it.each(LAYOUTS)('holds old or new after any power cut, and goes on: %s', (_, options) => {
    let cuts = 0;
    forEachStep(options, (snapshot, before, index) => {
      const step = SCRIPT[index];
      if (step === undefined) return;
      for (const cut of cutsOf(snapshot, step, options.writeAlignBytes)) {
        const where = `step ${index}, operation ${cut.operation}, ${cut.appliedBytes} bytes`;
        const flash = new TornFlash(snapshot);
        if (!runCut(flash, open(flash), step, cut)) throw new Error(`${where}: no cut`);
        const found = checkAfterCut(flash, before, step, where);
        checkGoesOn(flash, found, SCRIPT.slice(index, index + 3), where);
        cuts += 1;
      }
    });
    expect(cuts).toBeGreaterThan(200);
  });

  it('holds old or new when a cut leaves a part of a write unit', () => {
    const options = layout([{ count: 2, sizeBytes: 640 }], 16, 0xff);
    let cuts = 0;
    forEachStep(options, (snapshot, before, index) => {
      const step = SCRIPT[index];
      if (step === undefined) return;
      for (const cut of cutsOf(snapshot, step, 1)) {
        const where = `step ${index}, operation ${cut.operation}, ${cut.appliedBytes} bytes`;
        const flash = new TornFlash(snapshot);
        runCut(flash, open(flash), step, cut);
        const found = checkAfterCut(flash, before, step, where);
        checkGoesOn(flash, found, SCRIPT.slice(index, index + 2), where);
        cuts += 1;
      }
    });
    expect(cuts).toBeGreaterThan(1000);
  });

  it.each(LAYOUTS)('holds old or new when the recovery is cut too: %s', (_, options) => {
    let cuts = 0;
    forEachStep(options, (snapshot, _before, index) => {
      const [step, next] = SCRIPT.slice(index, index + 2);
      if (step === undefined || next === undefined) return;
      for (const cut of cutsOf(snapshot, step, Math.max(16, options.writeAlignBytes * 4))) {
        const flash = new TornFlash(snapshot);
        runCut(flash, open(flash), step, cut);
        const found = read(open(flash));
        const torn = flash.snapshot();
        for (const second of cutsOf(torn, next, Math.max(16, options.writeAlignBytes * 4))) {
          const where = `step ${index}, cut ${JSON.stringify(cut)}, then ${JSON.stringify(second)}`;
          const again = new TornFlash(torn, flash);
          runCut(again, open(again), next, second);
          const left = checkAfterCut(again, found, next, where);
          checkGoesOn(again, left, [next], where);
          cuts += 1;
        }
      }
    });
    expect(cuts).toBeGreaterThan(1000);
  });

  it.each(LAYOUTS)('loses nothing it accepted behind words that flicker: %s', (_, options) => {
    let torn = 0;
    forEachStep(options, (snapshot, _before, index) => {
      const [step, ...next] = SCRIPT.slice(index, index + 3);
      if (step === undefined) return;
      for (let seed = 0; seed < 24; seed += 1) {
        const noise = flickeringNoise(seededRandom(seed));
        const flash = new NorFlash(snapshot, { noise });
        if (!cutLastWord(flash, step, options, seed)) continue;
        // From here on the last word of the change reads as written or not, by chance.
        torn += 1;
        const store = open(flash);
        let expected = read(store);
        for (const following of next) {
          run(store, following);
          expected = after(expected, following);
          for (let again = 0; again < 4; again += 1) {
            const where = `step ${index}, seed ${seed}`;
            expect([where, describeContents(read(open(flash)))]).toEqual([
              where,
              describeContents(expected),
            ]);
          }
        }
      }
    });
    expect(torn).toBeGreaterThan(100);
  });

  it('keeps what it found at opening, whatever the flash says later, and makes it durable', () => {
    for (const [first, second] of [
      [Uint8Array.of(1), Uint8Array.of(9, 9, 9, 9)],
      [Uint8Array.of(1), undefined],
    ] as const) {
      let noise = 0xff;
      const options = layout([{ count: 3, sizeBytes: 640 }], 4, 0xff);
      const flash = new NorFlash(geometryOf(options), { noise: () => noise });
      const written = open(flash);
      run(written, { key: 1, value: first });
      flash.watch(() => ({ kind: 'power-cut', effect: { kind: 'unstable' } }));
      expect(() => {
        run(written, { key: 1, value: second });
      }).toThrow(PowerCut);
      flash.watch(undefined);
      const store = open(flash);
      noise = 0x00;
      expect(store.get(1)).toEqual(second);
      run(store, { key: 1, value: second });
      expect(open(flash).get(1)).toEqual(second);
    }
  });

  it('loses nothing it accepted when the flash fails now and then', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const flash = new TornFlash(geometryOf(layout([{ count: 3, sizeBytes: 640 }], 4, 0xff)));
      let operations = 0;
      flash.watch((operation) => {
        operations += 1;
        if ((operations * 7919 + seed * 104_729) % 11 > 3) return undefined;
        return {
          kind: 'failure',
          effect: flash.tearAfter(
            operation,
            (seed * 37 + operations) % (operation.lengthBytes + 1),
          ),
        };
      });
      const store = open(flash);
      let expected: Contents = new Map();
      // What was refused since the last acceptance may be found made after a reopening.
      let refused: Step[] = [];
      for (const step of SCRIPT) {
        const outcome =
          step.value === undefined ? store.delete(step.key) : store.set(step.key, step.value);
        if (outcome.ok) expected = after(expected, step);
        refused = outcome.ok ? [] : [...refused, step];
        expect(describeContents(read(store))).toBe(describeContents(expected));
        const found = read(open(flash));
        for (const key of KEYS) {
          const allowed = [
            expected.get(key),
            ...refused.filter((s) => s.key === key).map((s) => s.value),
          ];
          expect(allowed.map((value) => value?.join())).toContain(found.get(key)?.join());
        }
      }
    }
  });

  it('opens whatever bytes the area holds without writing, and can be used then', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 64, maxLength: 640 }), { maxLength: 4 }),
        (parts) => {
          const flash = new NorFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 1, 0xff)));
          let at = 0;
          for (const part of parts) {
            if (at + part.byteLength > flash.geometry.sizeBytes) break;
            flash.write(at, part);
            at += part.byteLength;
          }
          const { writes, erases } = flash.statistics;
          const store = open(flash);
          expect(flash.statistics).toMatchObject({ writes, erases });
          run(store, { key: 1, value: Uint8Array.of(1, 2, 3) });
          expect(open(flash).get(1)).toEqual(Uint8Array.of(1, 2, 3));
        },
      ),
    );
  });

  it('does not even try to write behind a record that was cut short', () => {
    const flash = new TornFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 4, 0xff)));
    run(open(flash), { key: 1, value: Uint8Array.of(1) });
    const cut = { operation: 0, appliedBytes: 4 };
    runCut(flash, open(flash), { key: 1, value: Uint8Array.of(2) }, cut);
    const area = areaOf(flash);
    const writtenAt: number[] = [];
    const recorded: FlashArea = {
      name: area.name,
      flashOffset: area.flashOffset,
      sizeBytes: area.sizeBytes,
      sectors: area.sectors,
      writeAlignBytes: area.writeAlignBytes,
      erasedValue: area.erasedValue,
      read: (offset, lengthBytes) => area.read(offset, lengthBytes),
      chunks: (offset, lengthBytes) => area.chunks(offset, lengthBytes),
      erase: (offset, lengthBytes) => area.erase(offset, lengthBytes),
      write: (offset, data) => {
        writtenAt.push(offset);
        return area.write(offset, data);
      },
    };
    const store = openLogStore(recorded);
    if (!store.ok) throw new Error(store.detail);
    run(store.value, { key: 2, value: Uint8Array.of(3) });
    expect(writtenAt).toHaveLength(3);
    expect(writtenAt.every((offset) => offset >= 640)).toBe(true);
  });

  it.each<[string, Step, Step]>([
    [
      'a set of the value that was there',
      { key: 1, value: undefined },
      { key: 1, value: Uint8Array.of(1) },
    ],
    [
      'a delete of a key that was not there',
      { key: 2, value: Uint8Array.of(2) },
      { key: 2, value: undefined },
    ],
  ])('makes %s durable when the change before it was refused but landed', (_, refused, step) => {
    const flash = new NorFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 4, 0xff)));
    const store = open(flash);
    run(store, { key: 1, value: Uint8Array.of(1) });
    flash.watch(({ kind }) => {
      return { kind: 'failure', effect: kind === 'write' ? 'applied' : 'untouched' };
    });
    const outcome =
      refused.value === undefined
        ? store.delete(refused.key)
        : store.set(refused.key, refused.value);
    expect(outcome.ok).toBe(false);
    flash.watch(undefined);
    expect(read(open(flash)).has(refused.key)).toBe(refused.value !== undefined);
    run(store, step);
    expect(open(flash).get(step.key)).toEqual(step.value);
  });

  it('does not wear the flash for a value that is there already, or a key that is not', () => {
    const flash = new NorFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 4, 0xff)));
    const store = open(flash);
    run(store, { key: 1, value: Uint8Array.of(9) });
    const { writes } = flash.statistics;
    run(store, { key: 1, value: Uint8Array.of(9) });
    run(store, { key: 2, value: undefined });
    expect(flash.statistics.writes).toBe(writes);
  });

  it('hands out copies', () => {
    const store = open(new NorFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 4, 0xff))));
    run(store, { key: 1, value: Uint8Array.of(9) });
    store.get(1)?.fill(0);
    expect(store.get(1)).toEqual(Uint8Array.of(9));
  });

  it('refuses what does not fit before it touches the flash', () => {
    const flash = new NorFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 4, 0xff)));
    const store = open(flash);
    run(store, { key: 1, value: new Uint8Array(500) });
    const { writes } = flash.statistics;
    expect(store.set(2, new Uint8Array(200))).toMatchObject({ code: 'store-full' });
    expect(store.set(2, new Uint8Array(STORE_VALUE_BYTES_MAX + 1))).toMatchObject({
      code: 'store-value-too-large',
    });
    expect(flash.statistics.writes).toBe(writes);
    expect(store.get(1)).toEqual(new Uint8Array(500));
    run(store, { key: 1, value: new Uint8Array(STORE_VALUE_BYTES_MAX) });
    run(store, { key: 1, value: undefined });
    run(store, { key: 2, value: new Uint8Array(200) });
  });

  it.each([
    ['one sector', [{ count: 1, sizeBytes: 4096 }]],
    ['a sector too small for a value', [{ count: 2, sizeBytes: 512 }]],
    ['too many sectors', [{ count: 257, sizeBytes: 1024 }]],
  ])('refuses an area with %s', (_, sectorRuns) => {
    const flash = new NorFlash(geometryOf(layout(sectorRuns, 4, 0xff)));
    expect(openLogStore(areaOf(flash))).toMatchObject({ code: 'store-area-unfit' });
  });

  it.each([0, -1, 1.5, STORE_KEY_MAX + 1])(
    'throws for the key %s, which is our own mistake',
    (key) => {
      const store = open(new NorFlash(geometryOf(layout([{ count: 2, sizeBytes: 640 }], 4, 0xff))));
      expect(() => store.set(key, new Uint8Array(1))).toThrow(RangeError);
      expect(() => store.delete(key)).toThrow(RangeError);
    },
  );
});
