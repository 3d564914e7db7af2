import { accept, DONE, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import type { ImageSource } from './image-source.js';
import { readTlvValue, TLV, type ImageTlv, type ImageTlvs } from './tlv.js';

/** A SHA-256. */
export const IMAGE_HASH_SIZE_BYTES = 32;

/**
 * All that may stand outside of what the hash covers. MCUboot's list also has other hashes, whole
 * public keys and content keys wrapped in other ways, which nothing here would use.
 */
const UNPROTECTED_TYPES: ReadonlySet<number> = new Set<number>([
  TLV.keyHash,
  TLV.sha256,
  TLV.rsa2048Pss,
  TLV.ecdsa,
  TLV.rsa3072Pss,
  TLV.ed25519,
]);

/** What may stand there too when the image is encrypted: how its content key is wrapped. */
const ENCRYPTION_TYPES: ReadonlySet<number> = new Set<number>([
  TLV.encryptedEc256,
  TLV.encryptedX25519,
]);

/** What cannot stand inside of what it describes, or would ask for what is not supported. */
const NEVER_PROTECTED_TYPES: ReadonlySet<number> = new Set<number>([
  ...UNPROTECTED_TYPES,
  TLV.publicKey,
  TLV.sha384,
  TLV.sha512,
  TLV.ecdsa224,
  TLV.signaturePure,
  TLV.encryptedRsa2048,
  TLV.encryptedAesKw,
  TLV.encryptedEc256,
  TLV.encryptedX25519,
  TLV.encryptedX25519Sha512,
  TLV.any,
]);

/** Two of these would contradict each other. */
const SINGLE_TYPES: ReadonlySet<number> = new Set<number>([TLV.sha256, TLV.securityCounter]);

/**
 * Whether each TLV stands where its type may stand (image_validate.c, allowed_unprot_tlvs) in an
 * image that is encrypted, or not. Refuses `image-tlv-not-allowed` and `image-tlv-duplicate`.
 */
export function checkTlvTypes(
  tlvs: ImageTlvs,
  { isEncrypted }: { readonly isEncrypted: boolean },
): Verdict<void, ImageRejectCode> {
  const seen = new Set<number>();
  for (const entry of tlvs.entries) {
    const type = `0x${entry.type.toString(16)}`;
    if (!isAllowed(entry) && !(isEncrypted && isWrappedKey(entry))) {
      const area = entry.protected ? 'protected' : 'unprotected';
      return reject('image-tlv-not-allowed', `TLV ${type} may not stand in the ${area} area`);
    }
    if (SINGLE_TYPES.has(entry.type) && seen.has(entry.type)) {
      return reject('image-tlv-duplicate', `TLV ${type} stands twice`);
    }
    seen.add(entry.type);
  }
  return DONE;
}

/** The hash that the image carries. Refuses `image-hash-missing` and `image-tlv-size`. */
export function readHashTlv(
  source: ImageSource,
  tlvs: ImageTlvs,
): Verdict<Uint8Array, ImageRejectCode> {
  const entry = tlvs.entries.find((tlv) => tlv.type === TLV.sha256 && !tlv.protected);
  if (entry === undefined) return reject('image-hash-missing', 'the image carries no SHA-256');
  return entry.sizeBytes === IMAGE_HASH_SIZE_BYTES
    ? accept(readTlvValue(source, entry))
    : reject('image-tlv-size', `a SHA-256 has 32 bytes, found ${entry.sizeBytes}`);
}

/** Whether an entry is where an encrypted image carries its content key. */
export function isWrappedKey(entry: ImageTlv): boolean {
  return !entry.protected && ENCRYPTION_TYPES.has(entry.type);
}

function isAllowed(entry: ImageTlv): boolean {
  return entry.protected
    ? !NEVER_PROTECTED_TYPES.has(entry.type)
    : UNPROTECTED_TYPES.has(entry.type);
}
