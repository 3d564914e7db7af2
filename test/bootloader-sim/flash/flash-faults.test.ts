import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FLASH_FAULTS_MAX,
  FlashFaults,
  NorFlash,
  equalSnapshots,
  flickeringNoise,
  seededStreams,
  type FaultStrike,
  type FlashFault,
} from '@brickproof/bootloader-sim';
import {
  FLASH_SHAPES,
  SECTOR_BYTES,
  codeOf,
  geometryOf,
  isCut,
  someBytes,
  type FlashShape,
} from './flash-shapes.js';

const SHAPE: FlashShape = { name: 'plain', align: 4, erased: 0xff };
const UNTOUCHED = { write: 'untouched', erase: 'untouched' } as const;
const ALWAYS = { kind: 'rate', rate: 1 } as const;

function operation(number: number): { readonly kind: 'operation'; readonly number: number } {
  return { kind: 'operation', number };
}

interface FaultyFlash {
  readonly flash: NorFlash;
  readonly faults: FlashFaults;
  readonly strikes: FaultStrike[];
}

function faultyFlash(
  faults: readonly FlashFault[],
  { shape = SHAPE, seed = 1 }: { readonly shape?: FlashShape; readonly seed?: number } = {},
): FaultyFlash {
  const streams = seededStreams(seed);
  const flash = new NorFlash(geometryOf(shape), { noise: flickeringNoise(streams(0)) });
  const strikes: FaultStrike[] = [];
  const plan = new FlashFaults({ flash, streams, onStrike: (strike) => strikes.push(strike) });
  flash.watch(plan.watcher);
  for (const fault of faults) expect(codeOf(plan.switchOn(fault))).toBe('ok');
  return { flash, faults: plan, strikes };
}

/** Writes a word at each of these offsets, and answers what became of each. */
function writeWords(flash: NorFlash, offsets: readonly number[]): readonly string[] {
  return offsets.map((offset) => {
    let code = 'cut';
    isCut(() => {
      code = codeOf(flash.write(offset, Uint8Array.of(1, 2, 3, 4)));
    });
    return code;
  });
}

describe('a write that fails', () => {
  const offsets = [0, 4, 8, 12, SECTOR_BYTES, SECTOR_BYTES + 4];

  it('is the n-th one, once', () => {
    const { flash, strikes } = faultyFlash([{ kind: 'failure', when: operation(3), ...UNTOUCHED }]);
    expect(writeWords(flash, offsets)).toEqual([
      'ok',
      'ok',
      'flash-write-failed',
      'ok',
      'ok',
      'ok',
    ]);
    expect(strikes).toMatchObject([{ kind: 'interrupted', id: 1, operation: { offset: 8 } }]);
    expect(codeOf(flash.write(8, someBytes(4)))).toBe('ok');
  });

  it('is every one in a range', () => {
    const range = { offset: SECTOR_BYTES - 1, lengthBytes: 2 };
    const { flash } = faultyFlash([{ kind: 'failure', when: ALWAYS, range, ...UNTOUCHED }]);
    expect(writeWords(flash, [SECTOR_BYTES - 8, ...offsets])).toEqual([
      ...['ok', 'ok', 'ok', 'ok', 'ok'],
      ...['flash-write-failed', 'ok'],
    ]);
    expect(codeOf(flash.erase(0, SECTOR_BYTES))).toBe('flash-erase-failed');
    expect(codeOf(flash.erase(2 * SECTOR_BYTES, 2 * SECTOR_BYTES))).toBe('ok');
  });

  it('is only a write, when only those count', () => {
    const fault = { kind: 'failure', when: ALWAYS, on: 'write', ...UNTOUCHED } as const;
    const { flash } = faultyFlash([fault]);
    expect(codeOf(flash.erase(0, SECTOR_BYTES))).toBe('ok');
    expect(writeWords(flash, [0])).toEqual(['flash-write-failed']);
  });

  it('is one that counts', () => {
    const counts = ({ offset }: { readonly offset: number }): boolean => offset > 4;
    const { flash } = faultyFlash([{ kind: 'failure', when: operation(2), counts, ...UNTOUCHED }]);
    expect(writeWords(flash, offsets).indexOf('flash-write-failed')).toBe(3);
  });

  it('comes at about its rate, by chance from the seed', () => {
    const fails = (seed: number, rate: number): readonly number[] => {
      const when = { kind: 'rate', rate } as const;
      const { flash } = faultyFlash([{ kind: 'failure', when, ...UNTOUCHED }], { seed });
      return Array.from({ length: 1000 }, (_, index) => index).filter(
        () => codeOf(flash.erase(0, SECTOR_BYTES)) !== 'ok',
      );
    };
    expect(fails(1, 0.1).length).toBeGreaterThan(60);
    expect(fails(1, 0.1).length).toBeLessThan(140);
    expect(fails(1, 0.1)).toEqual(fails(1, 0.1));
    expect(fails(1, 0.1)).not.toEqual(fails(2, 0.1));
    expect(fails(3, 0)).toEqual([]);
    expect(fails(3, 1)).toHaveLength(1000);
  });

  it('leaves behind what it says', () => {
    const write = { kind: 'prefix', words: 1 } as const;
    const fault = { kind: 'failure', when: operation(1), write, erase: 'weak' } as const;
    const { flash } = faultyFlash([fault, { ...fault, on: 'erase' }]);
    expect(codeOf(flash.write(0, someBytes(8)))).toBe('flash-write-failed');
    expect(Array.from(flash.read(0, 8))).toEqual([...someBytes(4), 0xff, 0xff, 0xff, 0xff]);
    expect(codeOf(flash.erase(0, SECTOR_BYTES))).toBe('flash-erase-failed');
    expect(codeOf(flash.write(16, someBytes(4)))).toBe('flash-word-programmed');
  });
});

describe('a power cut', () => {
  it('is like a failure, but nobody hears of it', () => {
    const { flash, faults } = faultyFlash([
      { kind: 'power-cut', when: operation(2), write: 'applied', erase: 'untouched' },
    ]);
    expect(writeWords(flash, [0, 4, 8])).toEqual(['ok', 'cut', 'ok']);
    expect(Array.from(flash.read(4, 4))).toEqual([1, 2, 3, 4]);
    expect(faults.size).toBe(0);
  });
});

describe('a sector that is worn out', () => {
  const fault: FlashFault = {
    kind: 'worn-out',
    range: { offset: SECTOR_BYTES + 8, lengthBytes: 1 },
    erases: 2,
    write: { kind: 'unstable' },
    erase: 'weak',
  };

  it('takes so many erases, then erases and writes fail', () => {
    const { flash } = faultyFlash([fault]);
    const erase = (): string => codeOf(flash.erase(SECTOR_BYTES, SECTOR_BYTES));
    expect(writeWords(flash, [SECTOR_BYTES])).toEqual(['ok']);
    expect([erase(), ...writeWords(flash, [SECTOR_BYTES]), erase()]).toEqual(['ok', 'ok', 'ok']);
    expect(writeWords(flash, [SECTOR_BYTES])).toEqual(['flash-write-failed']);
    expect([erase(), erase()]).toEqual(['flash-erase-failed', 'flash-erase-failed']);
    expect(flash.eraseCounts).toEqual([0, 4, 0]);
  });

  it('is worn out from the start when it takes none, and its neighbours are not', () => {
    const { flash } = faultyFlash([{ ...fault, erases: 0 }]);
    const edges = [SECTOR_BYTES - 4, SECTOR_BYTES, 2 * SECTOR_BYTES - 4, 2 * SECTOR_BYTES];
    const failed = 'flash-write-failed';
    expect(writeWords(flash, edges)).toEqual(['ok', failed, failed, 'ok']);
    expect(codeOf(flash.write(SECTOR_BYTES - 8, someBytes(4)))).toBe('ok');
    expect(codeOf(flash.erase(0, 4 * SECTOR_BYTES))).toBe('flash-erase-failed');
    expect(flash.eraseCounts).toEqual([1, 1, 0]);
  });

  it('fails a write that only reaches into it', () => {
    const { flash } = faultyFlash([{ ...fault, erases: 0 }]);
    expect(codeOf(flash.write(SECTOR_BYTES - 16, someBytes(32)))).toBe('flash-write-failed');
  });

  it('counts each sector of its range for itself', () => {
    const range = { offset: 0, lengthBytes: 4 * SECTOR_BYTES };
    const { flash } = faultyFlash([{ ...fault, range, erases: 1 }]);
    expect(codeOf(flash.erase(0, 4 * SECTOR_BYTES))).toBe('ok');
    expect(writeWords(flash, [0, 3 * SECTOR_BYTES])).toEqual([
      'flash-write-failed',
      'flash-write-failed',
    ]);
  });
});

describe('a bit that flips', () => {
  const range = { offset: 9, lengthBytes: 1 };

  it('does so at once, unless told', () => {
    const { flash, faults, strikes } = faultyFlash([{ kind: 'flipped-bit', range, bit: 3 }]);
    expect(flash.read(9, 1)[0]).toBe(0xff ^ 8);
    expect(strikes).toMatchObject([{ kind: 'flipped', offset: 9, bit: 3 }]);
    expect(faults.size).toBe(0);
  });

  it('does so before the n-th operation, once', () => {
    const { flash } = faultyFlash([{ kind: 'flipped-bit', range, bit: 0, beforeOperation: 2 }]);
    writeWords(flash, [8]);
    expect(flash.read(9, 1)[0]).toBe(2);
    writeWords(flash, [20]);
    expect(flash.read(9, 1)[0]).toBe(3);
    writeWords(flash, [24]);
    expect(flash.read(9, 1)[0]).toBe(3);
  });

  it('is one of its range, by chance from the seed', () => {
    const flipsOf = (seed: number): string => {
      const wide = { offset: SECTOR_BYTES, lengthBytes: SECTOR_BYTES };
      const { strikes } = faultyFlash(
        Array.from({ length: 8 }, () => ({ kind: 'flipped-bit', range: wide }) as const),
        { seed },
      );
      return JSON.stringify(
        strikes.map((strike) => (strike.kind === 'flipped' ? [strike.offset, strike.bit] : [])),
      );
    };
    expect(flipsOf(1)).toBe(flipsOf(1));
    expect(flipsOf(1)).not.toBe(flipsOf(2));
    expect(new Set((JSON.parse(flipsOf(1)) as unknown[]).map(String)).size).toBeGreaterThan(4);
    for (const [offset = 0, bit = -1] of JSON.parse(flipsOf(3)) as number[][]) {
      expect(offset >= SECTOR_BYTES && offset < 2 * SECTOR_BYTES && bit >= 0 && bit < 8).toBe(true);
    }
  });
});

describe('several faults on one flash', () => {
  const first: FlashFault = { kind: 'failure', when: operation(2), ...UNTOUCHED };
  const second: FlashFault = { kind: 'power-cut', when: operation(2), ...UNTOUCHED };

  it('strike one after the other when they would strike one operation', () => {
    const { flash, strikes } = faultyFlash([first, second]);
    expect(writeWords(flash, [0, 4, 8, 12])).toEqual(['ok', 'flash-write-failed', 'cut', 'ok']);
    expect(strikes.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('are switched off one by one', () => {
    const { flash, faults } = faultyFlash([first, second]);
    faults.switchOff(1);
    expect(writeWords(flash, [0, 4, 8])).toEqual(['ok', 'cut', 'ok']);
    faults.switchOn({ kind: 'failure', when: ALWAYS, ...UNTOUCHED });
    faults.switchAllOff();
    expect(writeWords(flash, [12])).toEqual(['ok']);
    expect(faults.size).toBe(0);
  });

  it('do not change what chance has in store for each other', () => {
    const when = { kind: 'rate', rate: 0.3 } as const;
    const failure: FlashFault = { kind: 'failure', when, ...UNTOUCHED };
    const erasesStruck = (isAlone: boolean): readonly number[] => {
      const { flash, faults, strikes } = faultyFlash([
        { ...failure, on: 'write' },
        { ...failure, on: 'erase' },
      ]);
      if (isAlone) faults.switchOff(1);
      for (let index = 0; index < 100; index += 1) {
        writeWords(flash, [2 * SECTOR_BYTES + index * 4]);
        flash.erase(0, SECTOR_BYTES);
      }
      return strikes.flatMap((strike) =>
        strike.kind === 'interrupted' && strike.id === 2 ? [strike.operation.index] : [],
      );
    };
    expect(erasesStruck(true).length).toBeGreaterThan(10);
    expect(erasesStruck(false)).toEqual(erasesStruck(true));
  });

  it('count what another watcher interrupts, and strike what it does not', () => {
    const { flash, faults } = faultyFlash([first]);
    flash.watch(
      faults.behind(({ index }) =>
        index === 1 ? { kind: 'power-cut', effect: 'untouched' } : undefined,
      ),
    );
    expect(writeWords(flash, [0, 4, 8, 12])).toEqual(['ok', 'cut', 'flash-write-failed', 'ok']);
  });

  it(`are at most ${FLASH_FAULTS_MAX} at once`, () => {
    const { faults } = faultyFlash(Array.from({ length: FLASH_FAULTS_MAX }, () => first));
    expect(codeOf(faults.switchOn(first))).toBe('flash-faults-too-many');
    faults.switchOff(5);
    expect(codeOf(faults.switchOn(first))).toBe('ok');
  });
});

describe('a fault that a flash cannot have is refused', () => {
  const range = { offset: 0, lengthBytes: 1 };
  const worn = { kind: 'worn-out', range, erases: 0, ...UNTOUCHED } as const;
  it.each<[string, FlashFault]>([
    ['before the first operation', { kind: 'failure', when: operation(0), ...UNTOUCHED }],
    ['half an operation', { kind: 'power-cut', when: operation(1.5), ...UNTOUCHED }],
    ['at a rate above one', { kind: 'failure', when: { kind: 'rate', rate: 1.1 }, ...UNTOUCHED }],
    ['at no rate', { kind: 'failure', when: { kind: 'rate', rate: NaN }, ...UNTOUCHED }],
    ['beyond the end', { ...worn, range: { offset: 4 * SECTOR_BYTES, lengthBytes: 1 } }],
    ['nowhere', { ...worn, range: { offset: 0, lengthBytes: 0 } }],
    ['before the start', { ...worn, range: { offset: -1, lengthBytes: 4 } }],
    ['fewer erases than none', { ...worn, erases: -1 }],
    ['a bit that is none', { kind: 'flipped-bit', range, bit: 8 }],
    ['a flip before nothing', { kind: 'flipped-bit', range, beforeOperation: 0 }],
  ])('%s', (_, fault) => {
    const { faults } = faultyFlash([]);
    expect(codeOf(faults.switchOn(fault))).toBe('flash-fault-invalid');
    expect(faults.size).toBe(0);
  });
});

describe('any faults', () => {
  const write = fc.oneof(
    fc.constantFrom('untouched' as const, 'applied' as const),
    fc.record({ kind: fc.constant('prefix' as const), words: fc.nat(9) }),
    fc.record({ kind: fc.constant('one-bit-short' as const), word: fc.nat(9), bit: fc.nat(99) }),
    fc.record({ kind: fc.constant('unstable' as const), firstWord: fc.nat(9), words: fc.nat(9) }),
  );
  const erase = fc.constantFrom('untouched' as const, 'weak' as const, 'applied' as const);
  const range = fc.record({
    offset: fc.nat(4 * SECTOR_BYTES - 1),
    lengthBytes: fc.constant(1),
  });
  const when = fc.oneof(
    fc.record({ kind: fc.constant('operation' as const), number: fc.integer({ min: 1, max: 20 }) }),
    fc.record({
      kind: fc.constant('rate' as const),
      rate: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  const fault: fc.Arbitrary<FlashFault> = fc.oneof(
    fc.record({ kind: fc.constantFrom('power-cut', 'failure'), when, range, write, erase }),
    fc.record({ kind: fc.constant('worn-out'), range, erases: fc.nat(3), write, erase }),
    fc.record({
      kind: fc.constant('flipped-bit'),
      range,
      beforeOperation: fc.integer({ min: 1, max: 20 }),
    }),
  );
  const step = fc.record({
    erase: fc.boolean(),
    at: fc.nat(15),
    words: fc.integer({ min: 1, max: 9 }),
  });
  const story = fc.record({
    faults: fc.array(fault, { maxLength: 6 }),
    steps: fc.array(step, { maxLength: 25 }),
    seed: fc.nat(),
  });

  type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

  function tell({ faults, steps, seed }: Story, shape: FlashShape): FaultyFlash & { told: string } {
    const faulty = faultyFlash(faults, { shape, seed });
    const { flash } = faulty;
    const told = steps.map(({ erase: isErase, at, words }) => {
      const sector = flash.geometry.sectors[at % 3] ?? { offset: 0, sizeBytes: 0 };
      const flipsBefore = faulty.strikes.length;
      const before = flash.snapshot();
      let code = 'cut';
      const offset = isErase ? sector.offset : at * 32;
      const length = isErase ? sector.sizeBytes : words * shape.align;
      isCut(() => {
        const outcome = isErase
          ? flash.erase(offset, length)
          : flash.write(offset, someBytes(length));
        code = codeOf(outcome);
      });
      const flips = faulty.strikes
        .slice(flipsBefore)
        .flatMap((strike) => (strike.kind === 'flipped' ? [strike.offset] : []));
      expect(changesBetween(before, flash, [offset, offset + length], flips)).toEqual([]);
      return `${code} ${Array.from(flash.read(0, 4 * SECTOR_BYTES)).join()}`;
    });
    return { ...faulty, told: told.join('\n') };
  }

  it.each(FLASH_SHAPES)(
    'throw only power cuts, change nothing but what they are about, and are told again from their seed ($name)',
    (shape) => {
      fc.assert(
        fc.property(story, (one) => {
          const first = tell(one, shape);
          const again = tell(one, shape);
          expect(again.told).toBe(first.told);
          expect(equalSnapshots(again.flash.snapshot(), first.flash.snapshot())).toBe(true);
        }),
        { numRuns: 30 },
      );
    },
  );
});

/** Where a flash changed outside of an operation, and of the bytes in which a bit flipped. */
function changesBetween(
  before: ReturnType<NorFlash['snapshot']>,
  flash: NorFlash,
  [start, end]: readonly [number, number],
  flips: readonly number[],
): readonly number[] {
  const noise = (): number => 0;
  const size = flash.geometry.sizeBytes;
  const old = new NorFlash(before, { noise }).read(0, size);
  const now = new NorFlash(flash.snapshot(), { noise }).read(0, size);
  return Array.from(now.keys()).filter(
    (at) => old[at] !== now[at] && (at < start || at >= end) && !flips.includes(at),
  );
}
