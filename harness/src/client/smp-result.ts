import type { SmpError } from '@brickproof/agent';
import type { Accepted, Rejected } from '@brickproof/bootloader-sim';
import type { ConnectionCloseCode } from '../target/smp-connection.js';

/** Why a request did not get what it asked for. */
export type SmpClientRejectCode =
  | ConnectionCloseCode
  | 'smp-timeout'
  | 'smp-cancelled'
  | 'smp-request-too-large'
  | 'smp-response-malformed'
  | 'smp-device-refused'
  | 'upload-image-empty'
  | 'upload-buffer-too-small'
  | 'upload-aborted'
  | 'upload-stalled'
  | 'upload-mismatch';

/** A refusal; when the device itself refused, with the numbers it gave. */
export interface SmpFailure extends Rejected<SmpClientRejectCode> {
  readonly deviceError?: SmpError;
}

/** What a request brought: the answer, or why there is none. */
export type SmpResult<T> = Accepted<T> | SmpFailure;

/** A refusal that the client itself decided on. */
export function fail(code: SmpClientRejectCode, detail: string): SmpFailure {
  return { ok: false, code, detail };
}
