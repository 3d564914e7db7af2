import type { InvariantName } from '@brickproof/harness';
import type { BootSettings, StrategyName } from '@brickproof/bootloader-sim';
import { expect } from 'vitest';
import { exploreScene } from '../../../../harness/src/explore/explore.js';
import {
  judgeSettling,
  type ExplorationRequest,
  type ExplorationTools,
} from '../../../../harness/src/explore/run-exploration.js';
import { buildScene, type SceneName } from '../../../../harness/src/explore/scene-catalog.js';
import type { TearKind } from '../../../../harness/src/explore/tears.js';
import { hostCrypto } from '../../../bootloader-sim/boot/signed-image.js';
import { HISTORICAL_VARIANTS } from '../variants/historical.js';
import { loadVariant } from '../variants/load-variant.js';
import { AGENT_MUTANTS, BOOTLOADER_MUTANTS } from '../variants/mutants.js';

/** The board of a case: as few and as small sectors as the case needs. */
export interface FoundBoard {
  readonly slotSizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly scratchSizeBytes?: number;
  readonly writeAlignBytes?: 4 | 8;
  readonly imageSizeBytes: number;
  readonly newImageSizeBytes?: number;
}

/** A variant, and how the explorer is to find it. */
export interface FoundCase {
  readonly variant: string;
  readonly scene: SceneName;
  /** Under each of them it takes as many cuts. */
  readonly strategies: readonly StrategyName[];
  /** Nothing but cuts between whole operations, unless told. */
  readonly tears?: readonly TearKind[];
  readonly board?: FoundBoard;
  /** Without downgrade prevention, unless told: it makes what lies beyond it hard to reach. */
  readonly settings?: BootSettings;
  /** As many as there may be, unless told: then that many are enough. */
  readonly cutsMax?: number;
  /** What it breaks. To crash is not enough. */
  readonly breaks: Exclude<InvariantName, 'no-stray-error'>;
  /** The fewest power cuts that it takes. */
  readonly cuts: number;
}

/** Images take half a slot of four sectors. */
export const HALF_FULL: FoundBoard = {
  slotSizeBytes: 8192,
  sectorSizeBytes: 2048,
  imageSizeBytes: 3000,
};

/** Images reach into the sector of the trailer, which then goes through two sectors of scratch. */
export const FULL: FoundBoard = {
  slotSizeBytes: 6144,
  sectorSizeBytes: 1024,
  scratchSizeBytes: 2048,
  imageSizeBytes: 5200,
};

/** What an exploration found of one invariant. */
export interface Explored {
  /** Why not everything was tried; undefined when nothing was left out. */
  readonly stoppedBy: string | undefined;
  /** The fewest cuts that break the invariant; undefined where none do. */
  readonly cuts: number | undefined;
}

const STATES_MAX = 60_000;
const ERASED_VALUE = 0xff;

/** The request of a case, with one of its strategies. */
export function requestOf(found: FoundCase, strategy: StrategyName): ExplorationRequest {
  const { board = HALF_FULL, scene, tears = [], cutsMax = 'any' } = found;
  const { imageSizeBytes, newImageSizeBytes = imageSizeBytes, writeAlignBytes = 8 } = board;
  const { slotSizeBytes, sectorSizeBytes } = board;
  const isSwapped = strategy !== 'direct-xip';
  const settings = found.settings ?? (isSwapped ? { downgradePrevention: 'none' } : {});
  return {
    scene,
    geometry: {
      strategy,
      slotSizeBytes,
      sectorSizeBytes,
      writeAlignBytes,
      erasedValue: ERASED_VALUE,
      ...(board.scratchSizeBytes !== undefined && { scratchSizeBytes: board.scratchSizeBytes }),
    },
    imageSizeBytes,
    newImageSizeBytes,
    settings,
    tears,
    cutsMax,
    statesMax: STATES_MAX,
    flickersMax: 1,
  };
}

/** A bootloader or an agent to explore; nothing for ours. */
export type Explorable = Pick<ExplorationTools, 'boot' | 'agent'>;

/** Loads the variant of a name, once. */
export async function variantNamed(name: string): Promise<Explorable> {
  const known = loaded.get(name) ?? load(name);
  loaded.set(name, known);
  return known;
}

const loaded = new Map<string, Promise<Explorable>>();

async function load(name: string): Promise<Explorable> {
  const isNamed = (variant: { readonly name: string }): boolean => variant.name === name;
  const bootloader = [...HISTORICAL_VARIANTS, ...BOOTLOADER_MUTANTS].find(isNamed);
  if (bootloader !== undefined) return { boot: (await loadVariant(bootloader)).boot };
  const agent = AGENT_MUTANTS.find(isNamed);
  if (agent === undefined) throw new Error(`no variant ${name}`);
  return { agent: await loadVariant(agent) };
}

/** Explores until the invariant is found broken, or nothing is left to try. */
export function exploreFor(
  invariant: InvariantName,
  request: ExplorationRequest,
  { boot, agent }: Explorable,
): Explored {
  const { tears, statesMax, flickersMax } = request;
  const { strategy, ...geometry } = request.geometry;
  const tools = { crypto: hostCrypto, agent };
  const built = buildScene({ ...request, strategy, geometry, ...tools });
  if (!built.ok) throw new Error(`${built.code}: ${built.detail}`);
  const cutsMax = request.cutsMax === 'any' ? Infinity : request.cutsMax;
  const options = { tears, statesMax, flickersMax, cutsMax, boot };
  const exploration = exploreScene(
    built.value,
    options,
    // States with fewer cuts come first: what is found first takes the fewest.
    ({ explorer }) => !explorer.findings.has(invariant),
  );
  judgeSettling(exploration);
  const { findings, frontier, stoppedBy } = exploration.explorer;
  const finding = findings.get(invariant);
  return { stoppedBy, cuts: finding && frontier.cutsOf(finding.first.state) };
}

/** By request and invariant: what is found of ours. Many cases share one. */
const soundOnes = new Map<string, Explored>();

function exploreOurs(invariant: InvariantName, request: ExplorationRequest): Explored {
  const key = JSON.stringify([invariant, request]);
  const known = soundOnes.get(key) ?? exploreFor(invariant, request, {});
  soundOnes.set(key, known);
  return known;
}

/** A variant breaks what it is said to, with as few cuts; ours does not, whatever was tried. */
export async function expectFound(found: FoundCase, strategy: StrategyName): Promise<void> {
  const request = requestOf(found, strategy);
  const variant = await variantNamed(found.variant);
  expect(exploreFor(found.breaks, request, variant).cuts).toBe(found.cuts);
  const stoppedBy =
    found.cutsMax === undefined ? undefined : `no more than ${found.cutsMax} cuts were tried`;
  expect(exploreOurs(found.breaks, request)).toEqual({ stoppedBy, cuts: undefined });
}

/** A sentence, a case and one of its strategies. */
export type FoundRow = readonly [string, FoundCase, StrategyName];

/** One row for each strategy of each case. */
export function rowsOf(cases: readonly FoundCase[]): readonly FoundRow[] {
  return cases.flatMap((found) =>
    found.strategies.map((strategy): FoundRow => {
      const { variant, scene, breaks } = found;
      const sentence = `${variant} with ${strategy}: in ${scene}, ${cutsInWords(found)} breaks ${breaks}`;
      return [sentence, found, strategy];
    }),
  );
}

function cutsInWords({ cuts }: FoundCase): string {
  if (cuts === 0) return 'no cut at all';
  return cuts === 1 ? 'one cut' : `the last of ${cuts} cuts`;
}
