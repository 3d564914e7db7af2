import type { StrategyName, Verdict } from '@brickproof/bootloader-sim';
import type { ExploreReport } from './explore-report.js';
import type { ExplorationProgress, ExplorationRequest } from './run-exploration.js';

/** The flash of somebody's own board, by the names of files; plain data, to be sent to a worker. */
export interface DumpSource {
  readonly dumpPath: string;
  /** A board file, or a built-in model. */
  readonly board: string;
  /** Goes before what the board says. */
  readonly strategy: StrategyName | undefined;
  /** PEM files of the keys that its bootloader trusts; none for those of the samples. */
  readonly keyPaths: readonly string[];
  readonly decryptionKeyPath: string | undefined;
}

/** How much of everything is tried. */
export type ExploreBounds = Pick<
  ExplorationRequest,
  'tears' | 'cutsMax' | 'statesMax' | 'flickersMax' | 'hardened'
>;

/** One exploration, for a worker: of a scene, or of a dump. */
export type ExploreTask =
  | { readonly kind: 'scene'; readonly request: ExplorationRequest }
  | { readonly kind: 'dump'; readonly source: DumpSource; readonly bounds: ExploreBounds };

/** A report, or why there is nothing to explore. */
export type Explored = Verdict<ExploreReport, string>;

/** What a worker says while it explores, and at the end. */
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly progress: ExplorationProgress }
  | { readonly kind: 'explored'; readonly explored: Explored };

/** What a worker is started with: others set the first number to end the exploration. */
export interface WorkerStart {
  readonly stopFlag: Int32Array;
}
