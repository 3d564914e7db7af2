import type { FlashArea } from '@brickproof/bootloader-sim';
import { LeftOutBytes, CanonicalSectors } from './canonical-flash.js';
import type { ByteRange } from './true-ranges.js';
import { CanonicalStore } from './canonical-store.js';
import { CachedCrypto } from './cached-crypto.js';
import { EffectPool } from './effect-pool.js';
import { exploredAreas } from './explored-areas.js';
import { ExploredDevice, type BootFunction } from './explored-device.js';
import { ExploredFlash } from './explored-flash.js';
import { Explorer } from './explorer.js';
import { keptRangesOf } from './kept-ranges.js';
import type { LastWordRegion } from './last-word-region.js';
import type { BuiltScene } from './scene-catalog.js';
import { statusRegions } from './scene-geometry.js';
import { ResetStates } from './reset-states.js';
import { StateGraph } from './state-graph.js';
import type { TearKind } from './tears.js';
import { VectorPool } from './vector-pool.js';

/** How a scene is explored. */
export interface ExploreOptions {
  readonly tears: readonly TearKind[];
  readonly cutsMax: number;
  readonly statesMax: number;
  readonly flickersMax: number;
  /** The bootloader, where it is not ours. */
  readonly boot?: BootFunction | undefined;
}

/** An exploration with all its parts. */
export interface Exploration {
  readonly explorer: Explorer;
  readonly graph: StateGraph;
  readonly effects: EffectPool;
  readonly flash: ExploredFlash;
  readonly device: ExploredDevice;
  readonly start: number;
  /** The area that an offset of the flash lies in. */
  readonly areaAt: (offset: number) => FlashArea;
  /** The state that stands for all that differ from it in nothing that matters. */
  readonly canonical: (state: number) => number;
  /** Sectors that are kept whole beside those that always are. */
  readonly whole: ReadonlySet<number>;
}

/** How often an exploration begins anew, with one more sector that is kept as it is. */
const ATTEMPTS_MAX = 64;

/**
 * Explores a scene. Where somebody looks at bytes that were left out of the states, it begins anew
 * with that sector kept whole.
 */
export function exploreScene(
  built: BuiltScene,
  options: ExploreOptions,
  goesOn: (exploration: Exploration) => boolean,
): Exploration {
  const whole = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const exploration = prepareExploration(built, options, whole);
    const sector = firstLeftOut(() => {
      exploration.explorer.explore(exploration.start, () => goesOn(exploration));
    });
    if (sector === undefined) return exploration;
    const isCopied = whole.has(sector);
    whole.add(sector);
    // Left out elsewhere, and copied to where it was looked at: then nothing is left out any more.
    if (isCopied) for (const other of built.geometry.geometry.sectors.keys()) whole.add(other);
  }
  throw new Error(`an exploration was begun anew ${ATTEMPTS_MAX} times`);
}

/** The sector of which bytes were missed; undefined when none were. */
function firstLeftOut(explore: () => void): number | undefined {
  try {
    explore();
    return undefined;
  } catch (error) {
    if (error instanceof LeftOutBytes) return error.sector;
    throw error;
  }
}

/** Puts together what a scene is explored with; these sectors are kept whole beside others. */
export function prepareExploration(
  built: BuiltScene,
  options: ExploreOptions,
  whole: ReadonlySet<number>,
): Exploration {
  const { scene, geometry } = built;
  const { writeAlignBytes, erasedValue, sectors } = geometry.geometry;
  const effects = new EffectPool({ cells: { writeAlignBytes, erasedValue }, tears: options.tears });
  const kept = keptRangesOf(built);
  const canonical = new CanonicalSectors(effects, (sector) =>
    whole.has(sector) ? 'all' : (kept[sector] ?? 'all'),
  );
  const graph = new StateGraph(new VectorPool(sectors.length), effects, (sector, content) =>
    canonical.canonical(sector, content),
  );
  const regions = new Map<number, LastWordRegion>();
  const mayForget = options.tears.some((tear) => ['one-bit', 'mixed', 'flicker'].includes(tear));
  const flash = new ExploredFlash({ geometry: geometry.geometry, effects, regions, mayForget });
  const rangeOf = (from: number, lengthBytes: number): ByteRange => {
    return { start: from, end: from + lengthBytes };
  };
  flash.guard(
    (sector, from, lengthBytes) => {
      canonical.guard(sector, flash.contents[sector] ?? 0, rangeOf(from, lengthBytes));
    },
    (sector, from, lengthBytes) => {
      canonical.guardWrite(sector, flash.contents[sector] ?? 0, rangeOf(from, lengthBytes));
    },
  );
  const areas = exploredAreas(flash, geometry.areas);
  const device = new ExploredDevice({
    scene: scene.device,
    images: scene.images,
    graph,
    flash,
    areas,
    crypto: new CachedCrypto(scene.device.crypto, effects.contents),
    boot: options.boot,
  });
  const { strategy } = scene.device;
  for (const [sector, region] of statusRegions(strategy, device.layout, geometry.geometry)) {
    regions.set(sector, region);
  }
  for (const contents of built.wholeContents) canonical.addWhole(effects.admit(contents));
  const contents = scene.start.sectors.map((sector) => effects.admit(sector));
  const { counters, position } = scene;
  const start = graph.intern(contents, { counters, position });
  graph.canonicalStore = canonicalStoreOf(built, graph, effects);
  const resets = new ResetStates(scene, graph, effects, geometry.geometry);
  const atReset = (state: number): number => resets.canonical(state);
  const parts = { graph, effects, device, canonical: atReset, flickersMax: options.flickersMax };
  const explorer = new Explorer(scene, parts, options);
  const areaAt = (offset: number): FlashArea => {
    for (const area of areas.areas) {
      if (offset >= area.flashOffset && offset < area.flashOffset + area.sizeBytes) return area;
    }
    throw new RangeError(`no area at ${offset}`);
  };
  return { explorer, graph, effects, flash, device, start, areaAt, whole, canonical: atReset };
}

/** States are alike that differ only in what a store counts from. */
function canonicalStoreOf(
  { scene, geometry }: BuiltScene,
  graph: StateGraph,
  effects: EffectPool,
): CanonicalStore | undefined {
  const area = geometry.areas.find(({ name }) => name === 'store');
  if (area === undefined) return undefined;
  const first = geometry.geometry.sectorIndexAt(area.offset);
  return new CanonicalStore(graph, effects, {
    sectors: [first, first + 1],
    detail: scene.storeDetail,
  });
}
