import { SMP_GROUP, UPDATE_COMMAND } from '@brickproof/agent';
import type { SmpBody, UpdateState } from '@brickproof/agent';
import { readBytes, readText } from './body-fields.js';
import type { SmpRequest } from './request-channel.js';

/** What became of the last update that a Brickproof agent accepted; `none` when there was none. */
export interface LastUpdate {
  readonly state: UpdateState | 'none';
  /** The image's SHA-256 TLV. */
  readonly hash: Uint8Array | undefined;
}

/** The request that asks for it: group 64, which only our agent has. */
export const LAST_UPDATE: SmpRequest = {
  op: 'read',
  group: SMP_GROUP.brickproof,
  command: UPDATE_COMMAND.lastUpdate,
  body: {},
};

const STATES: readonly LastUpdate['state'][] = [
  'none',
  'marked',
  'on-trial',
  'confirmed',
  'failed',
];

/** Reads the answer; undefined when it says something else. */
export function readLastUpdate(body: SmpBody): LastUpdate | undefined {
  const told = readText(body, 'state');
  const state = STATES.find((known) => known === told);
  const hash = readBytes(body, 'hash');
  if (state === undefined || (state !== 'none' && hash === undefined)) return undefined;
  return { state, hash };
}
