import { newImage, oldImage, type SceneKit, type SceneRecipe } from './scene-kit.js';
import type { SceneImageOptions } from './scene-images.js';
import type { Situation } from './scene.js';
import { askForUpdate } from './update-scenes.js';
import { isUpdateSettled } from './update-sessions.js';

/** What each of the new images needs of the other one. */
const NEEDED_VERSION = { major: 1, minor: 1, revision: 0, buildNumber: 0 };

/** Two images that are updated together, or not at all. */
export const MULTI_IMAGE: SceneRecipe = {
  summary: 'two new images that need each other are taken and tried together',
  imageCount: 2,
  prepare: (kit) => {
    const second = withOptions(kit, { imageIndex: 1 });
    const old = [oldImage(kit), oldImage(second)];
    const next = [newImage(needing(kit, 1), 1), newImage(needing(second, 0), 1)];
    for (const image of old) kit.board.provision(image);
    for (const image of next) kit.board.stage(image);
    const play = askForUpdate(kit, { images: [...old, ...next], permanent: false });
    return {
      ...play,
      judge: (situation) =>
        !isOneSet(situation)
          ? {
              invariant: 'runs-verified-image',
              detail: 'one of the new images runs beside an old one, which it does not go with',
            }
          : play.judge(situation),
      isSettled: (situation) => isOneSet(situation) && isUpdateSettled(situation),
    };
  },
};

function needing(kit: SceneKit, imageIndex: number): SceneKit {
  return withOptions(kit, { dependencies: [{ imageIndex, minimumVersion: NEEDED_VERSION }] });
}

function withOptions(kit: SceneKit, options: Partial<SceneImageOptions>): SceneKit {
  return { ...kit, image: (image) => kit.image({ ...image, ...options }) };
}

/** All are old, or all are new. */
function isOneSet({ running }: Situation): boolean {
  return new Set(running.map(({ role }) => role)).size === 1;
}
