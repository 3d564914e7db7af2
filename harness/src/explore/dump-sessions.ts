import { confirmRunning, markForDirectXip, type SlotPair } from '@brickproof/bootloader-sim';
import type { SceneDevice, Session, SessionDevice, SessionEnd, Situation } from './scene.js';
import { UPDATE, updateSessions } from './update-sessions.js';

/**
 * What the firmware of a dump may do: an image on trial confirms itself or does not, others stay
 * up. On a board with a store it is the agent that does it.
 */
export function dumpSessions(
  device: SceneDevice,
  hasStore: boolean,
): (situation: Situation) => readonly Session[] {
  if (hasStore) return updateSessions(device, { images: [], permanent: false });
  const stays: Session = { name: 'stays up', run: () => 'stays-up' };
  const trial: readonly Session[] = [
    { name: 'confirms', run: (session) => confirmAll(device, session) },
    { name: 'hangs', run: fail },
    { name: 'crashes', run: fail },
  ];
  return ({ running, confirmed }) => {
    const isNew = running.some(({ role }) => role === 'new');
    return isNew && !confirmed.every(Boolean) ? trial : [stays];
  };
}

function fail(session: SessionDevice): SessionEnd {
  session.position = UPDATE.failed;
  return 'reset';
}

function confirmAll({ strategy }: SceneDevice, session: SessionDevice): SessionEnd {
  const { booted, layout } = session;
  for (const [index, { slot }] of [booted, ...booted.others].entries()) {
    const slots = layout.images[index];
    const confirmed = slots && confirmIn(strategy, slots, slot === 0 ? 0 : 1);
    if (confirmed?.ok !== true) {
      session.violate('no-stray-error', `image ${index} could not be confirmed`);
    }
  }
  session.position = UPDATE.confirmed;
  return 'stays-up';
}

function confirmIn(
  strategy: SceneDevice['strategy'],
  slots: SlotPair,
  slot: 0 | 1,
): ReturnType<typeof confirmRunning> {
  return strategy === 'direct-xip'
    ? markForDirectXip(slots[slot], { confirm: true })
    : confirmRunning(slots[0]);
}
