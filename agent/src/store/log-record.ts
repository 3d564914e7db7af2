import { crc32 } from './crc32.js';

/** Keys are numbers from 1 up to this. */
export const STORE_KEY_MAX = 0xfffe;

/** Where the flash begins to be written; neither erased value, so that any write can be seen. */
const RECORD_MARK = 0xa5;
const HEADER_MARK = 0x5a;

const FLAG_VALUE = 1;
const FLAG_DELETED = 2;

/** Mark, flag, key, value length, sequence; all little-endian. */
const RECORD_PREFIX_BYTES = 10;
const CRC_BYTES = 4;

/** Mark, three bytes of format, generation, CRC. */
const SECTOR_HEADER_BYTES = 12;
const FORMAT: readonly number[] = [0x42, 0x50, 0x01];

/** How records lie in a flash: whole write units, padded with what reads as erased. */
export interface RecordFormat {
  readonly writeAlignBytes: number;
  readonly erasedValue: number;
}

/** One set or delete. */
export interface LogRecord {
  readonly key: number;
  /** Undefined for a delete. */
  readonly value: Uint8Array | undefined;
  readonly sequence: number;
}

/** A record where it lies. */
export interface PlacedRecord {
  readonly key: number;
  readonly deleted: boolean;
  readonly sequence: number;
  /** A copy: the flash need not say the same again. */
  readonly value: Uint8Array;
  /** Where the next record starts. */
  readonly end: number;
}

/** What a record of so many value bytes takes in flash. */
export function recordSizeBytes(valueBytes: number, format: RecordFormat): number {
  return alignUp(RECORD_PREFIX_BYTES + valueBytes + CRC_BYTES, format.writeAlignBytes);
}

/** What the header at the start of a sector takes. */
export function sectorHeaderSizeBytes(format: RecordFormat): number {
  return alignUp(SECTOR_HEADER_BYTES, format.writeAlignBytes);
}

/** A record, padded. The CRC comes last: a record that was cut short does not have it. */
export function encodeRecord(record: LogRecord, format: RecordFormat): Uint8Array {
  const valueBytes = record.value?.byteLength ?? 0;
  const bytes = new Uint8Array(recordSizeBytes(valueBytes, format)).fill(format.erasedValue);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, RECORD_MARK);
  view.setUint8(1, record.value === undefined ? FLAG_DELETED : FLAG_VALUE);
  view.setUint16(2, record.key, true);
  view.setUint16(4, valueBytes, true);
  view.setUint32(6, record.sequence, true);
  if (record.value !== undefined) bytes.set(record.value, RECORD_PREFIX_BYTES);
  const crcOffset = RECORD_PREFIX_BYTES + valueBytes;
  view.setUint32(crcOffset, crc32(bytes.subarray(0, crcOffset)), true);
  return bytes;
}

/** The record at an offset of a sector's bytes; undefined when there is no whole one. */
export function decodeRecord(
  sector: Uint8Array,
  offset: number,
  format: RecordFormat,
): PlacedRecord | undefined {
  if (offset + RECORD_PREFIX_BYTES + CRC_BYTES > sector.byteLength) return undefined;
  if (sector[offset] !== RECORD_MARK) return undefined;
  const view = new DataView(sector.buffer, sector.byteOffset + offset, sector.byteLength - offset);
  const flag = view.getUint8(1);
  const valueBytes = view.getUint16(4, true);
  const end = offset + recordSizeBytes(valueBytes, format);
  if (end > sector.byteLength) return undefined;
  const crcOffset = RECORD_PREFIX_BYTES + valueBytes;
  const computed = crc32(sector.subarray(offset, offset + crcOffset));
  if (view.getUint32(crcOffset, true) !== computed) return undefined;
  if (flag !== FLAG_VALUE && flag !== FLAG_DELETED) return undefined;
  return {
    key: view.getUint16(2, true),
    deleted: flag === FLAG_DELETED,
    sequence: view.getUint32(6, true),
    value: sector.slice(offset + RECORD_PREFIX_BYTES, offset + crcOffset),
    end,
  };
}

/** The header that makes a sector count. It is written last, when everything below it is there. */
export function encodeSectorHeader(generation: number, format: RecordFormat): Uint8Array {
  const bytes = new Uint8Array(sectorHeaderSizeBytes(format)).fill(format.erasedValue);
  const view = new DataView(bytes.buffer);
  bytes.set([HEADER_MARK, ...FORMAT]);
  view.setUint32(4, generation, true);
  view.setUint32(8, crc32(bytes.subarray(0, 8)), true);
  return bytes;
}

/** The generation of a sector; undefined when it has no whole header. */
export function decodeSectorHeader(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isMarked = [HEADER_MARK, ...FORMAT].every((byte, index) => bytes[index] === byte);
  if (!isMarked || view.getUint32(8, true) !== crc32(bytes.subarray(0, 8))) return undefined;
  return view.getUint32(4, true);
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
