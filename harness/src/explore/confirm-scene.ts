import { newImage, oldImage, type SceneRecipe } from './scene-kit.js';
import { SceneFirmware } from './scene-firmware.js';
import type { SceneDevice, Session, SessionDevice, SessionEnd } from './scene.js';
import { playUpdate } from './update-scenes.js';
import { UPDATE } from './update-sessions.js';

/** A trial that only somebody outside of the device may end well. */
export const CONFIRM: SceneRecipe = {
  summary: 'a new image is on trial, and is confirmed from outside or not at all',
  unfit: {
    strategies: ['overwrite-only'],
    why: 'where images are overwritten there is no trial, and nothing to confirm',
  },
  prepare: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.provision(old);
    kit.board.stage(next);
    kit.board.mark(0, { permanent: false });
    const play = playUpdate(kit, { images: [old, next], permanent: false });
    const trial = trialSessions(kit.device);
    return {
      ...play,
      // Every exploration begins with a boot: that of the trial.
      position: UPDATE.asked,
      sessions: (situation) => {
        const isNew = situation.running.some(({ role }) => role === 'new');
        const isTrial = isNew && !situation.confirmed.every(Boolean);
        return isTrial ? trial : play.sessions(situation);
      },
    };
  },
};

function trialSessions(scene: SceneDevice): readonly Session[] {
  return [
    { name: 'is confirmed', run: (device) => runTrial(scene, device, 1) },
    { name: 'is confirmed twice', run: (device) => runTrial(scene, device, 2) },
    {
      name: 'is not confirmed',
      run: (device) => {
        device.position = UPDATE.failed;
        return 'reset';
      },
    },
  ];
}

function runTrial(scene: SceneDevice, device: SessionDevice, requests: number): SessionEnd {
  device.position = UPDATE.tried;
  const firmware = new SceneFirmware(device, scene, { selfTest: 'pass', confirms: false });
  firmware.runTrial();
  for (let request = 0; request < requests; request += 1) {
    if (firmware.setImageState({ confirm: true })) device.position = UPDATE.confirmed;
    else device.violate('no-stray-error', `request ${request + 1} to confirm was refused`);
  }
  // The agent sees that it was confirmed, and writes down what became of the update.
  firmware.runTrial();
  return firmware.asksForReset ? 'reset' : 'stays-up';
}
