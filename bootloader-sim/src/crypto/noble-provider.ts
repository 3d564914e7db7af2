import { ctr } from '@noble/ciphers/aes.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { pointSizeBytes } from './agreement-key.js';
import { joinChunks } from './bytes.js';
import { aesKeyBits } from './content-cipher.js';
import type {
  AgreementKey,
  CryptoProvider,
  Hasher,
  SignatureCheck,
  SignedMessage,
  VerificationKey,
} from './crypto-provider.js';
import { parseEcdsaSignature } from './ecdsa-signature.js';
import { verifyEd25519 } from './ed25519-verify.js';
import { isRsa, materialOf } from './public-key.js';

/** Runs wherever there is JavaScript. It has no RSA. */
export const nobleCrypto: CryptoProvider = {
  name: 'noble',
  sha256: nobleSha256,
  verify,
  hmacSha256: (key, message) => hmac(sha256, key, message),
  aesCtr,
  sharedSecret,
};

function nobleSha256(): Hasher {
  const hash = sha256.create();
  return {
    update: (chunk) => {
      hash.update(chunk);
    },
    digest: () => hash.digest(),
  };
}

function verify(
  key: VerificationKey,
  message: SignedMessage,
  signature: Uint8Array,
): SignatureCheck {
  if (isRsa(key.algorithm)) return 'unsupported';
  const material = materialOf(key);
  switch (material?.algorithm) {
    case 'ecdsa-p256-sha256':
      return answer(verifyP256(material.point, message.sha256, signature));
    case 'ed25519':
      return answer(verifyEd25519(material.point, joinChunks(message.chunks()), signature));
    default:
      return 'invalid';
  }
}

function aesCtr(key: Uint8Array, counterBlock: Uint8Array, bytes: Uint8Array): Uint8Array {
  aesKeyBits(key);
  return ctr(key, counterBlock).encrypt(bytes);
}

function sharedSecret(key: AgreementKey, point: Uint8Array): Uint8Array | undefined {
  // The library would also take compressed points of P-256, which MCUboot does not.
  if (point.byteLength !== pointSizeBytes(key.curve)) return undefined;
  try {
    return key.curve === 'x25519'
      ? x25519.getSharedSecret(key.privateKey, point)
      : p256.getSharedSecret(key.privateKey, point, true).slice(1);
  } catch {
    return undefined;
  }
}

function verifyP256(point: Uint8Array, digest: Uint8Array, der: Uint8Array): boolean {
  const signature = parseEcdsaSignature(der);
  if (signature === undefined) return false;
  return p256.verify(signature, digest, point, { prehash: false, lowS: false, format: 'compact' });
}

function answer(valid: boolean): SignatureCheck {
  return valid ? 'valid' : 'invalid';
}
