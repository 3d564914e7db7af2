import {
  newImage,
  oldImage,
  type SceneKit,
  type ScenePlay,
  type SceneRecipe,
} from './scene-kit.js';
import type { KnownImage } from './scene.js';
import {
  UPDATE,
  judgeUpdate,
  positionAtReset,
  updateSessions,
  type UpdateRequest,
} from './update-sessions.js';

/** An upgrade as it mostly goes. */
export const UPGRADE: SceneRecipe = {
  summary: 'a new image is taken, tried, and confirms itself or does not',
  prepare: (kit) => prepareUpdate(kit, { permanent: false }),
};

/** An upgrade that nobody means to take back. */
export const PERMANENT: SceneRecipe = {
  summary: 'a new image is taken for good',
  prepare: (kit) => prepareUpdate(kit, { permanent: true }),
};

/** A trial that ended without a word from the new image. */
export const REVERT: SceneRecipe = {
  summary: 'a new image was on trial and did not confirm itself: the old one comes back',
  unfit: {
    strategies: ['overwrite-only'],
    why: 'where images are overwritten there is no trial, and nothing to go back to',
  },
  prepare: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.provision(old);
    kit.board.stage(next);
    kit.board.mark(0, { permanent: false });
    kit.board.boot();
    return {
      ...playUpdate(kit, { images: [old, next], permanent: false }),
      position: UPDATE.failed,
      hasArrived: ({ running }) => running.every(({ role }) => role === 'old'),
    };
  },
};

/** An upgrade after one that went well. */
export const LEFTOVER_TRAILER: SceneRecipe = {
  summary: 'an upgrade over what the one before left in the trailers',
  prepare: (kit) => {
    const first = kit.image({ name: '1.0.0', role: 'old', minor: 0, securityCounter: 1 });
    const old = kit.image({ name: '1.1.0', role: 'old', minor: 1, securityCounter: 1 });
    kit.board.provision(first);
    kit.board.stage(old);
    kit.board.mark(0, { permanent: false });
    kit.board.boot();
    kit.board.confirm();
    kit.board.boot();
    const next = newImage(kit, 2);
    kit.board.stage(next);
    return askForUpdate(kit, { images: [old, next], permanent: false });
  },
};

/** An upgrade of an image that came together with a trailer, as `imgtool sign --pad` makes it. */
export const FIRST_UPGRADE: SceneRecipe = {
  summary: 'the first upgrade of an image that was programmed with its trailer',
  prepare: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.program(old);
    kit.board.stage(next);
    return askForUpdate(kit, { images: [old, next], permanent: false });
  },
};

/** An upgrade after one that failed. */
export const SECOND_UPGRADE: SceneRecipe = {
  summary: 'another upgrade, after one that was reverted',
  unfit: {
    strategies: ['overwrite-only'],
    why: 'where images are overwritten, none is ever reverted',
  },
  prepare: (kit) => {
    const old = oldImage(kit);
    const failed = kit.image({ name: '1.1.0', role: 'refused', minor: 1, securityCounter: 1 });
    kit.board.provision(old);
    kit.board.stage(failed);
    kit.board.mark(0, { permanent: false });
    kit.board.boot();
    kit.board.boot();
    const next = newImage(kit, 2);
    kit.board.stage(next);
    return askForUpdate(kit, { images: [old, failed, next], permanent: false });
  },
};

function prepareUpdate(kit: SceneKit, options: { readonly permanent: boolean }): ScenePlay {
  const [old, next] = [oldImage(kit), newImage(kit, 1)];
  kit.board.provision(old);
  kit.board.stage(next);
  return askForUpdate(kit, { images: [old, next], ...options });
}

/**
 * An update whose images are staged, and that the firmware is to ask for. With direct-xip they are
 * marked here already: an image without a mark is erased as soon as the device starts.
 */
export function askForUpdate(
  kit: SceneKit,
  update: { readonly images: readonly KnownImage[]; readonly permanent: boolean },
): ScenePlay {
  const play = playUpdate(kit, update);
  if (kit.device.strategy !== 'direct-xip') return play;
  for (const { role, imageIndex } of update.images) {
    if (role === 'new') kit.board.mark(imageIndex, update);
  }
  return { ...play, position: UPDATE.asked };
}

/** What follows once images are staged, or while they are sent. */
export function playUpdate(
  { device }: SceneKit,
  update: Omit<UpdateRequest, 'images'> & { readonly images: readonly KnownImage[] },
): ScenePlay {
  const { images, ...request } = update;
  const asked = images.filter(({ role }) => role === 'new');
  // Where images are overwritten there is no trial: whatever is asked for is there to stay.
  const permanent = update.permanent || device.strategy === 'overwrite-only';
  return {
    images,
    position: UPDATE.wanted,
    judge: judgeUpdate({ permanent }),
    positionAtReset,
    sessions: updateSessions(device, { ...request, images: asked }),
  };
}
