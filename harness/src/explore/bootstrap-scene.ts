import { newImage, type SceneRecipe } from './scene-kit.js';
import { SceneFirmware } from './scene-firmware.js';
import type { Session, Situation } from './scene.js';

/** A device whose first image arrives in the slot for new ones. */
export const BOOTSTRAP: SceneRecipe = {
  summary: 'the primary slot is empty, and is filled from the secondary one',
  settings: { bootstrap: true },
  unfit: {
    strategies: ['direct-xip'],
    why: 'images run where they lie, so there is no empty slot to be filled',
  },
  prepare: (kit) => {
    const { board, device } = kit;
    const next = newImage(kit, 1);
    board.stage(next);
    const stays: Session = {
      name: 'stays up',
      run: (started) => {
        const firmware = new SceneFirmware(started, device);
        firmware.runTrial();
        return firmware.asksForReset ? 'reset' : 'stays-up';
      },
    };
    const isThere = ({ confirmed }: Situation): boolean => confirmed.every(Boolean);
    return {
      images: [next],
      position: 0,
      judge: (situation) =>
        isThere(situation)
          ? undefined
          : {
              invariant: 'confirmed-stays',
              detail: `${next.name} runs, and the next boot would go back to an empty slot`,
            },
      sessions: () => [stays],
      hasArrived: isThere,
      isSettled: isThere,
    };
  },
};
