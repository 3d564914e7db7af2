import { agreementPointOf, pointSizeBytes } from '../crypto/agreement-key.js';
import { equalSecretBytes, joinChunks } from '../crypto/bytes.js';
import type {
  AgreementCurve,
  AgreementKey,
  AgreementPoint,
  CryptoProvider,
} from '../crypto/crypto-provider.js';
import { hkdfSha256 } from '../crypto/hkdf.js';
import { accept, reject, type ImageRejectCode, type Verdict } from '../verdict.js';

/** The key of AES-128 or AES-256. */
export type ContentKeySizeBytes = 16 | 32;

const TAG_SIZE_BYTES = 32;
const INFO: Uint8Array = Uint8Array.from('MCUBoot_ECIES_v1', (letter) => letter.charCodeAt(0));
const SALT: Uint8Array = new Uint8Array(32);
/** The derived key encrypts one content key and nothing else. */
const COUNTER_BLOCK: Uint8Array = new Uint8Array(16);

/** What a wrapped content key takes: an ephemeral point, a tag, the encrypted key. */
export function wrappedKeySizeBytes(
  curve: AgreementCurve,
  contentKeySizeBytes: ContentKeySizeBytes,
): number {
  return pointSizeBytes(curve) + TAG_SIZE_BYTES + contentKeySizeBytes;
}

/**
 * Unwraps a content key with the device's decryption key (MCUboot encrypted.c, boot_decrypt_key;
 * docs/encrypted_images.md, ECIES encryption). The tag is checked before anything is decrypted.
 * Refuses `image-encryption-tlv-size`, `image-encryption-point` for an ephemeral point that is off
 * the curve or of low order, and `image-encryption-tag` for a key that was damaged or wrapped for
 * another device.
 */
export function unwrapContentKey(
  wrapped: Uint8Array,
  device: { readonly key: AgreementKey; readonly contentKeySizeBytes: ContentKeySizeBytes },
  crypto: CryptoProvider,
): Verdict<Uint8Array, ImageRejectCode> {
  const { key, contentKeySizeBytes } = device;
  const expectedBytes = wrappedKeySizeBytes(key.curve, contentKeySizeBytes);
  if (wrapped.byteLength !== expectedBytes) {
    const found = `${wrapped.byteLength} bytes, expected ${expectedBytes}`;
    return reject('image-encryption-tlv-size', `the wrapped content key has ${found}`);
  }
  const tagOffset = pointSizeBytes(key.curve);
  const keyOffset = tagOffset + TAG_SIZE_BYTES;
  const secret = crypto.sharedSecret(key, wrapped.subarray(0, tagOffset));
  if (secret === undefined) {
    return reject('image-encryption-point', `the ephemeral key is no point on ${key.curve}`);
  }
  const derived = deriveKeys(secret, contentKeySizeBytes, crypto);
  const encryptedKey = wrapped.subarray(keyOffset);
  const tag = crypto.hmacSha256(derived.tagKey, encryptedKey);
  if (!equalSecretBytes(tag, wrapped.subarray(tagOffset, keyOffset))) {
    const why = 'it was damaged, or wrapped for the key of another device';
    return reject('image-encryption-tag', `the tag of the wrapped content key is wrong: ${why}`);
  }
  return accept(crypto.aesCtr(derived.wrappingKey, COUNTER_BLOCK, encryptedKey));
}

/**
 * Wraps a content key of 16 or 32 bytes for a device, as imgtool does (image.py, ecies_hkdf). The
 * ephemeral key must be for this image alone. Throws for a device key of another curve, or one that
 * no secret can be agreed with: `parseEncryptionKey` answers none.
 */
export function wrapContentKey(
  contentKey: Uint8Array,
  keys: { readonly device: AgreementPoint; readonly ephemeral: AgreementKey },
  crypto: CryptoProvider,
): Uint8Array {
  const { device, ephemeral } = keys;
  const secret =
    device.curve === ephemeral.curve ? crypto.sharedSecret(ephemeral, device.point) : undefined;
  if (secret === undefined) throw new TypeError('the device key cannot be agreed with');
  const derived = deriveKeys(secret, contentKey.byteLength, crypto);
  const encryptedKey = crypto.aesCtr(derived.wrappingKey, COUNTER_BLOCK, contentKey);
  const tag = crypto.hmacSha256(derived.tagKey, encryptedKey);
  return joinChunks([agreementPointOf(ephemeral).point, tag, encryptedKey]);
}

function deriveKeys(
  secret: Uint8Array,
  wrappingKeySizeBytes: number,
  crypto: CryptoProvider,
): { readonly wrappingKey: Uint8Array; readonly tagKey: Uint8Array } {
  const lengthBytes = wrappingKeySizeBytes + TAG_SIZE_BYTES;
  const material = hkdfSha256({ secret, salt: SALT, info: INFO, lengthBytes }, crypto);
  return {
    wrappingKey: material.subarray(0, wrappingKeySizeBytes),
    tagKey: material.subarray(wrappingKeySizeBytes),
  };
}
