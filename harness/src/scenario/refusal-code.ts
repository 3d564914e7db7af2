import { IMAGE_ERROR, MGMT_ERROR, OS_ERROR, SMP_GROUP, type SmpError } from '@brickproof/agent';
import type { SmpClientRejectCode } from '../client/smp-result.js';
import type { TargetRejectCode } from '../target/smp-connection.js';

/** A refusal on the way to the device, as our client names it. */
export type WayRefusalCode = SmpClientRejectCode | TargetRejectCode;

/** Words that stand for several refusals at once. */
export const REFUSAL_CLASSES = ['any', 'unreachable'] as const;

const WAY_CODES: Readonly<Record<WayRefusalCode, 'unreachable' | 'other'>> = {
  'closed-by-us': 'other',
  'connection-lost': 'unreachable',
  'device-offline': 'unreachable',
  'smp-timeout': 'unreachable',
  'smp-cancelled': 'other',
  'smp-request-too-large': 'other',
  'smp-response-malformed': 'other',
  'smp-device-refused': 'other',
  'upload-image-empty': 'other',
  'upload-buffer-too-small': 'other',
  'upload-aborted': 'other',
  'upload-stalled': 'other',
  'upload-mismatch': 'other',
  'target-malformed': 'other',
  'target-not-found': 'unreachable',
  'target-access-denied': 'other',
  'target-busy': 'other',
  'target-unreachable': 'unreachable',
  'target-timeout': 'unreachable',
  'target-offline': 'unreachable',
  'target-unavailable': 'other',
  'target-untrusted': 'other',
  'target-plaintext-refused': 'other',
  'target-credentials-malformed': 'other',
};

const GROUP_NAMES: ReadonlyMap<number, string> = new Map([
  [SMP_GROUP.os, 'os'],
  [SMP_GROUP.image, 'image'],
]);

const GROUP_ERRORS: ReadonlyMap<string, Readonly<Record<string, number>>> = new Map<
  string,
  Readonly<Record<string, number>>
>([
  ['smp', MGMT_ERROR],
  ['os', OS_ERROR],
  ['image', IMAGE_ERROR],
]);

const DEVICE_CODES: readonly string[] = [...GROUP_ERRORS].flatMap(([group, errors]) =>
  Object.entries(errors)
    .filter(([, rc]) => rc !== MGMT_ERROR.ok)
    .map(([name]) => `${group}:${kebab(name)}`),
);

/** Every refusal that has a name; a device's own are also written `GROUP:NUMBER`. */
export const REFUSAL_CODES: readonly string[] = [
  ...REFUSAL_CLASSES,
  ...DEVICE_CODES,
  ...Object.keys(WAY_CODES),
];

/** What was refused, in the words of scenarios. */
export interface Refusal {
  /** A device's error as `image:no-free-slot` or `64:1`, or a code of our client. */
  readonly code: string;
  readonly detail: string;
}

/** The refusal in the words of scenarios. */
export function nameRefusal(failure: {
  readonly code: WayRefusalCode;
  readonly detail: string;
  readonly deviceError?: SmpError;
}): Refusal {
  const { code, detail, deviceError } = failure;
  return { code: deviceError === undefined ? code : nameDeviceError(deviceError), detail };
}

/** Whether a refusal is one of those that were expected. */
export function isRefusal(code: string, expected: readonly string[]): boolean {
  return expected.some((word) => {
    if (word === 'any') return true;
    if (word === 'unreachable') return isUnreachable(code);
    return word === code || numberedForm(word) === numberedForm(code);
  });
}

/** Whether a refusal says that nobody was there to answer. */
export function isUnreachable(code: string): boolean {
  return Object.entries(WAY_CODES).some(
    ([known, kind]) => known === code && kind === 'unreachable',
  );
}

function nameDeviceError(error: SmpError): string {
  const group = error.kind === 'mgmt' ? 'smp' : (GROUP_NAMES.get(error.group) ?? `${error.group}`);
  const names = Object.entries(GROUP_ERRORS.get(group) ?? {});
  const name = names.find(([, rc]) => rc === error.rc)?.[0];
  return `${group}:${name === undefined ? error.rc : kebab(name)}`;
}

/** `image:24`, `1:24` and `image:invalid-hash` are the same. */
function numberedForm(code: string): string {
  const [group = '', error = ''] = code.split(':');
  const number = [...GROUP_NAMES].find(([, name]) => name === group)?.[0] ?? group;
  const named = GROUP_ERRORS.get(GROUP_NAMES.get(Number(number)) ?? group) ?? {};
  const rc = Object.entries(named).find(([name]) => kebab(name) === error)?.[1] ?? error;
  return `${number}:${rc}`;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
