import { accept, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import { tlvOffset, type ImageHeader } from './header.js';
import type { ImageSource } from './image-source.js';
import { readUint16 } from './little-endian.js';

/** TLV types that have a meaning here (bootutil/image.h). */
export const TLV = {
  keyHash: 0x01,
  publicKey: 0x02,
  sha256: 0x10,
  sha384: 0x11,
  sha512: 0x12,
  rsa2048Pss: 0x20,
  ecdsa224: 0x21,
  ecdsa: 0x22,
  rsa3072Pss: 0x23,
  ed25519: 0x24,
  signaturePure: 0x25,
  encryptedRsa2048: 0x30,
  encryptedAesKw: 0x31,
  encryptedEc256: 0x32,
  encryptedX25519: 0x33,
  encryptedX25519Sha512: 0x34,
  dependency: 0x40,
  securityCounter: 0x50,
  bootRecord: 0x60,
  decompressedSize: 0x70,
  decompressedSha: 0x71,
  decompressedSignature: 0x72,
  compressedSize: 0x73,
  vendorId: 0x74,
  classId: 0x75,
  /** Not a type: MCUboot's search for any. */
  any: 0xffff,
} as const;

/** The area's first half-word: signed by the image hash, or not. */
export const TLV_PROTECTED_MAGIC = 0x6908;
export const TLV_UNPROTECTED_MAGIC = 0x6907;

/** Magic and total size, each a half-word, before each area. */
export const TLV_INFO_SIZE_BYTES = 4;
/** Type and length, each a half-word, before each value. */
export const TLV_ENTRY_SIZE_BYTES = 4;
/** Entries of both areas together. imgtool writes five, and one for each custom TLV. */
export const IMAGE_TLV_COUNT_MAX = 128;

/** One entry; its value is `sizeBytes` bytes at `offset` of the image. */
export interface ImageTlv {
  readonly type: number;
  readonly protected: boolean;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** All entries in their order, protected ones first. */
export interface ImageTlvs {
  readonly entries: readonly ImageTlv[];
  /** Where the image ends: its size with header, body and TLVs. */
  readonly endOffset: number;
}

interface TlvArea {
  readonly magic: number;
  readonly offset: number;
  readonly endOffset: number;
}

/**
 * Reads the TLV areas behind the body, as MCUboot's tlv.c does but stricter: every entry ends
 * inside its own area and the last one ends it. The header must have come from `parseImageHeader`
 * of the same source. Refuses `image-truncated`, `image-tlv-magic`, `image-tlv-size`,
 * `image-tlv-count`; says nothing about which types are allowed.
 */
export function parseImageTlvs(
  source: ImageSource,
  header: ImageHeader,
): Verdict<ImageTlvs, ImageRejectCode> {
  const areas = findAreas(source, header);
  if (!areas.ok) return areas;
  const entries: ImageTlv[] = [];
  let endOffset = tlvOffset(header);
  for (const area of areas.value) {
    const read = readEntries(source, area, entries);
    if (!read.ok) return read;
    endOffset = area.endOffset;
  }
  return accept({ entries, endOffset });
}

/**
 * Where the image ends, from the info headers of its TLV areas alone. Refuses `image-truncated`,
 * `image-tlv-magic`, `image-tlv-size`.
 */
export function findImageEnd(
  source: ImageSource,
  header: ImageHeader,
): Verdict<number, ImageRejectCode> {
  const areas = findAreas(source, header);
  if (!areas.ok) return areas;
  return accept(areas.value.at(-1)?.endOffset ?? tlvOffset(header));
}

/** The value of an entry; a view that must not be changed. */
export function readTlvValue(source: ImageSource, entry: ImageTlv): Uint8Array {
  return source.read(entry.offset, entry.sizeBytes);
}

function findAreas(
  source: ImageSource,
  header: ImageHeader,
): Verdict<readonly TlvArea[], ImageRejectCode> {
  const first = readArea(source, tlvOffset(header));
  if (!first.ok) return first;
  if (first.value.magic !== TLV_PROTECTED_MAGIC) {
    return header.protectedTlvSizeBytes === 0
      ? unprotectedOnly(first.value)
      : reject('image-tlv-magic', 'the header claims protected TLVs, there are none');
  }
  const protectedSize = first.value.endOffset - first.value.offset;
  if (header.protectedTlvSizeBytes !== protectedSize) {
    return reject(
      'image-tlv-size',
      `protected TLVs have ${protectedSize} bytes, the header claims ${header.protectedTlvSizeBytes}`,
    );
  }
  const second = readArea(source, first.value.endOffset);
  if (!second.ok) return second;
  const last = unprotectedOnly(second.value);
  return last.ok ? accept([first.value, ...last.value]) : last;
}

function unprotectedOnly(area: TlvArea): Verdict<readonly TlvArea[], ImageRejectCode> {
  return area.magic === TLV_UNPROTECTED_MAGIC
    ? accept([area])
    : reject(
        'image-tlv-magic',
        `expected 0x${TLV_UNPROTECTED_MAGIC.toString(16)} at ${area.offset}, found 0x${area.magic.toString(16)}`,
      );
}

/** Reads the info header of an area. Its end is held to the source, its magic is not judged. */
function readArea(source: ImageSource, offset: number): Verdict<TlvArea, ImageRejectCode> {
  if (offset + TLV_INFO_SIZE_BYTES > source.sizeBytes) {
    return reject(
      'image-truncated',
      `a TLV area should start at ${offset}, there are ${source.sizeBytes} bytes`,
    );
  }
  const info = source.read(offset, TLV_INFO_SIZE_BYTES);
  const magic = readUint16(info, 0);
  const totalSize = readUint16(info, 2);
  if (magic !== TLV_PROTECTED_MAGIC && magic !== TLV_UNPROTECTED_MAGIC) {
    return reject('image-tlv-magic', `no TLV area at ${offset}: found 0x${magic.toString(16)}`);
  }
  if (totalSize < TLV_INFO_SIZE_BYTES) {
    return reject('image-tlv-size', `the TLV area at ${offset} claims ${totalSize} bytes`);
  }
  const endOffset = offset + totalSize;
  if (endOffset > source.sizeBytes) {
    return reject(
      'image-truncated',
      `the TLV area at ${offset} ends at ${endOffset}, there are ${source.sizeBytes} bytes`,
    );
  }
  return accept({ magic, offset, endOffset });
}

/** Appends the entries of one area to `entries`. Each step moves on by at least four bytes. */
function readEntries(
  source: ImageSource,
  area: TlvArea,
  entries: ImageTlv[],
): Verdict<void, ImageRejectCode> {
  let at = area.offset + TLV_INFO_SIZE_BYTES;
  while (at < area.endOffset) {
    if (entries.length >= IMAGE_TLV_COUNT_MAX) {
      return reject('image-tlv-count', `more than ${IMAGE_TLV_COUNT_MAX} TLVs`);
    }
    const offset = at + TLV_ENTRY_SIZE_BYTES;
    if (offset > area.endOffset) {
      return reject('image-tlv-size', `the TLV at ${at} has no room for its length`);
    }
    const head = source.read(at, TLV_ENTRY_SIZE_BYTES);
    const sizeBytes = readUint16(head, 2);
    if (offset + sizeBytes > area.endOffset) {
      return reject(
        'image-tlv-size',
        `the TLV at ${at} claims ${sizeBytes} bytes, its area has ${area.endOffset - offset} left`,
      );
    }
    const isProtected = area.magic === TLV_PROTECTED_MAGIC;
    entries.push({ type: readUint16(head, 0), protected: isProtected, offset, sizeBytes });
    at = offset + sizeBytes;
  }
  return accept(undefined);
}
