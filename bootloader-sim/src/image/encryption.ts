import { copyBytes } from '../crypto/bytes.js';
import type { AgreementCurve, AgreementKey, CryptoProvider } from '../crypto/crypto-provider.js';
import { accept, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import { contentKeySizeBytes, type ImageHeader } from './header.js';
import type { ImageSource } from './image-source.js';
import { isWrappedKey } from './tlv-rules.js';
import { parseImageTlvs, readTlvValue, TLV, type ImageTlv, type ImageTlvs } from './tlv.js';
import { unwrapContentKey } from './wrapped-key.js';

/** What a bootloader has to know of an encrypted image to move it between slots. */
export interface ImageEncryption {
  /** The AES key of the body: 16 or 32 bytes. */
  readonly contentKey: Uint8Array;
  /** The value of the TLV that carries it: a copy. */
  readonly wrappedKeyTlv: Uint8Array;
}

/** Which TLV carries a content key that was wrapped on a curve. */
export const WRAPPED_KEY_TLV: Readonly<Record<AgreementCurve, number>> = {
  p256: TLV.encryptedEc256,
  x25519: TLV.encryptedX25519,
};

/**
 * Reads the content key of an image that is flagged as encrypted (MCUboot encrypted.c,
 * boot_enc_load); the body is not looked at, so it may lie encrypted or decrypted. The header must
 * have come from `parseImageHeader` of the same source. Refuses as `parseImageTlvs`,
 * `image-not-encrypted`, `image-encryption-tlv-missing`, `image-encryption-tlv-duplicate`,
 * `image-encryption-key-kind`, and as `unwrapContentKey`.
 */
export function readImageEncryption(
  source: ImageSource,
  header: ImageHeader,
  key: AgreementKey,
  crypto: CryptoProvider,
): Verdict<ImageEncryption, ImageRejectCode> {
  const tlvs = parseImageTlvs(source, header);
  return tlvs.ok ? unwrapFromTlvs({ source, header, tlvs: tlvs.value }, key, crypto) : tlvs;
}

/** As `readImageEncryption`, for TLVs that have been read already. */
export function unwrapFromTlvs(
  image: { readonly source: ImageSource; readonly header: ImageHeader; readonly tlvs: ImageTlvs },
  key: AgreementKey,
  crypto: CryptoProvider,
): Verdict<ImageEncryption, ImageRejectCode> {
  const keySizeBytes = contentKeySizeBytes(image.header);
  if (keySizeBytes === undefined) {
    return reject('image-not-encrypted', 'the image is not flagged as encrypted');
  }
  const entry = findWrappedKey(image.tlvs);
  if (!entry.ok) return entry;
  const { type } = entry.value;
  if (type !== WRAPPED_KEY_TLV[key.curve]) {
    return reject(
      'image-encryption-key-kind',
      `TLV 0x${type.toString(16)} is for another kind of key, the device's is on ${key.curve}`,
    );
  }
  const wrappedKeyTlv = copyBytes(readTlvValue(image.source, entry.value));
  const device = { key, contentKeySizeBytes: keySizeBytes };
  const contentKey = unwrapContentKey(wrappedKeyTlv, device, crypto);
  return contentKey.ok ? accept({ contentKey: contentKey.value, wrappedKeyTlv }) : contentKey;
}

/** MCUboot takes the first of several; here an image that is in two minds is refused. */
function findWrappedKey(tlvs: ImageTlvs): Verdict<ImageTlv, ImageRejectCode> {
  const [first, ...others] = tlvs.entries.filter(isWrappedKey);
  if (first === undefined) {
    return reject('image-encryption-tlv-missing', 'the image carries no content key');
  }
  return others.length === 0
    ? accept(first)
    : reject(
        'image-encryption-tlv-duplicate',
        `the image carries ${others.length + 1} content keys`,
      );
}
