import {
  NorFlash,
  OtpCounters,
  accept,
  boot,
  createFlashMap,
  reject,
  type AgreementKey,
  type BootEnvironment,
  type BootOutcome,
  type CryptoProvider,
  type FlashSnapshot,
  type SectorContents,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { bootLayoutOf } from '../board/provision.js';
import {
  checkBoardStore,
  checkBoardStrategy,
  type BoardDefinition,
  type FactoryCounters,
} from '../board/board-definition.js';
import { dividedFor } from '../board/device-model.js';
import { DumpImages } from './dump-images.js';
import { dumpSessions } from './dump-sessions.js';
import { withShortStore } from './dump-store.js';
import type { KnownImage, Scene, SceneDevice } from './scene.js';
import { must } from './scene-board.js';
import type { BuiltScene } from './scene-catalog.js';
import type { SceneGeometry, SceneRejectCode } from './scene-geometry.js';
import { UPDATE, isUpdateSettled } from './update-sessions.js';

/** The flash of somebody's own board, and whom its bootloader trusts. */
export interface DumpSceneOptions {
  readonly board: BoardDefinition;
  readonly snapshot: FlashSnapshot;
  readonly keys: readonly VerificationKey[];
  /** Undefined: not known, so that no counter is asked for. */
  readonly counters: FactoryCounters | undefined;
  readonly crypto: CryptoProvider;
  readonly decryptionKey: AgreementKey | undefined;
}

/** What the scene of a dump is called. */
export const DUMP_SCENE_NAME = 'dump';

/** Boots without a cut after which a device has come to rest, or never will. */
const REHEARSED_BOOTS_MAX = 8;

/**
 * A scene that begins with a dump: it may be in the middle of a swap, or about to try an image.
 * Whatever in it verifies may run; what runs in the end if nobody confirms anything is the old
 * image. Refuses `scene-geometry-invalid` for what MCUboot cannot be built for, and `scene-unfit`.
 */
export function buildDumpScene(options: DumpSceneOptions): Verdict<BuiltScene, SceneRejectCode> {
  const { board, keys, crypto, decryptionKey } = options;
  const geometry = geometryOf(board);
  if (!geometry.ok) return geometry;
  const hasStore = checkBoardStore(board).ok;
  const short = hasStore
    ? withShortStore(geometry.value, options.snapshot)
    : { geometry: withoutStore(geometry.value), snapshot: options.snapshot };
  const { areas, settings } = short.geometry;
  const counters = countersOf(options);
  const device: SceneDevice = {
    strategy: board.strategy,
    areas,
    settings,
    keys,
    crypto,
    decryptionKey,
    hasCounters: counters !== undefined,
  };
  const images = imagesOf(short.geometry, short.snapshot, { device, counters });
  if (!images.ok) return images;
  const scene: Scene = {
    name: DUMP_SCENE_NAME,
    summary: 'what a dump of a flash holds',
    device,
    start: short.snapshot,
    counters: counters ?? [],
    position: UPDATE.asked,
    images: images.value,
    storeDetail: 'values',
    judge: () => undefined,
    sessions: dumpSessions(device, hasStore),
    hasArrived: () => true,
    isSettled: isUpdateSettled,
  };
  const wholeContents = [...short.snapshot.sectors, ...piecesOf(images.value, short.geometry)];
  return accept({ scene, geometry: short.geometry, wholeContents });
}

function geometryOf(board: BoardDefinition): Verdict<SceneGeometry, SceneRejectCode> {
  const { strategy, bootSettings } = board;
  const { logicalSectorSizeBytes, ...settings } = bootSettings;
  if (logicalSectorSizeBytes !== undefined) {
    const detail = `the bootloader of ${board.model.name} has logical sectors, which are not explored`;
    return reject('scene-unfit', detail);
  }
  const capacity = checkBoardStrategy(board);
  if (!capacity.ok) return reject('scene-geometry-invalid', capacity.detail);
  const { geometry, areas } = dividedFor(board.model, strategy);
  return accept({ strategy, geometry, areas, settings, capacity: capacity.value });
}

function withoutStore(geometry: SceneGeometry): SceneGeometry {
  return { ...geometry, areas: geometry.areas.filter(({ name }) => name !== 'store') };
}

function countersOf({ board, counters }: DumpSceneOptions): readonly number[] | undefined {
  if (counters === undefined || counters === 'none') return undefined;
  const hasTwo = board.model.areas.some(({ name }) => name === 'slot2');
  // A counter for each image, also where fewer are known.
  return Array.from({ length: hasTwo ? 2 : 1 }, (_, index) => counters[index] ?? 0);
}

/** Lets the bootloader start again and again, and takes note of every image that may run. */
function imagesOf(
  geometry: SceneGeometry,
  snapshot: FlashSnapshot,
  started: { readonly device: SceneDevice; readonly counters: readonly number[] | undefined },
): Verdict<readonly KnownImage[], SceneRejectCode> {
  const { device, counters } = started;
  const flash = new NorFlash(snapshot);
  const layout = bootLayoutOf(must(createFlashMap(flash, geometry.areas)), geometry.settings);
  const environment: BootEnvironment = {
    ...layout,
    keys: device.keys,
    crypto: device.crypto,
    decryptionKey: device.decryptionKey,
    counters: counters && new OtpCounters(counters),
    log: () => undefined,
  };
  const images = new DumpImages(device, layout);
  images.look();
  let last: BootOutcome | undefined;
  for (let count = 0; count < REHEARSED_BOOTS_MAX; count += 1) {
    const booted = boot(device.strategy, environment);
    if (!booted.ok) {
      return reject('scene-unfit', `nothing in the dump may run: ${booted.detail}`);
    }
    images.look();
    last = booted.value;
  }
  return accept(images.known(last));
}

/** What the sectors of images hold, wherever they lie. */
function piecesOf(
  images: readonly KnownImage[],
  { geometry }: SceneGeometry,
): readonly SectorContents[] {
  const { sectors, writeAlignBytes, erasedValue } = geometry;
  const pieces: SectorContents[] = [];
  for (const sizeBytes of new Set(sectors.map((sector) => sector.sizeBytes))) {
    for (const { bytes } of images) {
      for (let offset = 0; offset < bytes.byteLength; offset += sizeBytes) {
        const piece = new Uint8Array(sizeBytes).fill(erasedValue);
        piece.set(bytes.subarray(offset, offset + sizeBytes));
        const programmed = new Uint8Array(Math.ceil(sizeBytes / writeAlignBytes / 8)).fill(0xff);
        pieces.push({ bytes: piece, programmed, unstable: undefined });
      }
    }
  }
  return pieces;
}
