import {
  accept,
  reject,
  type BootSettings,
  type CryptoProvider,
  type SectorContents,
  type SigningKey,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { SceneBoard } from './scene-board.js';
import type { SceneAgent } from './scene-firmware.js';
import type { KnownImage, Scene, SceneDevice } from './scene.js';
import {
  layOutScene,
  type SceneGeometry,
  type SceneGeometryOptions,
  type SceneRejectCode,
} from './scene-geometry.js';
import { buildSceneImage, readSceneKey, type SceneImageOptions } from './scene-images.js';
import {
  UPDATE,
  hasUpdateArrived,
  isUpdateSettled,
  judgeUpdate,
  updateSessions,
} from './update-sessions.js';

/** The scenes, for people to choose from. */
export type SceneName = 'upgrade' | 'revert' | 'permanent' | 'leftover-trailer' | 'second-upgrade';

/** What a scene is made from. */
export interface SceneOptions {
  readonly scene: SceneName;
  readonly strategy: StrategyName;
  readonly geometry: Omit<SceneGeometryOptions, 'strategy' | 'imageCount' | 'settings'>;
  readonly imageSizeBytes: number;
  /** Of the image that is to take the place of the old one; as large as that when absent. */
  readonly newImageSizeBytes?: number | undefined;
  /** What the bootloader was built for, beside what the scene asks of it. */
  readonly settings?: BootSettings | undefined;
  readonly crypto: CryptoProvider;
  /** The agent that the firmware runs, where it is not ours. */
  readonly agent?: SceneAgent | undefined;
}

/** A scene with the flash that it plays on. */
export interface BuiltScene {
  readonly scene: Scene;
  readonly geometry: SceneGeometry;
  /** What sectors of images hold, wherever they lie. */
  readonly wholeContents: readonly SectorContents[];
}

/** What scenes are built with. */
interface SceneKit {
  readonly options: SceneOptions;
  readonly device: SceneDevice;
  readonly board: SceneBoard;
  readonly image: (options: Omit<SceneImageOptions, 'sizeBytes'>) => KnownImage;
}

type SceneBuilder = (kit: SceneKit) => Pick<Scene, 'images' | 'position' | 'judge' | 'sessions'>;

const SUMMARIES: Readonly<Record<SceneName, string>> = {
  upgrade: 'a new image is taken, tried, and confirms itself or does not',
  revert: 'a new image is on trial: it stays, or the old one comes back',
  permanent: 'a new image is taken for good',
  'leftover-trailer': 'an upgrade over what the one before left in the trailers',
  'second-upgrade': 'another upgrade, after one that was reverted',
};

const BUILDERS: Readonly<Record<SceneName, SceneBuilder>> = {
  upgrade: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.provision(old);
    kit.board.stage(next);
    return update(kit, { images: [old, next], permanent: false, position: UPDATE.wanted });
  },
  revert: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.provision(old);
    kit.board.stage(next);
    kit.board.mark(0, { permanent: false });
    kit.board.boot();
    return update(kit, { images: [old, next], permanent: false, position: UPDATE.asked });
  },
  permanent: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.provision(old);
    kit.board.stage(next);
    return update(kit, { images: [old, next], permanent: true, position: UPDATE.wanted });
  },
  'leftover-trailer': (kit) => {
    const first = kit.image({ name: '1.0.0', role: 'old', minor: 0, securityCounter: 1 });
    const old = kit.image({ name: '1.1.0', role: 'old', minor: 1, securityCounter: 1 });
    const next = newImage(kit, 2);
    kit.board.provision(first);
    kit.board.stage(old);
    kit.board.mark(0, { permanent: false });
    kit.board.boot();
    kit.board.confirm(kit.options.strategy === 'direct-xip' ? 1 : 0);
    kit.board.boot();
    kit.board.stage(next);
    return update(kit, { images: [old, next], permanent: false, position: UPDATE.wanted });
  },
  'second-upgrade': (kit) => {
    const old = oldImage(kit);
    const failed = kit.image({ name: '1.1.0', role: 'refused', minor: 1, securityCounter: 1 });
    const next = newImage(kit, 2);
    kit.board.provision(old);
    kit.board.stage(failed);
    kit.board.mark(0, { permanent: false });
    kit.board.boot();
    kit.board.boot();
    kit.board.stage(next);
    return update(kit, { images: [old, failed, next], permanent: false, position: UPDATE.wanted });
  },
};

/** The names of all scenes. */
export const SCENE_NAMES: readonly SceneName[] = [
  'upgrade',
  'revert',
  'permanent',
  'leftover-trailer',
  'second-upgrade',
];

/** Builds a scene, or says why it cannot be played. */
export function buildScene(options: SceneOptions): Verdict<BuiltScene, SceneRejectCode> {
  const { strategy, settings = {}, crypto, agent } = options;
  const geometry = layOutScene({ ...options.geometry, strategy, imageCount: 1, settings });
  if (!geometry.ok) return geometry;
  const [maxBytes = 0] = geometry.value.capacity.maxImageSizesBytes;
  const imageSizeBytes = Math.max(options.imageSizeBytes, options.newImageSizeBytes ?? 0);
  if (imageSizeBytes > maxBytes) {
    const detail = `an image of ${imageSizeBytes} bytes does not fit, ${strategy} takes ${maxBytes} in such a slot`;
    return reject('scene-image-size', detail);
  }
  const key = readSceneKey();
  if (!key.ok) return key;
  const device: SceneDevice = {
    strategy,
    areas: geometry.value.areas,
    settings,
    keys: [key.value.verificationKey],
    crypto,
    decryptionKey: undefined,
    hasCounters: true,
    agent,
  };
  const images = imageBuilder(options, key.value);
  if (!images.ok) return images;
  const counters = [1];
  const board = new SceneBoard(geometry.value, device, counters);
  const kit: SceneKit = { options, device, board, image: images.value };
  const built = BUILDERS[options.scene](kit);
  const scene: Scene = {
    name: options.scene,
    summary: SUMMARIES[options.scene],
    device,
    start: board.snapshot(),
    counters: board.counters.snapshot(),
    isSettled: isUpdateSettled,
    hasArrived: hasUpdateArrived,
    storeDetail: 'values',
    ...built,
  };
  return accept({
    scene,
    geometry: geometry.value,
    wholeContents: wholeContentsOf(scene, geometry.value),
  });
}

function imageBuilder(
  { imageSizeBytes, newImageSizeBytes = imageSizeBytes, crypto }: SceneOptions,
  key: SigningKey,
): Verdict<SceneKit['image'], SceneRejectCode> {
  const build = (
    options: Omit<SceneImageOptions, 'sizeBytes'>,
  ): ReturnType<typeof buildSceneImage> => {
    const sizeBytes = options.role === 'new' ? newImageSizeBytes : imageSizeBytes;
    return buildSceneImage({ ...options, sizeBytes }, key, crypto);
  };
  for (const role of ['old', 'new'] as const) {
    const tried = build({ name: '', role, minor: 0, securityCounter: 1 });
    if (!tried.ok) return tried;
  }
  return accept((options) => {
    const image = build(options);
    if (!image.ok) throw new Error(image.detail);
    return image.value;
  });
}

function oldImage(kit: SceneKit): KnownImage {
  return kit.image({ name: '1.0.0', role: 'old', minor: 0, securityCounter: 1 });
}

function newImage(kit: SceneKit, minor: number): KnownImage {
  return kit.image({ name: `1.${minor}.0`, role: 'new', minor, securityCounter: 2 });
}

function update(
  { device }: SceneKit,
  options: {
    readonly images: readonly KnownImage[];
    readonly permanent: boolean;
    readonly position: number;
  },
): ReturnType<SceneBuilder> {
  const { images, permanent, position } = options;
  const asked = images.filter(({ role }) => role === 'new');
  return {
    images,
    position,
    judge: judgeUpdate({ permanent }),
    sessions: updateSessions(device, { images: asked, permanent }),
  };
}

/** The sectors of the start, and those of each image where it starts with a sector. */
function wholeContentsOf(
  { start, images }: Pick<Scene, 'start' | 'images'>,
  { geometry }: SceneGeometry,
): readonly SectorContents[] {
  const sizes = new Set(geometry.sectors.map(({ sizeBytes }) => sizeBytes));
  const pieces: SectorContents[] = [];
  for (const sizeBytes of sizes) {
    for (const { bytes } of images) {
      for (let offset = 0; offset < bytes.byteLength; offset += sizeBytes) {
        const piece = new Uint8Array(sizeBytes).fill(geometry.erasedValue);
        piece.set(bytes.subarray(offset, offset + sizeBytes));
        const programmed = new Uint8Array(Math.ceil(sizeBytes / geometry.writeAlignBytes / 8));
        pieces.push({ bytes: piece, programmed: programmed.fill(0xff), unstable: undefined });
      }
    }
  }
  return [...start.sectors, ...pieces];
}
