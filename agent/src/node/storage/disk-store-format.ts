import { createHash } from 'node:crypto';
import { accept, equalBytes, reject, type Verdict } from '@brickproof/bootloader-sim';
import { STORE_KEY_MAX } from '../../store/log-record.js';
import { STORE_VALUE_BYTES_MAX } from '../../store/store.js';

/** The largest store file, in bytes: a bound on what is read, and on what is kept. */
export const DISK_STORE_SIZE_BYTES_MAX: number = 64 * 1024;
/** The version of the format that is written. */
export const DISK_STORE_FORMAT_VERSION = 1;

/** What a store file holds. */
export interface DiskStoreContents {
  /** Counts the commits, modulo 2^32. */
  readonly generation: number;
  readonly values: ReadonlyMap<number, Uint8Array>;
}

/** "BRKSTORE" */
const MAGIC = Uint8Array.of(0x42, 0x52, 0x4b, 0x53, 0x54, 0x4f, 0x52, 0x45);
const HEADER_BYTES = 16;
const ENTRY_HEADER_BYTES = 4;
const DIGEST_BYTES = 32;

/**
 * A store file; numbers are little-endian.
 *
 * | offset | bytes | what                                                       |
 * | -----: | ----: | ---------------------------------------------------------- |
 * |      0 |     8 | `BRKSTORE`                                                 |
 * |      8 |     2 | format version: 1                                          |
 * |     10 |     2 | how many entries follow                                    |
 * |     12 |     4 | generation: counts the commits                             |
 * |     16 |       | entries, by rising key: key (2), length (2), value         |
 * |    end |    32 | SHA-256 of all bytes before it                             |
 *
 * Magic, format version and SHA-256 are where they are in every version to come, so that a newer
 * file can be told from a damaged one.
 */
export function encodeDiskStore(contents: DiskStoreContents): Uint8Array {
  const entries = [...contents.values].toSorted(([a], [b]) => a - b);
  const bytes = new Uint8Array(diskStoreSizeBytes(contents.values));
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(8, DISK_STORE_FORMAT_VERSION, true);
  view.setUint16(10, entries.length, true);
  view.setUint32(12, contents.generation, true);
  let at = HEADER_BYTES;
  for (const [key, value] of entries) {
    view.setUint16(at, key, true);
    view.setUint16(at + 2, value.byteLength, true);
    bytes.set(value, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + value.byteLength;
  }
  bytes.set(digestOf(bytes.subarray(0, at)), at);
  return bytes;
}

/** How many bytes a file with these values has. */
export function diskStoreSizeBytes(values: ReadonlyMap<number, Uint8Array>): number {
  let sizeBytes = HEADER_BYTES + DIGEST_BYTES;
  for (const value of values.values()) sizeBytes += ENTRY_HEADER_BYTES + value.byteLength;
  return sizeBytes;
}

/** Reads a store file. Nothing of it is believed before its digest has been found right. */
export function decodeDiskStore(
  bytes: Uint8Array,
): Verdict<DiskStoreContents, 'disk-store-damaged' | 'disk-store-newer-version'> {
  const end = bytes.byteLength - DIGEST_BYTES;
  if (end < HEADER_BYTES) return damaged(`${bytes.byteLength} bytes are too few`);
  if (!equalBytes(bytes.subarray(0, MAGIC.byteLength), MAGIC)) return damaged('no store begins so');
  if (!equalBytes(bytes.subarray(end), digestOf(bytes.subarray(0, end)))) {
    return damaged('its bytes do not have the digest at its end');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, end);
  const version = view.getUint16(8, true);
  if (version > DISK_STORE_FORMAT_VERSION) {
    const detail = `format version ${version}, this agent knows ${DISK_STORE_FORMAT_VERSION}`;
    return reject('disk-store-newer-version', detail);
  }
  if (version < DISK_STORE_FORMAT_VERSION) return damaged(`there is no format version ${version}`);
  const values = decodeEntries(bytes.subarray(0, end), view);
  if (values === undefined) return damaged('its entries are not what its header says');
  return accept({ generation: view.getUint32(12, true), values });
}

function decodeEntries(
  bytes: Uint8Array,
  view: DataView,
): ReadonlyMap<number, Uint8Array> | undefined {
  const values = new Map<number, Uint8Array>();
  const count = view.getUint16(10, true);
  let at = HEADER_BYTES;
  let lastKey = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + ENTRY_HEADER_BYTES > bytes.byteLength) return undefined;
    const key = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    at += ENTRY_HEADER_BYTES;
    const isKeySound = key > lastKey && key <= STORE_KEY_MAX;
    if (!isKeySound || length > STORE_VALUE_BYTES_MAX) return undefined;
    values.set(key, bytes.slice(at, at + length));
    lastKey = key;
    at += length;
  }
  // Neither too little nor too much: this also finds a last value that reaches beyond the end.
  return at === bytes.byteLength ? values : undefined;
}

function damaged(detail: string): ReturnType<typeof reject<'disk-store-damaged'>> {
  return reject('disk-store-damaged', detail);
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
