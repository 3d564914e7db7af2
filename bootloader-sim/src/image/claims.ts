import { accept, type ImageRejectCode, type Verdict } from '../verdict.js';
import { decodeDependency, type ImageDependency } from './dependency.js';
import { hashedSizeBytes, parseImageHeader, type ImageHeader } from './header.js';
import type { ImageSource } from './image-source.js';
import { readUint32 } from './little-endian.js';
import { findImageEnd, parseImageTlvs, readTlvValue, TLV } from './tlv.js';

/** How long an image is. */
export interface ImageExtent {
  /** Header, body and TLVs. */
  readonly totalSizeBytes: number;
  /** The unprotected TLV area, with its info header. */
  readonly unprotectedTlvSizeBytes: number;
}

/**
 * Reads how long an image is, from its header and the info headers of its TLV areas; the entries
 * may be anything (MCUboot boot_read_image_size). Refuses `image-truncated`, `image-tlv-magic`,
 * `image-tlv-size`.
 */
export function readImageExtent(
  source: ImageSource,
  header: ImageHeader,
): Verdict<ImageExtent, ImageRejectCode> {
  const end = findImageEnd(source, header);
  if (!end.ok) return end;
  const unprotectedTlvSizeBytes = end.value - hashedSizeBytes(header);
  return accept({ totalSizeBytes: end.value, unprotectedTlvSizeBytes });
}

/** What an image asks of its device and of other images. Nothing of it has been verified. */
export interface ImageClaims {
  readonly header: ImageHeader;
  readonly securityCounter: number | undefined;
  readonly dependencies: readonly ImageDependency[];
}

/** Reads what an image claims, without verifying it. Refuses as header and TLVs are refused. */
export function readImageClaims(source: ImageSource): Verdict<ImageClaims, ImageRejectCode> {
  const header = parseImageHeader(source, { takesEncrypted: true });
  if (!header.ok) return header;
  const tlvs = parseImageTlvs(source, header.value);
  if (!tlvs.ok) return tlvs;
  const dependencies: ImageDependency[] = [];
  let securityCounter: number | undefined;
  for (const entry of tlvs.value.entries) {
    if (!entry.protected) continue;
    if (entry.type === TLV.dependency) {
      const dependency = decodeDependency(readTlvValue(source, entry));
      if (!dependency.ok) return dependency;
      dependencies.push(dependency.value);
    }
    if (entry.type === TLV.securityCounter && entry.sizeBytes === 4) {
      securityCounter = readUint32(readTlvValue(source, entry), 0);
    }
  }
  return accept({ header: header.value, securityCounter, dependencies });
}
