/** What a device promises whatever kills it, by how it was seen broken. */
export type BrokenPromiseCode =
  | 'does-not-start'
  | 'ended-by-itself'
  | 'no-answer'
  | 'refused'
  | 'store-unreadable'
  | 'counter-went-back'
  | 'running-image-unsound'
  | 'slot-changed-in-boot'
  | 'version-went-back'
  | 'upload-lost'
  | 'upload-mismatch'
  | 'mark-lost'
  | 'confirm-lost'
  | 'bad-image-confirmed'
  | 'record-inconsistent'
  | 'update-does-not-end';

/** Thrown when a device has not kept a promise; the loop ends with it. */
export class BrokenPromise extends Error {
  readonly code: BrokenPromiseCode;

  constructor(code: BrokenPromiseCode, detail: string) {
    super(`${code}: ${detail}`);
    this.name = 'BrokenPromise';
    this.code = code;
  }
}
