import { createHostCrypto } from '@brickproof/agent/node';
import type { StrategyName, Verdict } from '@brickproof/bootloader-sim';
import {
  runExploration,
  type ExploreReport,
  type InvariantName,
  type SceneGeometryOptions,
  type SceneName,
  type SceneRejectCode,
  type TearKind,
} from '@brickproof/harness';

/** One exploration of a scene, and what it comes to. */
export interface SceneCase {
  readonly strategy: StrategyName;
  /** `16 KiB, sectors of 2 KiB, words of 8, image of 5000 bytes` unless told. */
  readonly flash?: SceneFlash;
  /** Prefixes and single bits unless told. */
  readonly tears?: readonly TearKind[];
  /** Any number of cuts unless told. */
  readonly cutsMax?: number;
  readonly statesMin: number;
  /** The bootloader keeps what MCUboot may lose. */
  readonly hardened?: boolean;
  /** Cuts that it takes to reach the last new state. */
  readonly deepest: number;
  /** Absent: every invariant holds. */
  readonly broken?: readonly InvariantName[];
}

/** A flash, and the images that go into its slots. */
export interface SceneFlash extends Pick<
  SceneGeometryOptions,
  'slotSizeBytes' | 'sectorSizeBytes' | 'writeAlignBytes'
> {
  readonly imageSizeBytes: number;
}

/** Small sectors, and images of three of them. */
export const WORDS_OF_8: SceneFlash = {
  slotSizeBytes: 16_384,
  sectorSizeBytes: 2048,
  writeAlignBytes: 8,
  imageSizeBytes: 5000,
};

/** Sectors that are twice as large, and words that are half as long. */
export const WORDS_OF_4: SceneFlash = {
  ...WORDS_OF_8,
  sectorSizeBytes: 4096,
  writeAlignBytes: 4,
};

/** Longer words, smaller slots, and images of two sectors: the fewest states of the three. */
export const WORDS_OF_16: SceneFlash = {
  slotSizeBytes: 8192,
  sectorSizeBytes: 1024,
  writeAlignBytes: 16,
  imageSizeBytes: 1500,
};

const STATES_MAX = 100_000;
const FLICKERS_MAX = 2;
const CRYPTO = createHostCrypto();

/** Explores a scene in one of its cases. */
export function exploreCase(
  scene: SceneName,
  options: Partial<SceneCase>,
): Verdict<ExploreReport, SceneRejectCode> {
  const {
    strategy,
    flash = WORDS_OF_8,
    tears = ['prefix', 'one-bit'],
    cutsMax,
    hardened,
  } = options;
  const { imageSizeBytes, ...sizes } = flash;
  if (strategy === undefined) throw new Error('a case without a strategy');
  return runExploration(
    {
      scene,
      geometry: { ...sizes, strategy, erasedValue: 0xff },
      imageSizeBytes,
      ...(hardened === true && { hardened }),
      tears,
      cutsMax: cutsMax ?? 'any',
      statesMax: STATES_MAX,
      flickersMax: FLICKERS_MAX,
    },
    { crypto: CRYPTO },
  );
}

/** The report of an exploration that can be made. */
export function reportOf(scene: SceneName, options: SceneCase): ExploreReport {
  const explored = exploreCase(scene, options);
  if (!explored.ok) throw new Error(`${explored.code}: ${explored.detail}`);
  return explored.value;
}

/** Which invariants were found broken, by name. */
export function brokenIn({ invariants }: ExploreReport): readonly InvariantName[] {
  const found = invariants.filter(({ violations }) => violations > 0);
  return found.map(({ name }) => name).toSorted();
}
