import {
  IMAGE_HEADER_SIZE_BYTES,
  accept,
  decodeImageHeader,
  reject,
} from '@brickproof/bootloader-sim';
import type {
  HeaderRules,
  ImageRejectCode,
  ImageVersion,
  Verdict,
} from '@brickproof/bootloader-sim';

/** A SHA-256; clients may give a shorter beginning of it to know an upload by. */
export const UPLOAD_SHA_BYTES_MAX = 32;

/** Why a part of an upload was not taken. */
export type StagingRejectCode =
  | 'upload-offset-missing'
  | 'upload-header-truncated'
  | 'upload-length-missing'
  | 'upload-length-zero'
  | 'upload-image-number'
  | 'upload-bad-magic'
  | 'upload-header-invalid'
  | 'upload-encrypted'
  | 'upload-sha-invalid'
  | 'upload-slot-in-use'
  | 'upload-too-large'
  | 'upload-overrun'
  | 'upload-version-unknown'
  | 'upload-version-not-newer'
  | 'upload-write-failed'
  | 'upload-erase-failed'
  | 'upload-store-failed';

/** One packet of an upload, as SMP's image group sends it. */
export interface UploadPacket {
  readonly off?: number | undefined;
  readonly data?: Uint8Array | undefined;
  /** The rest is looked at only at offset 0. */
  readonly len?: number | undefined;
  readonly sha?: Uint8Array | undefined;
  readonly image?: number | undefined;
  readonly upgrade?: boolean | undefined;
}

/** What tells one upload from another. */
export interface UploadIdentity {
  readonly sizeBytes: number;
  /** Empty when the client gave none. */
  readonly sha: Uint8Array;
}

/** A first packet that holds what it must. */
export interface FirstPacket extends UploadIdentity {
  readonly data: Uint8Array;
  readonly version: ImageVersion;
  readonly upgradeOnly: boolean;
}

/** Which first packets are taken. */
export interface FirstPacketRules extends HeaderRules {
  /** The image that the slots are for. */
  readonly imageIndex: number;
}

/**
 * Holds a first packet to what can be known from it alone, in the order of Zephyr's checks. Refuses
 * `upload-header-truncated`, `upload-length-missing`, `upload-length-zero`, `upload-image-number`,
 * `upload-bad-magic`, `upload-header-invalid`, `upload-sha-invalid`; and `upload-encrypted` for an
 * encrypted image where the rules take none.
 */
export function checkFirstPacket(
  packet: UploadPacket,
  rules: FirstPacketRules,
): Verdict<FirstPacket, StagingRejectCode> {
  const { data = new Uint8Array(0), len, sha = new Uint8Array(0), image = 0 } = packet;
  if (data.byteLength < IMAGE_HEADER_SIZE_BYTES) {
    const detail = `${data.byteLength} bytes, an image header has ${IMAGE_HEADER_SIZE_BYTES}`;
    return reject('upload-header-truncated', detail);
  }
  if (len === undefined) return reject('upload-length-missing', 'the first packet has no length');
  if (len === 0) return reject('upload-length-zero', 'the first packet says 0 bytes');
  const { imageIndex } = rules;
  if (image !== imageIndex) return reject('upload-image-number', `there is no image ${image}`);
  const header = decodeImageHeader(data, rules);
  if (!header.ok) return reject(headerCode(header.code), header.detail);
  if (sha.byteLength > UPLOAD_SHA_BYTES_MAX) {
    const detail = `a hash of ${sha.byteLength} bytes, at most ${UPLOAD_SHA_BYTES_MAX}`;
    return reject('upload-sha-invalid', detail);
  }
  const { version } = header.value;
  const upgradeOnly = packet.upgrade ?? false;
  // The sha is copied: it is kept, and the packet's bytes belong to whoever received it.
  return accept({ data, sizeBytes: len, sha: sha.slice(), version, upgradeOnly });
}

function headerCode(code: ImageRejectCode): StagingRejectCode {
  switch (code) {
    case 'image-bad-magic':
      return 'upload-bad-magic';
    case 'image-encryption-key-missing':
      return 'upload-encrypted';
    default:
      return 'upload-header-invalid';
  }
}
