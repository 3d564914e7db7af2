import type { BootSettings, CryptoProvider, Verdict } from '@brickproof/bootloader-sim';
import type { ExploreReport, InvariantCount, InvariantName } from './explore-report.js';
import type { BootFunction } from './explored-device.js';
import { exploreScene, type Exploration } from './explore.js';
import type { FindingCount } from './explorer.js';
import { counterexampleOf, exploreOptionsOf } from './replay.js';
import { buildScene, type BuiltScene, type SceneName } from './scene-catalog.js';
import type { SceneAgent } from './scene-firmware.js';
import type { SceneGeometryOptions, SceneRejectCode } from './scene-geometry.js';
import type { TearKind } from './tears.js';

/** What is to be explored, in the words of the flags; plain data, to be sent to a worker. */
export interface ExplorationRequest {
  readonly scene: SceneName;
  readonly geometry: Omit<SceneGeometryOptions, 'imageCount' | 'settings'>;
  readonly imageSizeBytes: number;
  /** Of the new image; as large as the old one when absent. */
  readonly newImageSizeBytes?: number;
  /** What the bootloader was built for, where that is not the usual. */
  readonly settings?: BootSettings;
  /** The bootloader keeps what MCUboot may lose (`BootSettings.hardened`). */
  readonly hardened?: boolean | undefined;
  readonly tears: readonly TearKind[];
  readonly cutsMax: number | 'any';
  readonly statesMax: number;
  /** How often the same cells may read differently within one boot. */
  readonly flickersMax: number;
}

/** What an exploration runs with beside its request. */
export interface ExplorationTools {
  readonly crypto: CryptoProvider;
  /** The bootloader, where it is not ours. */
  readonly boot?: BootFunction;
  /** The agent, where it is not ours. */
  readonly agent?: SceneAgent;
  /** Hears of the progress, now and then; false ends the exploration. */
  readonly onProgress?: (progress: ExplorationProgress) => boolean;
}

/** How far an exploration is. */
export interface ExplorationProgress {
  readonly states: number;
  /** Cuts that led to the states which are explored now. */
  readonly cuts: number;
  /** States that wait, of those that take as many cuts. */
  readonly waiting: number;
  readonly boots: number;
}

/** All invariants, in the order of a report. */
export const INVARIANT_NAMES: readonly InvariantName[] = [
  'runs-verified-image',
  'counter-never-lower',
  'boots-something',
  'arrives',
  'runs-unasked',
  'tried-first',
  'tried-once',
  'confirmed-stays',
  'store-keeps',
  'settles',
  'no-stray-error',
];

/** The most boots in a row that may run what a device must not stay with. */
export const BOOTS_TO_SETTLE_MAX = 8;

const STATES_BETWEEN_PROGRESS = 256;

/** Builds a scene and explores it. Refuses what `buildScene` refuses. */
export function runExploration(
  request: ExplorationRequest,
  tools: ExplorationTools,
): Verdict<ExploreReport, SceneRejectCode> {
  const { geometry } = request;
  const { strategy, ...flash } = geometry;
  const { crypto, agent } = tools;
  const built = buildScene({ ...request, strategy, geometry: flash, crypto, agent });
  if (!built.ok) return built;
  return { ok: true, value: exploreBuilt(built.value, request, tools) };
}

/** Explores a scene that was built, and reports. */
export function exploreBuilt(
  built: BuiltScene,
  request: ExplorationRequest,
  { boot, onProgress }: Pick<ExplorationTools, 'boot' | 'onProgress'>,
): ExploreReport {
  const startMs = performance.now();
  let peakMemoryBytes = 0;
  let untilProgress = 0;
  const exploration = exploreScene(built, exploreOptionsOf(request, boot), ({ explorer }) => {
    untilProgress -= 1;
    if (untilProgress > 0) return true;
    untilProgress = STATES_BETWEEN_PROGRESS;
    peakMemoryBytes = Math.max(peakMemoryBytes, process.memoryUsage.rss());
    const { known: states, cuts, waiting } = explorer.frontier;
    return onProgress?.({ states, cuts, waiting, boots: explorer.boots }) ?? true;
  });
  judgeSettling(exploration);
  const { explorer, graph } = exploration;
  const { known: states, deepestNewCut } = explorer.frontier;
  return {
    settings: settingsOf(request),
    drained: explorer.stoppedBy === undefined,
    stoppedBy: explorer.stoppedBy,
    states,
    edges: graph.edgeCount,
    merged: graph.edgeCount - (states - 1),
    deepestNewCut,
    boots: explorer.boots,
    sharedBoots: explorer.sharedBoots,
    bootsToSettle: explorer.uncut.settling().bootsMax,
    seconds: (performance.now() - startMs) / 1_000,
    peakMemoryBytes: Math.max(peakMemoryBytes, process.memoryUsage.rss()),
    invariants: countsOf(exploration),
    counterexample: shortest(built, request, exploration),
  };
}

/** Without another cut, every state comes to rest. */
export function judgeSettling({ explorer }: Exploration): void {
  const { restless, restlessCount, bootsMax } = explorer.uncut.settling();
  const nothing = { bootChoices: [], session: undefined, sessionChoices: [] };
  if (restless !== undefined) {
    const detail = `${restlessCount} states may boot round and round without ever settling`;
    explorer.report({ invariant: 'settles', detail }, restless, nothing);
  } else if (bootsMax > BOOTS_TO_SETTLE_MAX) {
    const detail = `a state takes ${bootsMax} boots to settle, at most ${BOOTS_TO_SETTLE_MAX} are fine`;
    explorer.report({ invariant: 'settles', detail }, 0, nothing);
  }
}

/** The finding that takes the fewest cuts. */
function shortest(
  built: BuiltScene,
  request: ExplorationRequest,
  exploration: Exploration,
): ExploreReport['counterexample'] {
  const { frontier, findings } = exploration.explorer;
  const cutsOf = ({ first }: FindingCount): number => frontier.cutsOf(first.state) ?? Infinity;
  const [best] = [...findings.values()].toSorted((a, b) => cutsOf(a) - cutsOf(b));
  return best && counterexampleOf(built, request, exploration, best.first);
}

function countsOf({ explorer }: Exploration): readonly InvariantCount[] {
  return INVARIANT_NAMES.map((name) => {
    return { name, violations: explorer.findings.get(name)?.count ?? 0 };
  });
}

function settingsOf(request: ExplorationRequest): ExploreReport['settings'] {
  const { scene, imageSizeBytes, cutsMax, tears } = request;
  const { strategy, slotSizeBytes, sectorSizeBytes, writeAlignBytes, erasedValue } =
    request.geometry;
  return {
    scene,
    strategy,
    slotSizeBytes,
    sectorSizeBytes,
    writeAlignBytes,
    erasedValue,
    imageSizeBytes,
    cutsMax,
    tears,
  };
}
