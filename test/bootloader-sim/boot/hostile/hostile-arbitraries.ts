import type { StrategyName } from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import type { HostileArea, HostileBoard, HostileContents, Place } from './hostile-board.js';
import { HOSTILE_SHAPES, type HostileShape } from './hostile-shapes.js';
import type { HostileStatus, HostileTrailer } from './hostile-trailer.js';

/** Operations that a boot of a tiny board may need; a cut behind them is none. */
const CUT_MAX = 60;
const PLACES: readonly Place[] = ['right', 'right', 'right', 'wrong'];

/** Boards of a strategy with anything in their flash; each is booted twice or three times. */
export function hostileBoards(strategy: StrategyName): fc.Arbitrary<HostileBoard> {
  const shapes = HOSTILE_SHAPES[strategy].map((shape) => boardsOf(shape));
  return fc.oneof(...shapes);
}

function boardsOf(shape: HostileShape): fc.Arbitrary<HostileBoard> {
  const hostile = fc.record({ contents: contents(), trailer: trailers(shape) });
  // On half of the boards something runs that is to go on running.
  const sound = fc.record({ contents: image(fc.constant('right')), trailer: quietTrailers(shape) });
  const all = (running: fc.Arbitrary<HostileArea>): fc.Arbitrary<readonly HostileArea[]> =>
    fc.tuple(...shape.areas.map(({ name }) => (name.startsWith('primary') ? running : hostile)));
  return fc.record({
    shape: fc.constant(shape),
    areas: fc.oneof(all(sound), all(hostile)),
    settings: fc.record({
      bootstrap: fc.boolean(),
      downgradePrevention: fc.constantFrom('none', 'version', 'security-counter'),
    }),
    counters: fc.option(
      fc.record({ value: fc.constantFrom(0, 1, 2, 0xffff_ffff), isStuck: fc.boolean() }),
      { nil: undefined, freq: 2 },
    ),
    cuts: fc
      .option(fc.nat(CUT_MAX), { nil: undefined, freq: 2 })
      .map((cut) => (cut === undefined ? [undefined, undefined] : [cut, undefined, undefined])),
    cutEffect: fc.constantFrom('untouched', 'weak'),
    noiseSeed: fc.nat(255),
  });
}

/** Trailers of a primary slot in which no swap is under way. */
function quietTrailers(shape: HostileShape): fc.Arbitrary<HostileTrailer> {
  const erased = fc.constant<HostileTrailer>({ kind: 'erased' });
  if (shape.strategy === 'direct-xip') return finishedTrailers();
  return fc.oneof(erased, finishedTrailers());
}

/** What a swap leaves, and an application that may have confirmed itself. */
function finishedTrailers(): fc.Arbitrary<HostileTrailer> {
  return fc.constantFrom(undefined, 0x01, 0x01).map((imageOk) => ({
    ...{ kind: 'fields', magic: 'good', imageOk, copyDone: 0x01, swapInfo: 0x02 },
    ...{ numbers: [192], status: { kind: 'none' }, torn: undefined },
  }));
}

/** Header fields at their extremes, where `header.ts` reads them. */
const HEADER_CHANGES: readonly (readonly [number, readonly number[]])[] = [
  [0, [0x00, 0x3d]],
  [8, [0x00, 0x1f, 0x20, 0x21, 0xff]],
  [9, [0x00, 0xff]],
  [10, [0x00, 0x04, 0x0c, 0xff]],
  [11, [0xff]],
  [12, [0x00, 0x01, 0x03, 0x80, 0xff]],
  [13, [0x01, 0x02, 0xff]],
  [15, [0x7f, 0x80, 0xff]],
  [16, [0x04, 0x08, 0x0c, 0x10, 0x20, 0xff]],
  [17, [0x01, 0x0e, 0xff]],
  [20, [0x00, 0xff]],
];

function contents(): fc.Arbitrary<HostileContents> {
  const place = fc.constantFrom(...PLACES);
  const lie = fc
    .constantFrom(...HEADER_CHANGES)
    .chain(([offset, values]) => fc.constantFrom(...values).map((byte) => [offset, byte] as const));
  // The TLVs start behind 35 bytes of header and payload.
  const change = fc.tuple(fc.integer({ min: 0, max: 190 }), fc.nat(255));
  const tlvSize = fc.tuple(fc.constantFrom(35, 37, 39, 41, 47, 49, 51, 53), fc.nat(255));
  return fc.oneof(
    { weight: 6, arbitrary: image(place) },
    { weight: 3, arbitrary: damaged(place, fc.oneof(lie, change, tlvSize)) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('random' as const),
        bytes: fc.uint8Array({ minLength: 8, maxLength: 48 }),
        place,
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'nothing' as const }) },
  );
}

function image(place: fc.Arbitrary<Place>): fc.Arbitrary<HostileContents> {
  return fc.record({
    kind: fc.constant('image' as const),
    which: fc.constantFrom('old' as const, 'new' as const),
    place,
  });
}

function damaged(
  place: fc.Arbitrary<Place>,
  change: fc.Arbitrary<readonly [number, number]>,
): fc.Arbitrary<HostileContents> {
  return fc.record({
    kind: fc.constant('damaged' as const),
    place,
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  });
}

function trailers(shape: HostileShape): fc.Arbitrary<HostileTrailer> {
  const erased = shape.geometry.erasedValue;
  const flag = fc.constantFrom(undefined, 0x01, 0x01, 0x00, 0xff, 0x02);
  const swapInfo = fc.constantFrom(undefined, 0x01, 0x02, 0x03, 0x04, 0x12, 0x14, 0x05, 0xf3, 0x00);
  const slotSize = shape.areas[0]?.sizeBytes ?? 0;
  const sectorSize = shape.geometry.sectors[0]?.sizeBytes ?? 0;
  const sizes = [0, 1, sectorSize, sectorSize + 1, 192, slotSize, slotSize + 1, 0x7fff_ffff];
  const number = fc.oneof(
    fc.constantFrom(undefined, 0xffff_ffff, 0x8000_0000, ...sizes),
    fc.nat(2 * slotSize),
  );
  const fields = fc.record({
    kind: fc.constant('fields' as const),
    magic: fc.constantFrom(
      'good' as const,
      'good' as const,
      'unset' as const,
      'one-bit-off' as const,
    ),
    ...{ imageOk: flag, copyDone: flag, swapInfo },
    numbers: fc.array(number, { maxLength: 4 }),
    status: statuses(erased),
    torn: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      {
        weight: 1,
        arbitrary: fc.record({
          fromEndBytes: fc.oneof(fc.nat(120), fc.nat(slotSize)),
          sizeBytes: fc.integer({ min: 1, max: 16 }),
          mask: fc.constantFrom(0x01, 0x80, 0xff),
        }),
      },
    ),
  });
  return fc.oneof(
    { weight: 6, arbitrary: fields },
    { weight: 2, arbitrary: fc.constant({ kind: 'erased' as const }) },
    { weight: 2, arbitrary: finishedTrailers() },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('random' as const),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      }),
    },
  );
}

function statuses(erasedValue: number): fc.Arbitrary<HostileStatus> {
  return fc.oneof(
    fc.constant({ kind: 'none' as const }),
    fc.record({
      kind: fc.constant('prefix' as const),
      entries: fc.nat(24),
      value: fc.constantFrom(0x01, 0x02, 0x03, erasedValue ^ 0xff),
    }),
    fc.record({
      kind: fc.constant('any' as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    }),
  );
}
