import {
  TLV,
  decodeDependency,
  equalBytes,
  formatImageVersion,
  readTlvValue,
  type ImageSource,
  type ImageTlv,
} from '@brickproof/bootloader-sim';

import type { KnownKey } from './flash-report.js';

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [TLV.keyHash, 'key hash'],
  [TLV.publicKey, 'public key'],
  [TLV.sha256, 'SHA-256'],
  [TLV.sha384, 'SHA-384'],
  [TLV.sha512, 'SHA-512'],
  [TLV.rsa2048Pss, 'RSA-2048 signature'],
  [TLV.ecdsa224, 'ECDSA P-224 signature'],
  [TLV.ecdsa, 'ECDSA signature'],
  [TLV.rsa3072Pss, 'RSA-3072 signature'],
  [TLV.ed25519, 'Ed25519 signature'],
  [TLV.signaturePure, 'signature over the image itself'],
  [TLV.encryptedRsa2048, 'content key, RSA-OAEP'],
  [TLV.encryptedAesKw, 'content key, AES-KW'],
  [TLV.encryptedEc256, 'content key, ECIES on P-256'],
  [TLV.encryptedX25519, 'content key, ECIES on X25519'],
  [TLV.encryptedX25519Sha512, 'content key, ECIES on X25519 with SHA-512'],
  [TLV.dependency, 'dependency'],
  [TLV.securityCounter, 'security counter'],
  [TLV.bootRecord, 'boot record'],
  [TLV.decompressedSize, 'decompressed size'],
  [TLV.decompressedSha, 'decompressed hash'],
  [TLV.decompressedSignature, 'decompressed signature'],
  [TLV.compressedSize, 'compressed size'],
  [TLV.vendorId, 'vendor id'],
  [TLV.classId, 'class id'],
]);

/** What says nothing to people, however short: signatures and wrapped keys. */
const OPAQUE: ReadonlySet<number> = new Set<number>([
  TLV.publicKey,
  TLV.rsa2048Pss,
  TLV.ecdsa224,
  TLV.ecdsa,
  TLV.rsa3072Pss,
  TLV.ed25519,
  TLV.signaturePure,
  TLV.encryptedRsa2048,
  TLV.encryptedAesKw,
  TLV.encryptedEc256,
  TLV.encryptedX25519,
  TLV.encryptedX25519Sha512,
  TLV.decompressedSignature,
]);

/** Whole hashes are for programs; so much of one is enough to tell it from another. */
const SHOWN_BYTES_MAX = 16;

/** What a kind of TLV is called. */
export function tlvWords(type: number): string {
  return NAMES.get(type) ?? `type 0x${type.toString(16)}`;
}

/** The value of a TLV for people; empty where it would say nothing. */
export function tlvValueWords(
  source: ImageSource,
  entry: ImageTlv,
  keys: readonly KnownKey[],
): string {
  if (OPAQUE.has(entry.type)) return '';
  const value = readTlvValue(source, entry);
  if (entry.type === TLV.securityCounter && value.byteLength === 4) {
    return `${new DataView(value.buffer, value.byteOffset).getUint32(0, true)}`;
  }
  if (entry.type === TLV.dependency) {
    const dependency = decodeDependency(value);
    if (dependency.ok) {
      const { imageIndex, minimumVersion } = dependency.value;
      return `image ${imageIndex} from ${formatImageVersion(minimumVersion)} on`;
    }
  }
  const known = entry.type === TLV.keyHash ? keyNameOf(value, keys) : undefined;
  return known ?? shortHex(value);
}

/** The name of a trusted key that has this hash. */
function keyNameOf(hash: Uint8Array, keys: readonly KnownKey[]): string | undefined {
  const known = keys.find((key) => equalBytes(key.hash, hash));
  return known && `${shortHex(hash)}  ${known.name}`;
}

function shortHex(bytes: Uint8Array): string {
  const digits = Buffer.from(bytes.subarray(0, SHOWN_BYTES_MAX)).toString('hex');
  return bytes.byteLength > SHOWN_BYTES_MAX ? `${digits}…` : digits;
}
