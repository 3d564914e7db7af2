import type { Rejected } from '@brickproof/bootloader-sim';

/**
 * How the daemon ends. Only `failed` and `bootUnnoted` are worth another try by themselves; the
 * others stay until somebody changes something, and the unit file tells systemd so.
 */
export const AGENT_EXIT = {
  stopped: 0,
  failed: 1,
  usage: 2,
  config: 10,
  keys: 11,
  slots: 12,
  storeDamaged: 13,
  storeNewer: 14,
  storeUnusable: 15,
  nothingBootable: 16,
  imageRefused: 17,
  bootUnnoted: 18,
  slotNotChosen: 19,
} as const;

/** One of the exit statuses. */
export type AgentExitStatus = (typeof AGENT_EXIT)[keyof typeof AGENT_EXIT];

/** Why the agent cannot go on: the status it ends with, and what to do about it. */
export interface AgentExit extends Rejected<string> {
  readonly status: AgentExitStatus;
}

/** Ends with a status because of a refusal. */
export function exitWith(status: AgentExitStatus, refusal: Rejected<string>): AgentExit {
  return { ...refusal, status };
}
