import { createHash } from 'node:crypto';
import { accept, reject, type CryptoProvider, type Verdict } from '@brickproof/bootloader-sim';
import { LeftOutBytes } from './canonical-flash.js';
import { prepareExploration, type Exploration, type ExploreOptions } from './explore.js';
import type { Counterexample } from './explore-report.js';
import type { Finding } from './explorer.js';
import type { BootFunction } from './explored-device.js';
import { decodeReplayId, encodeReplayId, type Replay } from './replay-id.js';
import type { ExplorationRequest } from './run-exploration.js';
import { buildScene, type BuiltScene } from './scene-catalog.js';
import type { SceneRejectCode } from './scene-geometry.js';
import { goTrace, TraceLost } from './trace.js';
import { pathTo } from './trace-path.js';

const FINGERPRINT_CHARACTERS = 12;

/** Why a way cannot be gone again. */
export type ReplayRejectCode = SceneRejectCode | 'replay-malformed' | 'replay-elsewhere';

/** A way that was gone again. */
export interface Replayed {
  readonly request: ExplorationRequest;
  /** Undefined where what was found broken held this time. */
  readonly counterexample: Counterexample | undefined;
}

/** The options of an exploration that a request means. */
export function exploreOptionsOf(
  request: ExplorationRequest,
  boot: BootFunction | undefined,
): ExploreOptions {
  const { tears, statesMax, flickersMax } = request;
  const cutsMax = request.cutsMax === 'any' ? Infinity : request.cutsMax;
  return { tears, cutsMax, statesMax, flickersMax, boot };
}

/** Tells the way to a finding, with the identifier that goes it again. */
export function counterexampleOf(
  built: BuiltScene,
  request: ExplorationRequest,
  exploration: Exploration,
  finding: Finding,
): Counterexample {
  const path = pathTo(exploration.explorer.frontier, finding);
  const gone = goTrace(built.scene, exploration, path, request.flickersMax);
  const { invariant, detail } = finding;
  const whole = [...exploration.whole];
  const replay: Replay = { request, fingerprint: fingerprintOf(built), whole, path };
  const { start, boots, cuts } = gone;
  return { invariant, detail, cuts, replayId: encodeReplayId(replay), start, boots };
}

/**
 * Goes a way again, exactly. Refuses `replay-malformed`, and `replay-elsewhere` for the identifier
 * of another configuration: of other images, or of another bootloader.
 */
export function replayExploration(
  id: string,
  tools: { readonly crypto: CryptoProvider; readonly boot?: BootFunction },
): Verdict<Replayed, ReplayRejectCode> {
  const decoded = decodeReplayId(id);
  if (!decoded.ok) return decoded;
  const { request } = decoded.value;
  const { strategy, ...geometry } = request.geometry;
  const built = buildScene({ ...request, strategy, geometry, crypto: tools.crypto });
  if (!built.ok) return built;
  return replayOn(built.value, decoded.value, { id, boot: tools.boot });
}

/** As `replayExploration`, of a scene that was built. */
export function replayBuilt(
  id: string,
  built: BuiltScene,
  { boot }: { readonly boot?: BootFunction },
): Verdict<Replayed, ReplayRejectCode> {
  const decoded = decodeReplayId(id);
  return decoded.ok ? replayOn(built, decoded.value, { id, boot }) : decoded;
}

function replayOn(
  built: BuiltScene,
  { request, fingerprint, whole, path }: Replay,
  { id, boot }: { readonly id: string; readonly boot: BootFunction | undefined },
): Verdict<Replayed, ReplayRejectCode> {
  if (fingerprintOf(built) !== fingerprint) {
    return reject('replay-elsewhere', 'the identifier belongs to other images or keys than these');
  }
  const options = exploreOptionsOf(request, boot);
  const exploration = prepareExploration(built, options, new Set(whole));
  try {
    const gone = goTrace(built.scene, exploration, path, request.flickersMax);
    const { start, boots, cuts } = gone;
    const [found] = gone.broken;
    if (found === undefined) return accept({ request, counterexample: undefined });
    const { invariant, detail } = found;
    const counterexample = { invariant, detail, cuts, replayId: id, start, boots };
    return accept({ request, counterexample });
  } catch (error) {
    if (error instanceof TraceLost || error instanceof LeftOutBytes) {
      return reject('replay-elsewhere', `the identifier belongs elsewhere: ${error.message}`);
    }
    throw error;
  }
}

function fingerprintOf({ scene }: BuiltScene): string {
  const hash = createHash('sha256');
  for (const { bytes } of scene.start.sectors) hash.update(bytes);
  for (const { spki } of scene.device.keys) hash.update(spki);
  return hash.digest('hex').slice(0, FINGERPRINT_CHARACTERS);
}
