import type { InvariantName } from './explore-report.js';
import { SceneFirmware } from './scene-firmware.js';
import type {
  BrokenRule,
  KnownImage,
  SceneDevice,
  Session,
  SessionDevice,
  SessionEnd,
  Situation,
} from './scene.js';

/** How far an update is for those who ask for it. They keep what they know when the power goes. */
export const UPDATE = {
  /** Nobody has asked for the update. */
  wanted: 0,
  /** It was asked for, once; perhaps the power went before the device took note. */
  asked: 1,
  /** The new image was started, and may confirm itself. */
  tried: 2,
  /** The new image had its chance, and did not confirm itself. */
  failed: 3,
  /** The device said that the new image is there to stay. */
  confirmed: 4,
} as const;

/** Who brings an update to the device, and how. */
export interface UpdateRequest {
  /** The images that are asked for, in the order of asking. */
  readonly images: readonly KnownImage[];
  readonly permanent: boolean;
  /** Sends the images before it asks for them; false when it gave up. */
  readonly send?: (firmware: SceneFirmware, device: SessionDevice) => boolean;
}

/** What the firmware of a scene with an update may do in a situation. */
export function updateSessions(
  scene: SceneDevice,
  request: UpdateRequest,
): (situation: Situation) => readonly Session[] {
  const stays: Session = { name: 'stays up', run: (device) => stayUp(scene, device) };
  const asks: Session = {
    name: 'takes the update',
    run: (device) => takeUpdate(scene, device, request),
  };
  const trial = trialSessions(scene);
  return (situation) => {
    const isNew = situation.running.some(({ role }) => role === 'new');
    if (isNew) return situation.confirmed.every(Boolean) ? [stays] : trial;
    return situation.position === UPDATE.wanted ? [asks] : [stays];
  };
}

/** What a new image may do that has not confirmed itself. */
function trialSessions(scene: SceneDevice): readonly Session[] {
  const gone = (device: SessionDevice): SessionEnd => {
    device.position = UPDATE.failed;
    // It comes as far as to start its agent.
    new SceneFirmware(device, scene);
    return 'reset';
  };
  return [
    { name: 'confirms', run: (device) => runTrial(scene, device, 'pass') },
    { name: 'fails its self-test', run: (device) => runTrial(scene, device, 'fail') },
    { name: 'hangs', run: gone },
    { name: 'crashes', run: gone },
  ];
}

function runTrial(
  scene: SceneDevice,
  device: SessionDevice,
  selfTest: 'pass' | 'fail',
): SessionEnd {
  device.position = selfTest === 'pass' ? UPDATE.tried : UPDATE.failed;
  const firmware = new SceneFirmware(device, scene, { selfTest, confirms: true });
  firmware.runTrial();
  if (firmware.asksForReset) return 'reset';
  if (firmware.isConfirmed) device.position = UPDATE.confirmed;
  return 'stays-up';
}

function stayUp(scene: SceneDevice, device: SessionDevice): SessionEnd {
  const firmware = new SceneFirmware(device, scene);
  firmware.runTrial();
  const isNew = device.running.some(({ role }) => role === 'new');
  if (isNew && firmware.isConfirmed) device.position = UPDATE.confirmed;
  return firmware.asksForReset ? 'reset' : 'stays-up';
}

function takeUpdate(scene: SceneDevice, device: SessionDevice, request: UpdateRequest): SessionEnd {
  device.position = UPDATE.asked;
  const firmware = new SceneFirmware(device, scene);
  const isSent = request.send?.(firmware, device) ?? true;
  return isSent && markAll(firmware, request) ? 'reset' : 'stays-up';
}

function markAll(firmware: SceneFirmware, { images, permanent }: UpdateRequest): boolean {
  return images.every(({ hash }) => firmware.setImageState({ hash, confirm: permanent }));
}

/** What holds of every update that is tried before it stays, or that is taken for good. */
export function judgeUpdate(options: {
  readonly permanent: boolean;
}): (situation: Situation) => BrokenRule | undefined {
  return ({ position, running, confirmed }) => {
    const isNew = running.some(({ role }) => role === 'new');
    const isTrial = isNew && !confirmed.every(Boolean);
    const names = running.map(({ name }) => name).join(' and ');
    switch (position) {
      case UPDATE.wanted:
        return isNew ? broken('runs-unasked', `${names} runs, and nobody asked for it`) : undefined;
      case UPDATE.asked: {
        const isUntried = isNew && !isTrial && !options.permanent;
        return isUntried
          ? broken('tried-first', `${names} counts as confirmed before it was tried`)
          : undefined;
      }
      case UPDATE.tried:
        return isTrial
          ? broken('tried-once', `${names} runs on trial again, after it had its chance`)
          : undefined;
      case UPDATE.failed:
        return isNew ? broken('tried-once', `${names} runs again, after it failed`) : undefined;
      default:
        return isNew
          ? undefined
          : broken('confirmed-stays', `${names} runs, after the new image was confirmed`);
    }
  };
}

function broken(invariant: InvariantName, detail: string): BrokenRule {
  return { invariant, detail };
}

/** An image that is not confirmed when the power goes had its chance. */
export function positionAtReset(position: number, willStay: () => boolean): number {
  return position === UPDATE.tried && !willStay() ? UPDATE.failed : position;
}

/** The new image was tried, or more. */
export function hasUpdateArrived({ position }: Situation): boolean {
  return position >= UPDATE.tried;
}

/** A device may stay with the old images, or with confirmed new ones. */
export function isUpdateSettled({ running, confirmed }: Situation): boolean {
  return running.every(({ role }, index) => role === 'old' || confirmed[index] === true);
}
