import { makeAgreementKey } from '../crypto/agreement-key.js';
import { createContentCipher } from '../crypto/content-cipher.js';
import type { AgreementPoint, CryptoProvider, SigningKey } from '../crypto/crypto-provider.js';
import { publicKeyHash } from '../crypto/public-key.js';
import { accept, DONE, reject, type Verdict } from '../verdict.js';
import { encodeDependency, type ImageDependency } from './dependency.js';
import { WRAPPED_KEY_TLV } from './encryption.js';
import { encodeImageHeader, IMAGE_FLAG, IMAGE_HEADER_SIZE_BYTES } from './header.js';
import { imageSourceFromBytes } from './image-source.js';
import { writeUint32 } from './little-endian.js';
import { imageSignedMessage, SIGNATURE_TLV } from './signature.js';
import { padToSlot, type BuildSlot } from './slot-padding.js';
import {
  encodeTlvArea,
  TLV_AREA_SIZE_BYTES_MAX,
  tlvAreaSizeBytes,
  type TlvContents,
} from './tlv-encode.js';
import { TLV, TLV_PROTECTED_MAGIC, TLV_UNPROTECTED_MAGIC } from './tlv.js';
import { isEncodableVersion, type ImageVersion } from './version.js';
import { wrapContentKey, type ContentKeySizeBytes } from './wrapped-key.js';

/** Why an image cannot be built as asked. */
export type ImageBuildRejectCode =
  | 'build-payload-size'
  | 'build-header-size'
  | 'build-number-range'
  | 'build-tlv-type'
  | 'build-tlv-size'
  | 'build-slot-size';

/** How an image is to be encrypted, in the terms of `imgtool sign --encrypt`. */
export interface ImageBuildEncryption {
  /** What `parseEncryptionKey` reads: the public half of the device's decryption key. */
  readonly key: AgreementPoint;
  readonly contentKeySizeBytes: ContentKeySizeBytes;
  /** Bytes that nobody can foresee; the image's own keys are made of them. */
  readonly entropy: (lengthBytes: number) => Uint8Array;
  /** Leaves the body plain, for a primary slot: only when it is swapped out is it encrypted. */
  readonly clear?: boolean;
}

/** An image to be built, in the terms of `imgtool sign --pad-header`. */
export interface ImageBuildOptions {
  /** The firmware without a header, at least one byte. */
  readonly payload: Uint8Array;
  readonly version: ImageVersion;
  /** At least 32; the payload starts behind it. */
  readonly headerSizeBytes: number;
  /** What the header's padding and the slot's are filled with; absent means 0xff. */
  readonly erasedValue?: 0xff | 0x00;
  /** `auto` makes it from the version: major, minor and revision in its 8, 8 and 16 bits. */
  readonly securityCounter?: number | 'auto';
  /** A RAM address to run from, or the flash address it was linked for; not 0. */
  readonly address?: { readonly kind: 'ram-load' | 'rom-fixed'; readonly value: number };
  readonly nonBootable?: boolean;
  readonly dependencies?: readonly ImageDependency[];
  /** Protected TLVs with types from 0xa0 to 0xfffe, each type once. */
  readonly customTlvs?: readonly TlvContents[];
  /** Absent: the image carries its hash and no signature. */
  readonly signingKey?: SigningKey;
  /** Absent: the image is not encrypted. Else it is padded with zeros to whole blocks of AES. */
  readonly encryption?: ImageBuildEncryption;
  /** Absent: as long as it is. */
  readonly slot?: BuildSlot;
}

const PAYLOAD_SIZE_BYTES_MAX = 0xffff_ffff;
const HEADER_SIZE_BYTES_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;
const CIPHER_BLOCK_SIZE_BYTES = 16;
const CUSTOM_TLV_TYPE_MIN = 0xa0;
const CUSTOM_TLV_TYPE_MAX = 0xfffe;

/**
 * Builds an image, signs it when there is a key, and then encrypts it when that is asked for. The
 * bytes are those of imgtool for the same input wherever the signature algorithm is deterministic
 * and nothing is encrypted. Refuses what no header or slot can
 * hold; a dependency that does not fit its field is our own mistake and throws.
 */
export function buildImage(
  options: ImageBuildOptions,
  crypto: CryptoProvider,
): Verdict<Uint8Array, ImageBuildRejectCode> {
  const checked = checkOptions(options);
  if (!checked.ok) return checked;
  const protectedTlvs = protectedTlvsOf(options);
  if (tlvAreaSizeBytes(protectedTlvs) > TLV_AREA_SIZE_BYTES_MAX) {
    return reject('build-tlv-size', 'the TLVs together are longer than 65535 bytes');
  }
  const protectedArea = encodeTlvArea(TLV_PROTECTED_MAGIC, protectedTlvs);
  const body = concat(options.payload, new Uint8Array(paddingSizeBytes(options)));
  const header = headerBytes(options, body.byteLength, protectedArea.byteLength);
  const tlvs = signatureTlvs(concat(header, body, protectedArea), options.signingKey, crypto);
  // imgtool's order: what is hashed and signed is the plain body.
  const encrypted = encryptBody(body, options.encryption, crypto);
  const image = concat(
    header,
    encrypted.body,
    protectedArea,
    encodeTlvArea(TLV_UNPROTECTED_MAGIC, [...tlvs, ...encrypted.tlvs]),
  );
  return options.slot === undefined ? accept(image) : padToSlot(image, options.slot, options);
}

/** image.py, create: header and body together come in whole blocks of AES. */
function paddingSizeBytes(options: ImageBuildOptions): number {
  const { payload, headerSizeBytes, encryption } = options;
  if (encryption === undefined) return 0;
  const overBytes = (headerSizeBytes + payload.byteLength) % CIPHER_BLOCK_SIZE_BYTES;
  return overBytes === 0 ? 0 : CIPHER_BLOCK_SIZE_BYTES - overBytes;
}

function encryptBody(
  body: Uint8Array,
  encryption: ImageBuildEncryption | undefined,
  crypto: CryptoProvider,
): { readonly body: Uint8Array; readonly tlvs: readonly TlvContents[] } {
  if (encryption === undefined) return { body, tlvs: [] };
  const { key: device, entropy } = encryption;
  const contentKey = entropy(encryption.contentKeySizeBytes);
  const ephemeral = makeAgreementKey(device.curve, entropy);
  const value = wrapContentKey(contentKey, { device, ephemeral }, crypto);
  return {
    body: encryption.clear === true ? body : createContentCipher(contentKey, crypto).apply(0, body),
    tlvs: [{ type: WRAPPED_KEY_TLV[device.curve], value }],
  };
}

function checkOptions(options: ImageBuildOptions): Verdict<void, ImageBuildRejectCode> {
  const { payload, headerSizeBytes, address, securityCounter } = options;
  const bodySizeBytes = payload.byteLength + paddingSizeBytes(options);
  if (payload.byteLength === 0 || bodySizeBytes > PAYLOAD_SIZE_BYTES_MAX) {
    return reject('build-payload-size', `a payload of ${payload.byteLength} bytes is no firmware`);
  }
  if (!isWholeIn(headerSizeBytes, IMAGE_HEADER_SIZE_BYTES, HEADER_SIZE_BYTES_MAX)) {
    return reject(
      'build-header-size',
      `a header has ${IMAGE_HEADER_SIZE_BYTES} to ${HEADER_SIZE_BYTES_MAX} bytes, not ${headerSizeBytes}`,
    );
  }
  if (!isEncodableVersion(options.version)) {
    return reject('build-number-range', 'the version is above 255.255.65535+4294967295');
  }
  if (address !== undefined && !isWholeIn(address.value, 1, UINT32_MAX)) {
    return reject('build-number-range', `address ${address.value} is not from 1 to 2^32 - 1`);
  }
  if (typeof securityCounter === 'number' && !isWholeIn(securityCounter, 0, UINT32_MAX)) {
    return reject('build-number-range', `security counter ${securityCounter} exceeds 32 bits`);
  }
  return checkCustomTlvs(options.customTlvs ?? []);
}

function checkCustomTlvs(entries: readonly TlvContents[]): Verdict<void, ImageBuildRejectCode> {
  const seen = new Set<number>();
  for (const { type } of entries) {
    if (!isWholeIn(type, CUSTOM_TLV_TYPE_MIN, CUSTOM_TLV_TYPE_MAX)) {
      return reject('build-tlv-type', `custom TLV types go from 0xa0 to 0xfffe, not ${type}`);
    }
    if (seen.has(type)) return reject('build-tlv-type', `custom TLV ${type} is given twice`);
    seen.add(type);
  }
  return DONE;
}

function headerBytes(
  options: ImageBuildOptions,
  bodySizeBytes: number,
  protectedTlvSizeBytes: number,
): Uint8Array {
  const bytes = new Uint8Array(options.headerSizeBytes).fill(options.erasedValue ?? 0xff);
  const header = encodeImageHeader({
    loadAddress: options.address?.value ?? 0,
    headerSizeBytes: options.headerSizeBytes,
    protectedTlvSizeBytes,
    bodySizeBytes,
    flags: flagsOf(options),
    version: options.version,
  });
  bytes.set(header);
  return bytes;
}

function flagsOf(options: ImageBuildOptions): number {
  let flags = 0;
  if (options.address?.kind === 'ram-load') flags |= IMAGE_FLAG.ramLoad;
  if (options.address?.kind === 'rom-fixed') flags |= IMAGE_FLAG.romFixed;
  if (options.nonBootable === true) flags |= IMAGE_FLAG.nonBootable;
  if (options.encryption?.contentKeySizeBytes === 16) flags |= IMAGE_FLAG.encryptedAes128;
  if (options.encryption?.contentKeySizeBytes === 32) flags |= IMAGE_FLAG.encryptedAes256;
  return flags;
}

/** In imgtool's order. */
function protectedTlvsOf(options: ImageBuildOptions): readonly TlvContents[] {
  const counter = securityCounterOf(options);
  return [
    ...(counter === undefined ? [] : [{ type: TLV.securityCounter, value: uint32(counter) }]),
    ...(options.dependencies ?? []).map((dependency) => ({
      type: TLV.dependency,
      value: encodeDependency(dependency),
    })),
    ...(options.customTlvs ?? []),
  ];
}

function securityCounterOf(options: ImageBuildOptions): number | undefined {
  const { securityCounter, version } = options;
  if (securityCounter !== 'auto') return securityCounter;
  return version.major * 0x100_0000 + version.minor * 0x1_0000 + version.revision;
}

/** Hash, and with a key the key's hash and the signature. */
function signatureTlvs(
  hashed: Uint8Array,
  key: SigningKey | undefined,
  crypto: CryptoProvider,
): readonly TlvContents[] {
  const hasher = crypto.sha256();
  hasher.update(hashed);
  const hash = hasher.digest();
  const entries: TlvContents[] = [{ type: TLV.sha256, value: hash }];
  if (key !== undefined) {
    const { algorithm } = key.verificationKey;
    const source = imageSourceFromBytes(hashed);
    const image = { source, sizeBytes: hashed.byteLength, hash };
    entries.push(
      { type: TLV.keyHash, value: publicKeyHash(key.verificationKey, crypto) },
      {
        type: SIGNATURE_TLV[algorithm],
        value: key.sign(imageSignedMessage(algorithm, image, crypto)),
      },
    );
  }
  return entries;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.byteLength;
  }
  return joined;
}

function isWholeIn(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
