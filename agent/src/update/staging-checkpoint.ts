/** What survives a power cut of an upload: everything up to `offset` is in the slot. */
export interface UploadCheckpoint {
  readonly slot: number;
  readonly sizeBytes: number;
  /** What the client gave to know the upload by; empty when it gave nothing. */
  readonly sha: Uint8Array;
  /** The start of the sector that was being written. */
  readonly offset: number;
}

const FORMAT_VERSION = 1;
const FIXED_BYTES = 10;
const SHA_BYTES_MAX = 32;

/** Format version, slot, size, offset (little-endian), and the sha as the rest. */
export function encodeCheckpoint(checkpoint: UploadCheckpoint): Uint8Array {
  const bytes = new Uint8Array(FIXED_BYTES + checkpoint.sha.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FORMAT_VERSION);
  view.setUint8(1, checkpoint.slot);
  view.setUint32(2, checkpoint.sizeBytes, true);
  view.setUint32(6, checkpoint.offset, true);
  bytes.set(checkpoint.sha, FIXED_BYTES);
  return bytes;
}

/** Undefined for what this version of the agent did not write. */
export function decodeCheckpoint(bytes: Uint8Array): UploadCheckpoint | undefined {
  const shaBytes = bytes.byteLength - FIXED_BYTES;
  if (shaBytes < 0 || shaBytes > SHA_BYTES_MAX) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== FORMAT_VERSION) return undefined;
  return {
    slot: view.getUint8(1),
    sizeBytes: view.getUint32(2, true),
    offset: view.getUint32(6, true),
    sha: bytes.slice(FIXED_BYTES),
  };
}
