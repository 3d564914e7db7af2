import { accept, type ImageRejectCode, type Verdict } from '../verdict.js';
import { parseImageHeader, type ImageHeader } from './header.js';
import type { ImageSource } from './image-source.js';
import { readHashTlv } from './tlv-rules.js';
import { parseImageTlvs } from './tlv.js';

/** What an image says of itself. Nothing of it has been verified. */
export interface ImageSummary {
  readonly header: ImageHeader;
  /** The SHA-256 it carries: a copy. */
  readonly hash: Uint8Array;
  /** Header, body and TLVs. */
  readonly totalSizeBytes: number;
}

/**
 * Reads header and hash without verifying either: cheap, and enough to list what a slot holds,
 * encrypted images included. Refuses as `parseImageHeader`, `parseImageTlvs`, and
 * `image-hash-missing`.
 */
export function readImageSummary(source: ImageSource): Verdict<ImageSummary, ImageRejectCode> {
  const header = parseImageHeader(source, { takesEncrypted: true });
  if (!header.ok) return header;
  const tlvs = parseImageTlvs(source, header.value);
  if (!tlvs.ok) return tlvs;
  const hash = readHashTlv(source, tlvs.value);
  if (!hash.ok) return hash;
  return accept({
    header: header.value,
    hash: hash.value.slice(),
    totalSizeBytes: tlvs.value.endOffset,
  });
}
