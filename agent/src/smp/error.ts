import type { SmpVersion } from './header.js';
import type { SmpBody, SmpValue } from './message.js';

/** The groups served here. */
export const SMP_GROUP = { os: 0, image: 1, brickproof: 64 } as const;

/** Errors of SMP itself, and all errors of version 1 (Zephyr's `mcumgr_err_t`). */
export const MGMT_ERROR = {
  ok: 0,
  unknown: 1,
  noMemory: 2,
  invalid: 3,
  timeout: 4,
  noEntry: 5,
  badState: 6,
  messageTooLong: 7,
  notSupported: 8,
  corrupt: 9,
  busy: 10,
  accessDenied: 11,
  versionTooOld: 12,
  versionTooNew: 13,
} as const;

/** Errors of the os group (Zephyr's `os_mgmt_err_code_t`). */
export const OS_ERROR = {
  unknown: 1,
  invalidFormat: 2,
  queryYieldsNoAnswer: 3,
  clockNotSet: 4,
  clockFailed: 5,
} as const;

/** Errors of the image group (Zephyr's `img_mgmt_err_code_t`). */
export const IMAGE_ERROR = {
  unknown: 1,
  flashConfigQueryFailed: 2,
  noImage: 3,
  noTlvs: 4,
  invalidTlv: 5,
  multipleHashes: 6,
  invalidTlvSize: 7,
  hashNotFound: 8,
  noFreeSlot: 9,
  flashOpenFailed: 10,
  flashReadFailed: 11,
  flashWriteFailed: 12,
  flashEraseFailed: 13,
  invalidSlot: 14,
  noFreeMemory: 15,
  flashContextAlreadySet: 16,
  flashContextNotSet: 17,
  flashDeviceMissing: 18,
  invalidPageOffset: 19,
  invalidOffset: 20,
  invalidLength: 21,
  invalidImageHeader: 22,
  invalidImageMagic: 23,
  invalidHash: 24,
  invalidFlashAddress: 25,
  versionGetFailed: 26,
  currentVersionIsNewer: 27,
  alreadyPending: 28,
  invalidVectorTable: 29,
  tooLarge: 30,
  dataOverrun: 31,
  confirmationDenied: 32,
  testOfActiveDenied: 33,
  activeSlotUnknown: 34,
} as const;

/** Why a request was not done: a fault of SMP itself, or an error of one group. */
export type SmpError =
  | { readonly kind: 'mgmt'; readonly rc: number; readonly reason?: string }
  | { readonly kind: 'group'; readonly group: number; readonly rc: number };

const MGMT_SENTENCES: readonly string[] = [
  'it was done',
  'the device failed for a reason it does not tell',
  'the device has not enough memory',
  'the request is malformed, or a value in it is not allowed',
  'the device ran into a timeout',
  'there is no such entry',
  'the device is not in a state that allows this',
  "the request or its answer does not fit the device's buffer",
  'the device does not support this command',
  'the request arrived damaged',
  'the device is busy',
  'the device does not permit this',
  'the device no longer speaks this version of SMP',
  'the device does not yet speak this version of SMP',
];

const OS_SENTENCES: readonly string[] = [
  'it was done',
  'the device failed for a reason it does not tell',
  'the format names a field that does not exist',
  'the bootloader has no answer to this query',
  'the clock of the device has not been set',
  'the clock of the device failed',
];

const IMAGE_SENTENCES: readonly string[] = [
  'it was done',
  'the device failed for a reason it does not tell',
  'the layout of the flash could not be read',
  'there is no image in the slot',
  'the image in the slot has no TLVs',
  'the image in the slot has an invalid TLV',
  'the image in the slot has more than one hash',
  'the image in the slot has a TLV of an invalid size',
  'no slot holds an image with this hash',
  'no slot is free: it runs, is about to, or is what a trial falls back to',
  'the flash could not be opened',
  'the flash could not be read',
  'the flash could not be written',
  'the flash could not be erased',
  'there is no such slot',
  'the device has not enough memory',
  'another write to the flash is under way',
  'no write to the flash is under way',
  'the flash has no device',
  'the flash has no page at this offset',
  'the request has no offset',
  'the request has no length, or one that cannot be',
  'the first packet is too short for an image header',
  'this is not a firmware image: its first bytes are wrong',
  'the hash is missing or has the wrong length',
  'the image is linked for another flash address',
  'the version of the running image could not be read',
  'the running image is as new or newer',
  'another image is already set to boot next',
  'the vector table of the image is invalid',
  'the image does not fit the slot',
  'more data was sent than the image was said to have',
  'the device does not let this image boot',
  'the running image cannot be set for test',
  'it is not known which slot runs',
];

const GROUP_SENTENCES: ReadonlyMap<number, readonly string[]> = new Map([
  [SMP_GROUP.os, OS_SENTENCES],
  [SMP_GROUP.image, IMAGE_SENTENCES],
]);

const OS_TO_MGMT: ReadonlyMap<number, number> = new Map<number, number>([
  [OS_ERROR.invalidFormat, MGMT_ERROR.invalid],
  [OS_ERROR.queryYieldsNoAnswer, MGMT_ERROR.noEntry],
  [OS_ERROR.clockNotSet, MGMT_ERROR.noEntry],
]);

const IMAGE_TO_MGMT: ReadonlyMap<number, number> = new Map<number, number>([
  [IMAGE_ERROR.noImage, MGMT_ERROR.noEntry],
  [IMAGE_ERROR.noTlvs, MGMT_ERROR.noEntry],
  [IMAGE_ERROR.noFreeSlot, MGMT_ERROR.badState],
  [IMAGE_ERROR.currentVersionIsNewer, MGMT_ERROR.badState],
  [IMAGE_ERROR.alreadyPending, MGMT_ERROR.badState],
  [IMAGE_ERROR.noFreeMemory, MGMT_ERROR.noMemory],
  [IMAGE_ERROR.invalidSlot, MGMT_ERROR.invalid],
  [IMAGE_ERROR.invalidPageOffset, MGMT_ERROR.invalid],
  [IMAGE_ERROR.invalidOffset, MGMT_ERROR.invalid],
  [IMAGE_ERROR.invalidLength, MGMT_ERROR.invalid],
  [IMAGE_ERROR.invalidImageHeader, MGMT_ERROR.invalid],
  [IMAGE_ERROR.invalidHash, MGMT_ERROR.invalid],
  [IMAGE_ERROR.invalidFlashAddress, MGMT_ERROR.invalid],
]);

const GROUP_TO_MGMT: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map([
  [SMP_GROUP.os, OS_TO_MGMT],
  [SMP_GROUP.image, IMAGE_TO_MGMT],
]);

/**
 * The body that carries an error. Version 1 knows no group errors: they become the closest error
 * of SMP itself, as Zephyr translates them.
 */
export function encodeSmpError(error: SmpError, version: SmpVersion): SmpBody {
  if (error.kind === 'group') {
    if (version === 2) return { err: { group: error.group, rc: error.rc } };
    return { rc: GROUP_TO_MGMT.get(error.group)?.get(error.rc) ?? MGMT_ERROR.unknown };
  }
  return error.reason === undefined ? { rc: error.rc } : { rc: error.rc, rsn: error.reason };
}

/** The error in a response's body of either version; undefined for a success. */
export function decodeSmpError(body: SmpBody): SmpError | undefined {
  const { err, rc, rsn } = body;
  if (isBody(err) && typeof err['rc'] === 'number' && err['rc'] !== 0) {
    const group = typeof err['group'] === 'number' ? err['group'] : -1;
    return { kind: 'group', group, rc: err['rc'] };
  }
  if (typeof rc !== 'number' || rc === MGMT_ERROR.ok) return undefined;
  return typeof rsn === 'string' ? { kind: 'mgmt', rc, reason: rsn } : { kind: 'mgmt', rc };
}

/** One sentence for people, with the numbers behind it. */
export function describeSmpError(error: SmpError): string {
  if (error.kind === 'group') {
    const sentence = GROUP_SENTENCES.get(error.group)?.[error.rc];
    return `${sentence ?? 'an error of its own'} (group ${error.group}, error ${error.rc})`;
  }
  const sentence = MGMT_SENTENCES[error.rc] ?? 'an error of its own';
  const reason = error.reason === undefined ? '' : `: ${error.reason}`;
  return `${sentence} (rc ${error.rc})${reason}`;
}

function isBody(value: SmpValue | undefined): value is SmpBody {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}
