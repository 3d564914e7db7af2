/** Who keeps what under which key. A key is never used for anything else again. */
export const STORE_KEY = {
  /** How far an upload has come. */
  uploadCheckpoint: 0x0010,
  /** The last reset that was asked for over MQTT. */
  lastReset: 0x0020,
  /** The SHA-256 TLV of the image that is, or was, on trial. */
  trialImageHash: 0x0030,
} as const;
