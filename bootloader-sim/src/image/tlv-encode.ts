import { writeUint16 } from './little-endian.js';
import { TLV_ENTRY_SIZE_BYTES, TLV_INFO_SIZE_BYTES } from './tlv.js';

/** The longest area that its own size field can tell. */
export const TLV_AREA_SIZE_BYTES_MAX = 0xffff;

/** A TLV to be written. */
export interface TlvContents {
  readonly type: number;
  readonly value: Uint8Array;
}

/** What an area of these entries takes; an area without entries is not written at all. */
export function tlvAreaSizeBytes(entries: readonly TlvContents[]): number {
  if (entries.length === 0) return 0;
  return entries.reduce(
    (sum, entry) => sum + TLV_ENTRY_SIZE_BYTES + entry.value.byteLength,
    TLV_INFO_SIZE_BYTES,
  );
}

/** Writes an area. Throws when it is longer than `TLV_AREA_SIZE_BYTES_MAX`. */
export function encodeTlvArea(magic: number, entries: readonly TlvContents[]): Uint8Array {
  const sizeBytes = tlvAreaSizeBytes(entries);
  if (sizeBytes > TLV_AREA_SIZE_BYTES_MAX) {
    throw new RangeError(`a TLV area of ${sizeBytes} bytes cannot tell its size`);
  }
  const area = new Uint8Array(sizeBytes);
  if (sizeBytes === 0) return area;
  writeUint16(area, 0, magic);
  writeUint16(area, 2, sizeBytes);
  let at = TLV_INFO_SIZE_BYTES;
  for (const { type, value } of entries) {
    writeUint16(area, at, type);
    writeUint16(area, at + 2, value.byteLength);
    area.set(value, at + TLV_ENTRY_SIZE_BYTES);
    at += TLV_ENTRY_SIZE_BYTES + value.byteLength;
  }
  return area;
}
