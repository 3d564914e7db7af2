import { equalBytes } from '../crypto/bytes.js';
import type {
  CryptoProvider,
  SignatureAlgorithm,
  SignedMessage,
  VerificationKey,
} from '../crypto/crypto-provider.js';
import { publicKeyHash } from '../crypto/public-key.js';
import { signedMessageFromBytes } from '../crypto/signed-message.js';
import { accept, DONE, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import type { ImageSource } from './image-source.js';
import { IMAGE_HASH_SIZE_BYTES } from './tlv-rules.js';
import { readTlvValue, TLV, type ImageTlv, type ImageTlvs } from './tlv.js';

/** Signatures on one image: each trusted one costs a verification. */
export const IMAGE_SIGNATURES_MAX = 8;

/** Which TLV carries a key's signature. */
export const SIGNATURE_TLV: Readonly<Record<SignatureAlgorithm, number>> = {
  'ecdsa-p256-sha256': TLV.ecdsa,
  ed25519: TLV.ed25519,
  'rsa-2048-pss-sha256': TLV.rsa2048Pss,
  'rsa-3072-pss-sha256': TLV.rsa3072Pss,
};

const SIGNATURE_TYPES: ReadonlySet<number> = new Set(Object.values(SIGNATURE_TLV));

/** What the signatures of an image are over: its first `sizeBytes` bytes, and their SHA-256. */
export interface SignedImage {
  readonly source: ImageSource;
  readonly sizeBytes: number;
  readonly hash: Uint8Array;
}

interface SignatureEntry {
  readonly keyIndex: number;
  readonly key: VerificationKey;
  readonly signature: ImageTlv;
}

/**
 * The message a signature is over: the image, except that MCUboot gives Ed25519 the 32 bytes of
 * the image's hash instead of the image.
 */
export function imageSignedMessage(
  algorithm: SignatureAlgorithm,
  image: SignedImage,
  crypto: CryptoProvider,
): SignedMessage {
  if (algorithm === 'ed25519') return signedMessageFromBytes(image.hash, crypto);
  return {
    sha256: image.hash,
    chunks: () => image.source.chunks(0, image.sizeBytes),
  };
}

/**
 * Finds a trusted key that signed, and answers its index; undefined when no keys are trusted. As
 * in MCUboot each signature follows the hash of its key, and signatures by unknown keys are
 * passed over; unlike there, one bad signature by a trusted key is enough to refuse. Refuses
 * `image-signature-missing`, `image-key-unknown`, `image-signature-invalid`,
 * `image-signature-unsupported`, `image-tlv-size`, `image-tlv-count`.
 */
export function checkSignatures(
  image: SignedImage,
  tlvs: ImageTlvs,
  keys: readonly VerificationKey[],
  crypto: CryptoProvider,
): Verdict<number | undefined, ImageRejectCode> {
  if (keys.length === 0) return accept(undefined);
  const found = findTrusted(image.source, tlvs, keys, crypto);
  if (!found.ok) return found;
  const [first] = found.value;
  if (first === undefined) return explainNone(tlvs);
  for (const entry of found.value) {
    const checked = checkSignature(image, entry, crypto);
    if (!checked.ok) return checked;
  }
  return accept(first.keyIndex);
}

/** Pairs each signature with the key whose hash stands before it, if that key is trusted. */
function findTrusted(
  source: ImageSource,
  tlvs: ImageTlvs,
  keys: readonly VerificationKey[],
  crypto: CryptoProvider,
): Verdict<readonly SignatureEntry[], ImageRejectCode> {
  const keyHashes = keys.map((key) => publicKeyHash(key, crypto));
  const entries: SignatureEntry[] = [];
  let signatures = 0;
  let keyIndex = -1;
  for (const entry of tlvs.entries) {
    if (entry.type === TLV.keyHash) {
      if (entry.sizeBytes !== IMAGE_HASH_SIZE_BYTES) {
        return reject('image-tlv-size', `a key hash has 32 bytes, found ${entry.sizeBytes}`);
      }
      const hash = readTlvValue(source, entry);
      keyIndex = keyHashes.findIndex((keyHash) => equalBytes(keyHash, hash));
    } else if (SIGNATURE_TYPES.has(entry.type)) {
      signatures += 1;
      if (signatures > IMAGE_SIGNATURES_MAX) {
        return reject('image-tlv-count', `more than ${IMAGE_SIGNATURES_MAX} signatures`);
      }
      const key = keys[keyIndex];
      if (key !== undefined) entries.push({ keyIndex, key, signature: entry });
      keyIndex = -1;
    }
  }
  return accept(entries);
}

function explainNone(tlvs: ImageTlvs): Verdict<never, ImageRejectCode> {
  return tlvs.entries.some((entry) => SIGNATURE_TYPES.has(entry.type))
    ? reject('image-key-unknown', 'the image is signed, but by no key that is trusted here')
    : reject('image-signature-missing', 'the image is not signed');
}

function checkSignature(
  image: SignedImage,
  entry: SignatureEntry,
  crypto: CryptoProvider,
): Verdict<void, ImageRejectCode> {
  const { key, keyIndex, signature } = entry;
  if (signature.type !== SIGNATURE_TLV[key.algorithm]) {
    return reject(
      'image-signature-invalid',
      `key ${keyIndex} does not make this kind of signature`,
    );
  }
  const message = imageSignedMessage(key.algorithm, image, crypto);
  const check = crypto.verify(key, message, readTlvValue(image.source, signature));
  switch (check) {
    case 'valid':
      return DONE;
    case 'invalid':
      return reject('image-signature-invalid', `the signature by key ${keyIndex} does not verify`);
    case 'unsupported':
      return reject('image-signature-unsupported', `${crypto.name} cannot check ${key.algorithm}`);
  }
}
