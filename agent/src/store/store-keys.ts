/** Who keeps what under which key. A key is never used for anything else again. */
export const STORE_KEY = {
  /** How far an upload has come. */
  uploadCheckpoint: 0x0010,
  /** The last reset that was asked for over MQTT. */
  lastReset: 0x0020,
  /** The last reset that was asked for in a datagram. */
  lastDatagramReset: 0x0021,
  /** The last update that was accepted, and what became of it. 0x0030 was its forerunner. */
  lastUpdate: 0x0031,
  /** The security counter, on a device that has no better place for it. */
  securityCounter: 0x0040,
} as const;
