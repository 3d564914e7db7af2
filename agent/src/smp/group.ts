import { IMAGE_ERROR, MGMT_ERROR, OS_ERROR, SMP_GROUP } from './error.js';
import type { SmpError } from './error.js';
import type { SmpBody } from './message.js';

/** What a command answers: a body with its standard keys, or an error. */
export type SmpOutcome =
  { readonly ok: true; readonly body: SmpBody } | { readonly ok: false; readonly error: SmpError };

/** Does what one request asks. It never throws, whatever the body. */
export type SmpHandler = (body: SmpBody) => SmpOutcome;

/** The handlers of one command. */
export interface SmpCommand {
  readonly read?: SmpHandler;
  readonly write?: SmpHandler;
}

/** The commands of one management group, by their numbers. */
export interface SmpGroup {
  readonly id: number;
  readonly commands: ReadonlyMap<number, SmpCommand>;
}

/** Answers with a body. */
export function answer(body: SmpBody): SmpOutcome {
  return { ok: true, body };
}

/** Answers with an error of SMP itself. */
export function mgmtError(name: keyof typeof MGMT_ERROR): SmpOutcome {
  return { ok: false, error: { kind: 'mgmt', rc: MGMT_ERROR[name] } };
}

/** Answers with an error of the os group. */
export function osError(name: keyof typeof OS_ERROR): SmpOutcome {
  return { ok: false, error: { kind: 'group', group: SMP_GROUP.os, rc: OS_ERROR[name] } };
}

/** Answers with an error of the image group. */
export function imageError(name: keyof typeof IMAGE_ERROR): SmpOutcome {
  return { ok: false, error: { kind: 'group', group: SMP_GROUP.image, rc: IMAGE_ERROR[name] } };
}
