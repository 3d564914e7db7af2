import * as nodeCrypto from 'node:crypto';
import {
  NorFlash,
  boot,
  createFlashGeometry,
  createFlashMap,
  markForUpgrade,
  readTrailer,
  uploadOffset,
  type BootEnvironment,
  type FlashSnapshot,
  type SigningKey,
  type SlotPair,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import { BENCH_CRYPTO, benchImage, benchSigningKey, must } from './bench-image.js';
import { goal, median, type Goal } from './goal.js';

const KIB = 1024;
const PAYLOAD_BYTES = 512 * KIB;
const SECTOR_BYTES = 4 * KIB;
/** Room for the payload, header, TLVs, trailer, and the sector that some strategies want more. */
const SLOT_SECTORS = PAYLOAD_BYTES / SECTOR_BYTES + 8;
const SCRATCH_SECTORS = 4;
const WRITE_ALIGN_BYTES = 8;
const ROUNDS_WARM = 10;
const ROUNDS = 41;
const GOAL_MS = 15;
const GOAL_NEW_MB = 3;
const BYTES_PER_MB = 1e6;

const STRATEGIES: readonly StrategyName[] = [
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
  'overwrite-only',
];

/**
 * One boot that brings a new image of 512 KiB to the primary slot: the candidate is verified, both
 * images move, and what is in the primary slot then is verified. New memory is what the process has
 * more after it, without a collection in between.
 */
export function benchSwaps(collectGarbage: () => void): readonly Goal[] {
  const signingKey = benchSigningKey(nodeCrypto.generateKeyPairSync('ed25519').privateKey);
  return STRATEGIES.flatMap((strategy) => benchStrategy(strategy, signingKey, collectGarbage));
}

function benchStrategy(
  strategy: StrategyName,
  signingKey: SigningKey,
  collectGarbage: () => void,
): readonly Goal[] {
  const bench = prepare(strategy, signingKey);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS_WARM + ROUNDS; round += 1) {
    const durationMs = timeBoot(bench);
    if (round >= ROUNDS_WARM) times.push(durationMs);
  }
  const newBytes = Math.max(...Array.from({ length: 5 }, () => newMemory(bench, collectGarbage)));
  return [
    goal({
      name: `${strategy}, 512 KiB`,
      measured: median(times),
      unit: 'ms',
      bound: 'at-most',
      limit: GOAL_MS,
      note: `slowest of ${ROUNDS}: ${Math.max(...times).toFixed(2)} ms`,
    }),
    goal({
      name: `${strategy}, new memory`,
      measured: newBytes / BYTES_PER_MB,
      unit: 'MB',
      bound: 'at-most',
      limit: GOAL_NEW_MB,
      note: 'most of five boots',
    }),
  ];
}

interface SwapBench {
  readonly strategy: StrategyName;
  readonly flash: NorFlash;
  readonly start: FlashSnapshot;
  readonly slots: SlotPair;
  readonly environment: BootEnvironment;
}

function prepare(strategy: StrategyName, signingKey: SigningKey): SwapBench {
  const sectors = 2 * SLOT_SECTORS + SCRATCH_SECTORS;
  const flash = new NorFlash(
    must(
      createFlashGeometry({
        sectorRuns: [{ count: sectors, sizeBytes: SECTOR_BYTES }],
        writeAlignBytes: WRITE_ALIGN_BYTES,
        erasedValue: 0xff,
      }),
    ),
  );
  const sizeBytes = SLOT_SECTORS * SECTOR_BYTES;
  const map = must(
    createFlashMap(flash, [
      { name: 'primary', offset: 0, sizeBytes },
      { name: 'secondary', offset: sizeBytes, sizeBytes },
      { name: 'scratch', offset: 2 * sizeBytes, sizeBytes: SCRATCH_SECTORS * SECTOR_BYTES },
    ]),
  );
  const slots: SlotPair = [map.area('primary'), map.area('secondary')];
  const image = { payloadBytes: PAYLOAD_BYTES, signingKey };
  must(slots[0].write(0, wholeWords(benchImage({ ...image, minor: 0 }))));
  const offset = uploadOffset(strategy, slots);
  must(slots[1].write(offset, wholeWords(benchImage({ ...image, minor: 1 }))));
  must(markForUpgrade(slots[1], { permanent: false }));
  const environment: BootEnvironment = {
    images: [slots],
    scratch: map.area('scratch'),
    keys: [signingKey.verificationKey],
    crypto: BENCH_CRYPTO,
    counters: undefined,
    log: () => undefined,
  };
  return { strategy, flash, start: flash.snapshot(), slots, environment };
}

function wholeWords(image: Uint8Array): Uint8Array {
  const length = Math.ceil(image.byteLength / WRITE_ALIGN_BYTES) * WRITE_ALIGN_BYTES;
  const words = new Uint8Array(length).fill(0xff);
  words.set(image);
  return words;
}

function timeBoot({ strategy, flash, start, slots, environment }: SwapBench): number {
  flash.restore(start);
  const startMs = performance.now();
  const booted = must(boot(strategy, environment));
  const durationMs = performance.now() - startMs;
  const isSwapped = readTrailer(slots[1]).magic === 'unset';
  if (booted.image.header.version.minor !== 1 || !isSwapped) {
    throw new Error(`benchmark: ${strategy} did not upgrade`);
  }
  return durationMs;
}

function newMemory(bench: SwapBench, collectGarbage: () => void): number {
  collectGarbage();
  const before = process.memoryUsage();
  timeBoot(bench);
  const after = process.memoryUsage();
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
}
