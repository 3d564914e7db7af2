/**
 * Why something was refused. One code per cause; a code is never used for two causes.
 * Programs and tests compare codes, people read the detail beside it.
 */
export type RejectCode = FlashRejectCode | ImageRejectCode | KeyRejectCode | BootRejectCode;

/** What a flash, its map or its counters refuse. */
export type FlashRejectCode =
  | 'flash-map-invalid'
  | 'flash-out-of-bounds'
  | 'flash-misaligned'
  | 'flash-word-programmed'
  | 'flash-write-failed'
  | 'flash-erase-failed'
  | 'flash-fault-invalid'
  | 'flash-faults-too-many'
  | 'flash-dump-size'
  | 'counter-unknown'
  | 'counter-not-monotonic';

/** Why bytes are not an MCUboot image that may run here. */
export type ImageRejectCode =
  | 'image-truncated'
  | 'image-bad-magic'
  | 'image-header-size'
  | 'image-flags-unsupported'
  | 'image-encryption-flags'
  | 'image-encryption-key-missing'
  | 'image-too-large'
  | 'image-tlv-magic'
  | 'image-tlv-size'
  | 'image-tlv-count'
  | 'image-tlv-not-allowed'
  | 'image-tlv-duplicate'
  | 'image-not-encrypted'
  | 'image-encryption-tlv-missing'
  | 'image-encryption-tlv-duplicate'
  | 'image-encryption-tlv-size'
  | 'image-encryption-key-kind'
  | 'image-encryption-key-size'
  | 'image-encryption-point'
  | 'image-encryption-tag'
  | 'image-hash-missing'
  | 'image-hash-mismatch'
  | 'image-key-unknown'
  | 'image-signature-missing'
  | 'image-signature-invalid'
  | 'image-signature-unsupported'
  | 'image-security-counter-missing'
  | 'image-security-counter-low'
  | 'image-load-address'
  | 'image-not-bootable';

/** Why bytes are not a key that can be used. */
export type KeyRejectCode = 'key-malformed' | 'key-unsupported';

/** Why a slot cannot be marked, or why nothing can boot. */
export type BootRejectCode =
  | 'trailer-magic-bad'
  | 'trailer-spent'
  | 'slot-too-small'
  | 'boot-version-not-higher'
  | 'boot-layout-invalid'
  | 'swap-no-room'
  | 'boot-no-image';

/** The answer to a question about outside data: what was learned, or why it was refused. */
export type Verdict<T, Code extends string = RejectCode> = Accepted<T> | Rejected<Code>;

/** The accepting half of a verdict. */
export interface Accepted<T> {
  readonly ok: true;
  readonly value: T;
}

/** The refusing half: a code for programs, and a sentence that says what was found and expected. */
export interface Rejected<Code extends string = RejectCode> {
  readonly ok: false;
  readonly code: Code;
  readonly detail: string;
}

/** An acceptance that carries nothing; one object serves all of them. */
export const DONE: Accepted<void> = { ok: true, value: undefined };

/** Accepts, with what was learned. */
export function accept<T>(value: T): Accepted<T> {
  return { ok: true, value };
}

/** Refuses with one code and one sentence. */
export function reject<Code extends string>(code: Code, detail: string): Rejected<Code> {
  return { ok: false, code, detail };
}
