import { readUpdateRecord } from '../update/update-record.js';
import type { Store } from '../store/store.js';
import { SMP_GROUP } from './error.js';
import { answer } from './group.js';
import type { SmpCommand, SmpGroup, SmpOutcome } from './group.js';

/** The commands of our own group, by number. */
export const UPDATE_COMMAND = { lastUpdate: 0 } as const;

/**
 * Group 64, ours: what standard groups do not tell. Reading command 0 answers the last update that
 * was accepted: `state` (`none`, `marked`, `on-trial`, `confirmed`, `failed`) and its image's
 * `hash`.
 */
export function createUpdateGroup(store: Store): SmpGroup {
  return {
    id: SMP_GROUP.brickproof,
    commands: new Map<number, SmpCommand>([
      [UPDATE_COMMAND.lastUpdate, { read: () => lastUpdate(store) }],
    ]),
  };
}

function lastUpdate(store: Store): SmpOutcome {
  const last = readUpdateRecord(store);
  return answer(last === undefined ? { state: 'none' } : { state: last.state, hash: last.hash });
}
