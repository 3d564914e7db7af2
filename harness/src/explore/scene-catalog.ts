import {
  accept,
  reject,
  type AgreementKey,
  type SigningKey,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { BOOTSTRAP } from './bootstrap-scene.js';
import { CONFIRM } from './confirm-scene.js';
import { DOWNLOAD } from './download-scene.js';
import { ENCRYPTED } from './encrypted-scene.js';
import { DAMAGED, DOWNGRADE, FORGED, FORGED_PERMANENT, OLDER_VERSION } from './hostile-scenes.js';
import { MULTI_IMAGE } from './multi-image-scene.js';
import { SceneBoard } from './scene-board.js';
import { layOutScene, type SceneGeometry, type SceneRejectCode } from './scene-geometry.js';
import {
  buildSceneImage,
  readSceneDecryptionKey,
  readSceneKey,
  type SceneImageOptions,
} from './scene-images.js';
import type { BuiltScene, SceneKit, SceneOptions, SceneRecipe } from './scene-kit.js';
import type { Scene, SceneDevice } from './scene.js';
import { STORE } from './store-scene.js';
import {
  FIRST_UPGRADE,
  LEFTOVER_TRAILER,
  PERMANENT,
  REVERT,
  SECOND_UPGRADE,
  UPGRADE,
} from './update-scenes.js';
import { hasUpdateArrived, isUpdateSettled } from './update-sessions.js';
import { wholeContentsOf } from './whole-contents.js';

export type { BuiltScene } from './scene-kit.js';

/** The names of all scenes. */
export const SCENE_NAMES = [
  'upgrade',
  'revert',
  'permanent',
  'leftover-trailer',
  'first-upgrade',
  'second-upgrade',
  'download',
  'confirm',
  'store',
  'multi-image',
  'encrypted',
  'forged',
  'forged-permanent',
  'damaged',
  'downgrade',
  'older-version',
  'bootstrap',
] as const;

/** The scenes, for people to choose from. */
export type SceneName = (typeof SCENE_NAMES)[number];

const RECIPES: Readonly<Record<SceneName, SceneRecipe>> = {
  upgrade: UPGRADE,
  revert: REVERT,
  permanent: PERMANENT,
  'leftover-trailer': LEFTOVER_TRAILER,
  'first-upgrade': FIRST_UPGRADE,
  'second-upgrade': SECOND_UPGRADE,
  download: DOWNLOAD,
  confirm: CONFIRM,
  store: STORE,
  'multi-image': MULTI_IMAGE,
  encrypted: ENCRYPTED,
  forged: FORGED,
  'forged-permanent': FORGED_PERMANENT,
  damaged: DAMAGED,
  downgrade: DOWNGRADE,
  'older-version': OLDER_VERSION,
  bootstrap: BOOTSTRAP,
};

/** What a scene plays with, before anything is done to its board. */
interface Stage {
  readonly geometry: SceneGeometry;
  readonly device: SceneDevice;
  readonly kit: SceneKit;
  readonly board: SceneBoard;
}

/**
 * Builds a scene, or says why it cannot be played: `scene-unfit` by this strategy,
 * `scene-geometry-invalid` and `scene-image-size` in this flash, `scene-sample-missing` without the
 * keys of the samples.
 */
export function buildScene(
  options: SceneOptions & { readonly scene: SceneName },
): Verdict<BuiltScene, SceneRejectCode> {
  const recipe = RECIPES[options.scene];
  if (recipe.unfit?.strategies.includes(options.strategy) === true) {
    const detail = `${options.scene} cannot be played with ${options.strategy}: ${recipe.unfit.why}`;
    return reject('scene-unfit', detail);
  }
  const staged = setStage(options, recipe);
  if (!staged.ok) return staged;
  const { geometry, device, kit, board } = staged.value;
  const { otherForms = [], ...play } = recipe.prepare(kit);
  const scene: Scene = {
    name: options.scene,
    summary: recipe.summary,
    device,
    start: board.snapshot(),
    counters: board.counters.snapshot(),
    isSettled: isUpdateSettled,
    hasArrived: hasUpdateArrived,
    storeDetail: 'values',
    ...play,
  };
  return accept({ scene, geometry, wholeContents: wholeContentsOf(scene, otherForms, geometry) });
}

function setStage(options: SceneOptions, recipe: SceneRecipe): Verdict<Stage, SceneRejectCode> {
  const { imageCount = 1, counters } = recipe;
  const settings = { ...recipe.settings, hardened: options.hardened, ...options.settings };
  const geometry = fitGeometry(options, { imageCount, settings });
  if (!geometry.ok) return geometry;
  const key = readSceneKey();
  if (!key.ok) return key;
  const decryptionKey: Verdict<AgreementKey | undefined, SceneRejectCode> =
    recipe.decrypts === true ? readSceneDecryptionKey() : accept(undefined);
  if (!decryptionKey.ok) return decryptionKey;
  const device: SceneDevice = {
    strategy: options.strategy,
    areas: geometry.value.areas,
    settings,
    keys: [key.value.verificationKey],
    crypto: options.crypto,
    decryptionKey: decryptionKey.value,
    hasCounters: true,
    agent: options.agent,
  };
  const image = imageBuilder(options, key.value);
  if (!image.ok) return image;
  const first = counters ?? Array.from({ length: imageCount }, () => 1);
  const board = new SceneBoard(geometry.value, device, first);
  const kit = { device, board, image: image.value };
  return accept({ geometry: geometry.value, device, kit, board });
}

function fitGeometry(
  { geometry: flash, strategy, ...sizes }: SceneOptions,
  board: Required<Pick<SceneRecipe, 'imageCount' | 'settings'>>,
): Verdict<SceneGeometry, SceneRejectCode> {
  const geometry = layOutScene({ ...flash, strategy, ...board });
  if (!geometry.ok) return geometry;
  const maxBytes = Math.min(...geometry.value.capacity.maxImageSizesBytes);
  const imageSizeBytes = Math.max(sizes.imageSizeBytes, sizes.newImageSizeBytes ?? 0);
  if (imageSizeBytes <= maxBytes) return geometry;
  const detail = `an image of ${imageSizeBytes} bytes does not fit, ${strategy} takes ${maxBytes} in such a slot`;
  return reject('scene-image-size', detail);
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
