import { decodeSmpError, describeSmpError, IMAGE_ERROR, SMP_GROUP } from '@brickproof/agent';
import type { SmpBody, SmpError } from '@brickproof/agent';
import { fail } from './smp-result.js';
import type { SmpResult } from './smp-result.js';

const REASON_CHARACTERS_MAX = 300;

/**
 * An answer with its error, of either version, taken out: `smp-device-refused` with the device's
 * numbers. An error that cannot be read is no success either: `smp-response-malformed`.
 */
export function refuseDeviceError(answer: SmpResult<SmpBody>): SmpResult<SmpBody> {
  if (!answer.ok) return answer;
  const deviceError = decodeSmpError(answer.value);
  if (deviceError !== undefined) {
    const detail = `the device refused: ${printable(describeSmpError(deviceError))}${hintFor(deviceError)}`;
    return { ok: false, code: 'smp-device-refused', detail, deviceError };
  }
  return tellsSuccess(answer.value)
    ? answer
    : fail('smp-response-malformed', 'the answer holds an error that cannot be read');
}

/** What does not let an image boot has no number of its own; devices print it. */
function hintFor(error: SmpError): string {
  const isDenied =
    error.kind === 'group' &&
    error.group === SMP_GROUP.image &&
    error.rc === IMAGE_ERROR.confirmationDenied;
  return isDenied ? '; its console says why' : '';
}

/** Old servers say success with an `rc` of 0, the others by saying nothing. */
function tellsSuccess(body: SmpBody): boolean {
  const { err, rc } = body;
  const succeeded = rc === undefined || rc === 0 || rc === 0n;
  return succeeded && (err === undefined || isZeroError(err));
}

function isZeroError(err: unknown): boolean {
  return typeof err === 'object' && err !== null && 'rc' in err && err.rc === 0;
}

/** What a device says goes to a terminal: no control characters, no flood. */
export function printable(text: string): string {
  return text.slice(0, REASON_CHARACTERS_MAX).replace(/\p{Cc}/gu, '?');
}
