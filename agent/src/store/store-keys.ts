/** The keys under which the agent keeps what it must remember. A key is never given a new meaning. */
export const STORE_KEY = {
  /** How far an upload has come. */
  uploadProgress: 1,
  /** The digest of the last request that reset the device. */
  lastResetRequest: 2,
  /** The SHA-256 TLV of the image that is, or was, on trial. */
  trialImageHash: 3,
} as const;
