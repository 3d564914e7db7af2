import { accept, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import type { ImageSource } from './image-source.js';
import { readUint16, readUint32, writeUint16, writeUint32 } from './little-endian.js';
import { decodeImageVersion, encodeImageVersion, type ImageVersion } from './version.js';

/** The first word of an image. */
export const IMAGE_MAGIC = 0x96f3b83d;

/** What the fields take; the rest of the header is padding up to `headerSizeBytes`. */
export const IMAGE_HEADER_SIZE_BYTES = 32;

/** Header flags that change how an image is treated (bootutil/image.h). */
export const IMAGE_FLAG = {
  /** Its body is encrypted with AES-128, or was before MCUboot decrypted it in place. */
  encryptedAes128: 0x04,
  /** As `encryptedAes128`, with AES-256. */
  encryptedAes256: 0x08,
  /** It cannot be booted, only carried. */
  nonBootable: 0x10,
  /** `loadAddress` is where it is copied to in RAM. */
  ramLoad: 0x20,
  /** `loadAddress` is the flash address it was linked for. */
  romFixed: 0x100,
} as const;

const COMPRESSED_FLAGS = 0x0000_0e00;
const SUPPORTED_FLAGS = Object.values(IMAGE_FLAG).reduce((all, flag) => all | flag, 0);

/** Which images a reader of headers takes. */
export interface HeaderRules {
  /** Whether images may be encrypted, as with MCUBOOT_ENC_IMAGES. Absent: they may not. */
  readonly takesEncrypted?: boolean;
}

/** The header of an MCUboot image, without its magic. */
export interface ImageHeader {
  /** A RAM address with the flag `ramLoad`, a flash address with `romFixed`, else meaningless. */
  readonly loadAddress: number;
  /** Header with its padding: the body starts here. */
  readonly headerSizeBytes: number;
  /** The protected TLV area with its info header; 0 when there is none. */
  readonly protectedTlvSizeBytes: number;
  /** The body alone: without header and TLVs. */
  readonly bodySizeBytes: number;
  readonly flags: number;
  readonly version: ImageVersion;
}

/** Whether a header has one of the flags in `IMAGE_FLAG`. */
export function hasImageFlag(header: ImageHeader, flag: keyof typeof IMAGE_FLAG): boolean {
  return (header.flags & IMAGE_FLAG[flag]) !== 0;
}

/** How long the key of an encrypted image's body is; undefined for an image that is not encrypted. */
export function contentKeySizeBytes(header: ImageHeader): 16 | 32 | undefined {
  if (hasImageFlag(header, 'encryptedAes128')) return 16;
  return hasImageFlag(header, 'encryptedAes256') ? 32 : undefined;
}

/** Header and body: where the TLVs start. At most 2^32 + 2^16, so never rounded. */
export function tlvOffset(header: ImageHeader): number {
  return header.headerSizeBytes + header.bodySizeBytes;
}

/** Header, body and protected TLVs: what the image hash covers. */
export function hashedSizeBytes(header: ImageHeader): number {
  return tlvOffset(header) + header.protectedTlvSizeBytes;
}

/**
 * Reads the header at the start of some bytes, which need not hold the whole image: the first
 * packet of an upload will do. Refuses `image-truncated` (fewer than 32 bytes), `image-bad-magic`,
 * `image-header-size`, `image-flags-unsupported`, `image-encryption-flags`, and, unless the rules
 * take encrypted images, `image-encryption-key-missing`.
 */
export function decodeImageHeader(
  bytes: Uint8Array,
  rules: HeaderRules = {},
): Verdict<ImageHeader, ImageRejectCode> {
  if (bytes.byteLength < IMAGE_HEADER_SIZE_BYTES) {
    return reject(
      'image-truncated',
      `an image header has ${IMAGE_HEADER_SIZE_BYTES} bytes, found ${bytes.byteLength}`,
    );
  }
  const magic = readUint32(bytes, 0);
  if (magic !== IMAGE_MAGIC) {
    return reject(
      'image-bad-magic',
      `an MCUboot image starts with ${hex(IMAGE_MAGIC)}, this with ${hex(magic)}`,
    );
  }
  const header: ImageHeader = {
    loadAddress: readUint32(bytes, 4),
    headerSizeBytes: readUint16(bytes, 8),
    protectedTlvSizeBytes: readUint16(bytes, 10),
    bodySizeBytes: readUint32(bytes, 12),
    flags: readUint32(bytes, 16),
    version: decodeImageVersion(bytes, 20),
  };
  const fields = checkFields(header);
  return fields.ok ? checkEncryption(header, rules) : fields;
}

/**
 * Reads the header of an image and holds its sizes to what the source has. Beside the refusals of
 * `decodeImageHeader`, `image-truncated` when header, body and protected TLVs do not fit.
 */
export function parseImageHeader(
  source: ImageSource,
  rules: HeaderRules = {},
): Verdict<ImageHeader, ImageRejectCode> {
  const headLength = Math.min(source.sizeBytes, IMAGE_HEADER_SIZE_BYTES);
  const decoded = decodeImageHeader(source.read(0, headLength), rules);
  if (!decoded.ok) return decoded;
  const claimed = hashedSizeBytes(decoded.value);
  if (claimed > source.sizeBytes) {
    return reject(
      'image-truncated',
      `the header claims ${claimed} bytes before the TLVs, there are ${source.sizeBytes}`,
    );
  }
  return decoded;
}

/** Writes the 32 bytes of a header. Throws when a field does not fit. */
export function encodeImageHeader(header: ImageHeader): Uint8Array {
  requireUnsigned('load address', header.loadAddress, 0xffff_ffff);
  requireUnsigned('header size', header.headerSizeBytes, 0xffff);
  requireUnsigned('protected TLV size', header.protectedTlvSizeBytes, 0xffff);
  requireUnsigned('body size', header.bodySizeBytes, 0xffff_ffff);
  requireUnsigned('flags', header.flags, 0xffff_ffff);
  const bytes = new Uint8Array(IMAGE_HEADER_SIZE_BYTES);
  writeUint32(bytes, 0, IMAGE_MAGIC);
  writeUint32(bytes, 4, header.loadAddress);
  writeUint16(bytes, 8, header.headerSizeBytes);
  writeUint16(bytes, 10, header.protectedTlvSizeBytes);
  writeUint32(bytes, 12, header.bodySizeBytes);
  writeUint32(bytes, 16, header.flags);
  encodeImageVersion(header.version, bytes, 20);
  return bytes;
}

function checkFields(header: ImageHeader): Verdict<ImageHeader, ImageRejectCode> {
  if (header.headerSizeBytes < IMAGE_HEADER_SIZE_BYTES) {
    return reject(
      'image-header-size',
      `a header has at least ${IMAGE_HEADER_SIZE_BYTES} bytes, it claims ${header.headerSizeBytes}`,
    );
  }
  if (header.bodySizeBytes === 0) {
    return reject('image-truncated', 'the header claims a body of 0 bytes');
  }
  const unsupported = (header.flags & ~SUPPORTED_FLAGS) >>> 0;
  if (unsupported !== 0) {
    return reject('image-flags-unsupported', describeFlags(unsupported));
  }
  return accept(header);
}

/** bootutil_loader.c, boot_check_header_valid. */
function checkEncryption(
  header: ImageHeader,
  { takesEncrypted = false }: HeaderRules,
): Verdict<ImageHeader, ImageRejectCode> {
  const with128 = hasImageFlag(header, 'encryptedAes128');
  const with256 = hasImageFlag(header, 'encryptedAes256');
  if (with128 && with256) {
    return reject(
      'image-encryption-flags',
      'the image is flagged as encrypted with AES-128 and with AES-256',
    );
  }
  if ((with128 || with256) && !takesEncrypted) {
    return reject(
      'image-encryption-key-missing',
      `the image is encrypted with AES-${with128 ? 128 : 256}, and there is no key to decrypt it`,
    );
  }
  return accept(header);
}

function describeFlags(unsupported: number): string {
  if ((unsupported & COMPRESSED_FLAGS) !== 0)
    return `the image is compressed (${hex(unsupported)})`;
  return `flags ${hex(unsupported)} are not known`;
}

function requireUnsigned(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${name} ${value} does not fit an image header (at most ${max})`);
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
