/** Who keeps what under which key. A key is never used for anything else again. */
export const STORE_KEY = {
  /** How far an upload of image 0 has come. */
  uploadCheckpoint: 0x0010,
  /** The same for images 1 to 3, on a board that has them. */
  uploadCheckpointOfImage1: 0x0011,
  uploadCheckpointOfImage2: 0x0012,
  uploadCheckpointOfImage3: 0x0013,
  /** The last reset that was asked for over MQTT. */
  lastReset: 0x0020,
  /** The last reset that was asked for in a datagram. */
  lastDatagramReset: 0x0021,
  /** The last update that was accepted, and what became of it. 0x0030 was its forerunner. */
  lastUpdate: 0x0031,
  /** The security counter, on a device that has no better place for it. */
  securityCounter: 0x0040,
} as const;

/** Where each image's upload is noted, by the number of the image. */
export const UPLOAD_CHECKPOINT_KEYS: readonly number[] = [
  STORE_KEY.uploadCheckpoint,
  STORE_KEY.uploadCheckpointOfImage1,
  STORE_KEY.uploadCheckpointOfImage2,
  STORE_KEY.uploadCheckpointOfImage3,
];
