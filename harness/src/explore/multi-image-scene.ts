import { newImage, oldImage, type SceneRecipe } from './scene-kit.js';
import type { Situation } from './scene.js';
import { askForUpdate } from './update-scenes.js';
import { isUpdateSettled } from './update-sessions.js';

/** The version of image 1 that the new image 0 needs. */
const NEEDED = { major: 1, minor: 1, revision: 0, buildNumber: 0 };

/** Two images that are updated together, or not at all. */
export const MULTI_IMAGE: SceneRecipe = {
  summary: 'two new images are taken and tried together; the first one needs the second',
  imageCount: 2,
  prepare: (kit) => {
    const second: typeof kit = { ...kit, image: (image) => kit.image({ ...image, imageIndex: 1 }) };
    const needs = [{ imageIndex: 1, minimumVersion: NEEDED }];
    const first: typeof kit = {
      ...kit,
      image: (image) => kit.image({ ...image, dependencies: needs }),
    };
    const old = [oldImage(kit), oldImage(second)];
    const next = [newImage(first, 1), newImage(second, 1)];
    for (const image of old) kit.board.provision(image);
    for (const image of next) kit.board.stage(image);
    const play = askForUpdate(kit, { images: [...old, ...next], permanent: false });
    return {
      ...play,
      judge: (situation) =>
        isUnmet(situation)
          ? {
              invariant: 'runs-verified-image',
              detail: 'the new image 0 runs beside an image 1 that is older than it needs',
            }
          : play.judge(situation),
      isSettled: (situation) => isOneSet(situation) && isUpdateSettled(situation),
    };
  },
};

function isUnmet({ running: [first, second] }: Situation): boolean {
  return first?.role === 'new' && second?.role !== 'new';
}

function isOneSet({ running }: Situation): boolean {
  return new Set(running.map(({ role }) => role)).size === 1;
}
