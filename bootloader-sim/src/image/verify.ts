import { equalBytes } from '../crypto/bytes.js';
import { createContentCipher } from '../crypto/content-cipher.js';
import type { AgreementKey, CryptoProvider, VerificationKey } from '../crypto/crypto-provider.js';
import { accept, DONE, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import { decryptedSource } from './decrypted-source.js';
import { decodeDependency, type ImageDependency } from './dependency.js';
import { unwrapFromTlvs } from './encryption.js';
import {
  contentKeySizeBytes,
  decodeImageHeader,
  hasImageFlag,
  hashedSizeBytes,
  IMAGE_HEADER_SIZE_BYTES,
  parseImageHeader,
  type ImageHeader,
} from './header.js';
import type { ImageSource } from './image-source.js';
import { readUint32 } from './little-endian.js';
import { checkSignatures } from './signature.js';
import { checkTlvTypes, IMAGE_HASH_SIZE_BYTES, readHashTlv } from './tlv-rules.js';
import { parseImageTlvs, readTlvValue, TLV, type ImageTlvs } from './tlv.js';

/**
 * How an image that is flagged as encrypted lies here. `encrypted`: as it was sent, as in MCUboot's
 * secondary slot; its body is decrypted with the content key that the device's key unwraps.
 * `plain`: as MCUboot's primary slot has it, where the body was decrypted when it was copied and
 * the flag stays set (image.h, MUST_DECRYPT).
 */
export type ImageEncryptionPolicy =
  { readonly body: 'encrypted'; readonly key: AgreementKey } | { readonly body: 'plain' };

/** What an image must satisfy to be run, or to be installed. */
export interface ImagePolicy {
  /** One of these must have signed. With no keys, the hash alone is checked. */
  readonly keys: readonly VerificationKey[];
  /** Header, body and TLVs together may be this long: the slot without its trailer. */
  readonly maxImageSizeBytes: number;
  /** Undefined: the security counter is not looked at. Else it must be there and not be lower. */
  readonly minimumSecurityCounter: number | undefined;
  /**
   * Where in flash the image would run; an image that was linked for a fixed address must have
   * been linked for this one. Undefined or absent: it does not run from where it is.
   */
  readonly slotAddress?: number | undefined;
  /** Undefined or absent: an image that is flagged as encrypted is refused. */
  readonly encryption?: ImageEncryptionPolicy | undefined;
}

/** An image that satisfied its policy. */
export interface VerifiedImage {
  readonly header: ImageHeader;
  /** SHA-256 of header, body and protected TLVs. */
  readonly hash: Uint8Array;
  /** Which of the policy's keys signed; undefined when the policy has none. */
  readonly keyIndex: number | undefined;
  /** Undefined when the image carries none. */
  readonly securityCounter: number | undefined;
  readonly dependencies: readonly ImageDependency[];
  /** Header, body and TLVs. */
  readonly totalSizeBytes: number;
}

/**
 * Decides whether an image may be run, in the order of MCUboot's bootutil_img_validate: header,
 * bounds, address, TLV areas, content key, hash, signature; and then, when the signature vouches
 * for them, the security counter and the dependencies. What hash and signature cover is never
 * encrypted: header, plain body, protected TLVs. Reads nothing outside of the source and never
 * throws for what the bytes say. Answers every `ImageRejectCode`, one for each cause.
 */
export function verifyImage(
  source: ImageSource,
  policy: ImagePolicy,
  crypto: CryptoProvider,
): Verdict<VerifiedImage, ImageRejectCode> {
  const header = checkHeader(source, policy);
  if (!header.ok) return header;
  const tlvs = checkTlvs(source, header.value, policy);
  if (!tlvs.ok) return tlvs;
  const plain = plainSource({ source, header: header.value, tlvs: tlvs.value }, policy, crypto);
  if (!plain.ok) return plain;
  const hash = checkHash(plain.value, header.value, tlvs.value, crypto);
  if (!hash.ok) return hash;
  const image = { source: plain.value, sizeBytes: hashedSizeBytes(header.value), hash: hash.value };
  const keyIndex = checkSignatures(image, tlvs.value, policy.keys, crypto);
  if (!keyIndex.ok) return keyIndex;
  const securityCounter = checkSecurityCounter(source, tlvs.value, policy);
  if (!securityCounter.ok) return securityCounter;
  const dependencies = readDependencies(source, tlvs.value);
  if (!dependencies.ok) return dependencies;
  return accept({
    header: header.value,
    hash: hash.value,
    keyIndex: keyIndex.value,
    securityCounter: securityCounter.value,
    dependencies: dependencies.value,
    totalSizeBytes: tlvs.value.endOffset,
  });
}

/** bootutil_loader.c, boot_check_header_valid; loader.c, boot_rom_address_check. */
function checkHeader(
  source: ImageSource,
  policy: ImagePolicy,
): Verdict<ImageHeader, ImageRejectCode> {
  const headLength = Math.min(source.sizeBytes, IMAGE_HEADER_SIZE_BYTES);
  const rules = { takesEncrypted: policy.encryption !== undefined };
  const decoded = decodeImageHeader(source.read(0, headLength), rules);
  if (!decoded.ok) return decoded;
  // What is too large for any slot is told apart from what was cut short.
  const size = checkSize(hashedSizeBytes(decoded.value), policy);
  if (!size.ok) return size;
  const header = parseImageHeader(source, rules);
  if (!header.ok) return header;
  if (hasImageFlag(header.value, 'nonBootable')) {
    return reject('image-not-bootable', 'the image is flagged as not bootable');
  }
  const address = checkAddress(header.value, policy.slotAddress);
  return address.ok ? header : address;
}

function checkAddress(
  header: ImageHeader,
  slotAddress: number | undefined,
): Verdict<void, ImageRejectCode> {
  if (slotAddress === undefined || !hasImageFlag(header, 'romFixed')) return DONE;
  if (header.loadAddress === slotAddress) return DONE;
  const linked = header.loadAddress.toString(16);
  return reject(
    'image-load-address',
    `the image was linked for 0x${linked}, the slot is at 0x${slotAddress.toString(16)}`,
  );
}

function checkTlvs(
  source: ImageSource,
  header: ImageHeader,
  policy: ImagePolicy,
): Verdict<ImageTlvs, ImageRejectCode> {
  const tlvs = parseImageTlvs(source, header);
  if (!tlvs.ok) return tlvs;
  const size = checkSize(tlvs.value.endOffset, policy);
  if (!size.ok) return size;
  const isEncrypted = contentKeySizeBytes(header) !== undefined;
  const types = checkTlvTypes(tlvs.value, { isEncrypted });
  return types.ok ? tlvs : types;
}

function checkSize(sizeBytes: number, policy: ImagePolicy): Verdict<void, ImageRejectCode> {
  return sizeBytes <= policy.maxImageSizeBytes
    ? DONE
    : reject(
        'image-too-large',
        `the image has ${sizeBytes} bytes, at most ${policy.maxImageSizeBytes} fit`,
      );
}

/** The image with its body as the hash covers it. */
function plainSource(
  image: { readonly source: ImageSource; readonly header: ImageHeader; readonly tlvs: ImageTlvs },
  policy: ImagePolicy,
  crypto: CryptoProvider,
): Verdict<ImageSource, ImageRejectCode> {
  const { source, header } = image;
  const isEncrypted = contentKeySizeBytes(header) !== undefined;
  if (!isEncrypted || policy.encryption?.body !== 'encrypted') return accept(source);
  const encryption = unwrapFromTlvs(image, policy.encryption.key, crypto);
  if (!encryption.ok) return encryption;
  const cipher = createContentCipher(encryption.value.contentKey, crypto);
  return accept(decryptedSource(source, header, cipher));
}

/** bootutil_img_hash.c: header, body and protected TLVs. */
function checkHash(
  source: ImageSource,
  header: ImageHeader,
  tlvs: ImageTlvs,
  crypto: CryptoProvider,
): Verdict<Uint8Array, ImageRejectCode> {
  const claimed = readHashTlv(source, tlvs);
  if (!claimed.ok) return claimed;
  const hasher = crypto.sha256();
  for (const chunk of source.chunks(0, hashedSizeBytes(header))) hasher.update(chunk);
  const hash = hasher.digest();
  return hash.byteLength === IMAGE_HASH_SIZE_BYTES && equalBytes(hash, claimed.value)
    ? accept(hash)
    : reject('image-hash-mismatch', 'the bytes do not have the hash that the image carries');
}

function checkSecurityCounter(
  source: ImageSource,
  tlvs: ImageTlvs,
  policy: ImagePolicy,
): Verdict<number | undefined, ImageRejectCode> {
  const { minimumSecurityCounter: minimum } = policy;
  const entry = tlvs.entries.find((tlv) => tlv.type === TLV.securityCounter);
  if (entry === undefined) {
    return minimum === undefined
      ? accept(undefined)
      : reject('image-security-counter-missing', 'the image carries no security counter');
  }
  if (entry.sizeBytes !== 4) {
    return reject('image-tlv-size', `a security counter has 4 bytes, found ${entry.sizeBytes}`);
  }
  const counter = readUint32(readTlvValue(source, entry), 0);
  return minimum === undefined || counter >= minimum
    ? accept(counter)
    : reject(
        'image-security-counter-low',
        `the image has security counter ${counter}, the device is at ${minimum}`,
      );
}

function readDependencies(
  source: ImageSource,
  tlvs: ImageTlvs,
): Verdict<readonly ImageDependency[], ImageRejectCode> {
  const dependencies: ImageDependency[] = [];
  for (const entry of tlvs.entries) {
    if (entry.type !== TLV.dependency) continue;
    const dependency = decodeDependency(readTlvValue(source, entry));
    if (!dependency.ok) return dependency;
    dependencies.push(dependency.value);
  }
  return accept(dependencies);
}
