import fc from 'fast-check';
import {
  STRATEGY_NAMES,
  snapshotFromBytes,
  trailerMagic,
  type FlashSnapshot,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import { agreementKey } from '../crypto/test-keys.js';
import { image } from './fixture.js';
import { SwapBench, type SwapShape } from './swap-bench.js';

/** Small flashes, so that many dumps can be looked at in a second. */
export const DUMP_SHAPES: readonly SwapShape[] = [
  {
    name: 'words of 4',
    writeAlignBytes: 4,
    erasedValue: 0xff,
    slotRuns: [{ count: 6, sizeBytes: 1024 }],
    scratchRuns: [{ count: 1, sizeBytes: 1024 }],
  },
  {
    name: 'words of 1, erased to 0x00',
    writeAlignBytes: 1,
    erasedValue: 0x00,
    slotRuns: [{ count: 6, sizeBytes: 1024 }],
    scratchRuns: [{ count: 2, sizeBytes: 1024 }],
    settings: { bootstrap: true, downgradePrevention: 'none' },
  },
  {
    name: 'words of 32',
    writeAlignBytes: 32,
    erasedValue: 0xff,
    slotRuns: [{ count: 4, sizeBytes: 2048 }],
    scratchRuns: [{ count: 1, sizeBytes: 2048 }],
  },
  {
    name: 'words of 16, with room for content keys',
    writeAlignBytes: 16,
    erasedValue: 0xff,
    slotRuns: [{ count: 6, sizeBytes: 1024 }],
    scratchRuns: [{ count: 1, sizeBytes: 1024 }],
    settings: { encryptionKeySizeBytes: 16 },
    decryptionKey: agreementKey('x25519'),
  },
];

/** A strategy, a flash, and bytes in it that may be anything. */
export interface AnyDump {
  readonly strategy: StrategyName;
  readonly shape: SwapShape;
  readonly bytes: Uint8Array;
}

/** What is written over a plausible dump: from the end of an area, where trailers are, or anywhere. */
interface Patch {
  readonly area: 'slot0' | 'slot1' | 'scratch';
  readonly fromEnd: boolean;
  readonly distance: number;
  readonly bytes: Uint8Array;
}

const OLD = image('1.0.0');
const NEW = image('2.0.0');

const patch: fc.Arbitrary<Patch> = fc.record({
  area: fc.constantFrom('slot0', 'slot1', 'scratch'),
  fromEnd: fc.boolean(),
  distance: fc.oneof(fc.nat(48), fc.nat(512), fc.nat(8191)),
  bytes: fc.oneof(
    fc.constantFrom(trailerMagic(8), trailerMagic(32)),
    fc.constantFrom(0x01, 0x02, 0x03, 0x04, 0x12, 0x00, 0xff).map((byte) => Uint8Array.of(byte)),
    fc.uint8Array({ minLength: 1, maxLength: 64 }),
  ),
});

/** The moment of an upgrade that a dump was taken at. */
const moment = fc.record({
  isOffered: fc.boolean(),
  permanent: fc.boolean(),
  boots: fc.array(fc.nat(60), { maxLength: 3 }),
});

/** Dumps that are nonsense, and dumps that are almost right: at any moment, with any damage. */
export const anyDump: fc.Arbitrary<AnyDump> = fc
  .record({
    strategy: fc.constantFrom(...STRATEGY_NAMES),
    shape: fc.constantFrom(...DUMP_SHAPES),
    moment,
    patches: fc.array(patch, { maxLength: 10 }),
    goodMagics: fc.subarray(['slot0', 'slot1', 'scratch'] as const),
    noise: fc.option(fc.uint8Array({ minLength: 64, maxLength: 64 }), { freq: 12 }),
  })
  .map((chosen) => ({
    strategy: chosen.strategy,
    shape: chosen.shape,
    bytes: damage(bytesAt(chosen), chosen),
    // The seed shows a dump again; its bytes would fill screens.
    [fc.toStringMethod]: () => `${chosen.strategy}, ${chosen.shape.name}`,
  }));

/** The snapshot of a dump. */
export function snapshotOf({ strategy, shape, bytes }: AnyDump): FlashSnapshot {
  const { geometry } = new SwapBench(strategy, shape).flash;
  const made = snapshotFromBytes(geometry, bytes);
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}

function bytesAt(chosen: {
  readonly strategy: StrategyName;
  readonly shape: SwapShape;
  readonly moment: { isOffered: boolean; permanent: boolean; boots: readonly number[] };
}): Uint8Array {
  const { strategy, shape, moment: at } = chosen;
  const bench = new SwapBench(strategy, shape);
  bench.install(OLD);
  if (at.isOffered) bench.offer(NEW, { permanent: at.permanent });
  for (const cut of at.boots) bench.boot(cut);
  return bench.flash.read(0, bench.flash.geometry.sizeBytes).slice();
}

function damage(
  bytes: Uint8Array,
  chosen: {
    readonly strategy: StrategyName;
    readonly shape: SwapShape;
    readonly patches: readonly Patch[];
    readonly goodMagics: readonly Patch['area'][];
    readonly noise: Uint8Array | null;
  },
): Uint8Array {
  const { strategy, shape, patches, goodMagics, noise } = chosen;
  const bench = new SwapBench(strategy, shape);
  const areas = { slot0: bench.primary, slot1: bench.secondary, scratch: bench.scratch };
  if (noise !== null) bytes.set(bytes.map((_, index) => noise[index % noise.byteLength] ?? 0));
  for (const name of goodMagics) {
    const { flashOffset, sizeBytes } = areas[name];
    bytes.set(trailerMagic(Math.max(8, shape.writeAlignBytes)), flashOffset + sizeBytes - 16);
  }
  for (const { area, fromEnd, distance, bytes: written } of patches) {
    const { flashOffset, sizeBytes } = areas[area];
    const inside = distance % sizeBytes;
    const at = flashOffset + (fromEnd ? sizeBytes - 1 - inside : inside);
    bytes.set(written.subarray(0, bytes.byteLength - at), at);
  }
  return bytes;
}
