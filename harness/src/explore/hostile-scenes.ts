import { oldImage, type SceneKit, type ScenePlay, type SceneRecipe } from './scene-kit.js';
import { SceneFirmware } from './scene-firmware.js';
import type { SceneImageOptions } from './scene-images.js';
import type { KnownImage, Session, Situation } from './scene.js';

const CANDIDATE = { name: '1.1.0', role: 'refused', minor: 1, securityCounter: 2 } as const;

/** Somebody without the key asks for a trial of an image of their own. */
export const FORGED: SceneRecipe = {
  summary: 'an image with a bad signature is marked for a trial',
  prepare: (kit) =>
    prepareHostile(kit, { image: { ...CANDIDATE, spoiled: 'signature' }, permanent: false }),
};

/** The same, and there would be no way back. */
export const FORGED_PERMANENT: SceneRecipe = {
  summary: 'an image with a bad signature is marked to be taken for good',
  prepare: (kit) =>
    prepareHostile(kit, { image: { ...CANDIDATE, spoiled: 'signature' }, permanent: true }),
};

/** An image that was sound once. */
export const DAMAGED: SceneRecipe = {
  summary: 'an image with one wrong bit in its body is marked for a trial',
  prepare: (kit) =>
    prepareHostile(kit, { image: { ...CANDIDATE, spoiled: 'body' }, permanent: false }),
};

/**
 * An old image with a sound signature, and perhaps a known hole. Versions are not compared: the
 * security counter alone stands against it.
 */
export const DOWNGRADE: SceneRecipe = {
  summary: 'an older image with a lower security counter is marked to be taken for good',
  counters: [2],
  settings: { downgradePrevention: 'none' },
  unfit: {
    strategies: ['direct-xip'],
    why: 'images are chosen by their version, so an older one is not even looked at',
  },
  prepare: (kit) => {
    const old = kit.image({ name: '1.1.0', role: 'old', minor: 1, securityCounter: 2 });
    const image = { name: '1.0.0', role: 'refused', minor: 0, securityCounter: 1 } as const;
    return playHostile(kit, { old, candidate: kit.image(image), permanent: true });
  },
};

/** An older image that is no less secure: only its version tells. */
export const OLDER_VERSION: SceneRecipe = {
  summary: 'an image of an older version is marked to be taken for good',
  prepare: (kit) => {
    const old = kit.image({ name: '1.1.0', role: 'old', minor: 1, securityCounter: 1 });
    const image = { name: '1.0.0', role: 'refused', minor: 0, securityCounter: 1 } as const;
    return playHostile(kit, { old, candidate: kit.image(image), permanent: true });
  },
};

function prepareHostile(
  kit: SceneKit,
  { image, permanent }: { readonly image: CandidateOptions; readonly permanent: boolean },
): ScenePlay {
  return playHostile(kit, { old: oldImage(kit), candidate: kit.image(image), permanent });
}

type CandidateOptions = Omit<SceneImageOptions, 'sizeBytes'>;

/** Staged and marked by somebody who writes to the flash: no agent was asked. */
function playHostile(
  { board, device }: SceneKit,
  options: {
    readonly old: KnownImage;
    readonly candidate: KnownImage;
    readonly permanent: boolean;
  },
): ScenePlay {
  const { old, candidate, permanent } = options;
  board.provision(old);
  board.stage(candidate);
  board.mark(0, { permanent });
  const stays: Session = {
    name: 'stays up',
    run: (started) => {
      const firmware = new SceneFirmware(started, device);
      firmware.runTrial();
      return firmware.asksForReset ? 'reset' : 'stays-up';
    },
  };
  const isOld = ({ running }: Situation): boolean => running.every(({ role }) => role === 'old');
  return {
    images: [old, candidate],
    position: 0,
    judge: () => undefined,
    sessions: () => [stays],
    hasArrived: isOld,
    isSettled: isOld,
  };
}
