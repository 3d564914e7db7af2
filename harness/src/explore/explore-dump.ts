import { accept, type AgreementKey, type Verdict } from '@brickproof/bootloader-sim';
import { readDecryptionKey } from '../cli/agreement-key-file.js';
import { withKeyRoom } from '../board/board-definition.js';
import { readFlashDump } from '../board/flash-dump-file.js';
import { loadBoard } from '../board/load-board.js';
import { readTrustedOrSampleKeys } from '../board/trusted-keys.js';
import { buildDumpScene, DUMP_SCENE_NAME } from './dump-scene.js';
import type { DumpSource, ExploreBounds, Explored } from './explore-task.js';
import { replayBuilt, type Replayed } from './replay.js';
import { exploreBuilt, type ExplorationRequest, type ExplorationTools } from './run-exploration.js';
import type { BuiltScene } from './scene-catalog.js';

/** Explores from a dump. Refuses what files, boards and `buildDumpScene` refuse. */
export async function exploreDump(
  source: DumpSource,
  bounds: ExploreBounds,
  tools: ExplorationTools,
): Promise<Explored> {
  const built = await buildFrom(source, tools);
  if (!built.ok) return built;
  const report = exploreBuilt(built.value, requestOf(built.value, bounds), tools);
  return accept({ ...report, settings: { ...report.settings, scene: DUMP_SCENE_NAME } });
}

/** Goes a way from a dump again. Refuses as `exploreDump` and `replayExploration` do. */
export async function replayDump(
  source: DumpSource,
  id: string,
  tools: ExplorationTools,
): Promise<Verdict<Replayed, string>> {
  const built = await buildFrom(source, tools);
  return built.ok ? replayBuilt(id, built.value, tools) : built;
}

async function buildFrom(
  source: DumpSource,
  { crypto }: ExplorationTools,
): Promise<Verdict<BuiltScene, string>> {
  const named = await loadBoard(source.board, source.strategy);
  if (!named.ok) return named;
  const board = named.value;
  const dump = readFlashDump(source.dumpPath, board);
  if (!dump.ok) return dump;
  const keys = readTrustedOrSampleKeys(source.keyPaths);
  if (!keys.ok) return keys;
  const decryptionKey: Verdict<AgreementKey | undefined, string> =
    source.decryptionKeyPath === undefined
      ? accept(undefined)
      : readDecryptionKey(source.decryptionKeyPath);
  if (!decryptionKey.ok) return decryptionKey;
  return buildDumpScene({
    board: decryptionKey.value === undefined ? board : withKeyRoom(board),
    snapshot: dump.value.snapshot,
    keys: keys.value.map(({ key }) => key),
    counters: dump.value.counters ?? board.counters,
    crypto,
    decryptionKey: decryptionKey.value,
  });
}

/** The dump in the words of a scene: the sizes are those of its first slot. */
function requestOf({ scene, geometry }: BuiltScene, bounds: ExploreBounds): ExplorationRequest {
  const slot = geometry.areas.find(({ name }) => name === 'slot0');
  const { sectors, writeAlignBytes, erasedValue } = geometry.geometry;
  const sector = slot && sectors[geometry.geometry.sectorIndexAt(slot.offset)];
  return {
    ...bounds,
    scene: 'upgrade',
    geometry: {
      strategy: geometry.strategy,
      slotSizeBytes: slot?.sizeBytes ?? 0,
      sectorSizeBytes: sector?.sizeBytes ?? 0,
      writeAlignBytes,
      erasedValue,
    },
    imageSizeBytes: Math.max(...scene.images.map(({ bytes }) => bytes.byteLength)),
  };
}
