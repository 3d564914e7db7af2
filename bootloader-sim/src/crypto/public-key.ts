import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { accept, reject, type KeyRejectCode, type Verdict } from '../verdict.js';
import { equalBytes, unsignedFromBytes } from './bytes.js';
import type { CryptoProvider, SignatureAlgorithm, VerificationKey } from './crypto-provider.js';
import { DER_TAG, derUnsigned, encodeDer, takeDer, takeOnlyDer } from './der.js';
import { OID } from './object-identifier.js';

/** 0x04, then x and y of a P-256 point (SEC 1 §2.3.3). */
export const P256_POINT_SIZE_BYTES = 65;
/** The y coordinate of an Ed25519 point and the sign of x (RFC 8032 §5.1.2). */
export const ED25519_POINT_SIZE_BYTES = 32;

/** Exponents in use are 65537; FIPS 186-5 §A.1.1 asks for odd and more than 2^16. */
const RSA_EXPONENT_MIN = 0x1_0001n;
const RSA_EXPONENT_MAX = 0xffff_ffffn;

/** The numbers of a public key, as its SubjectPublicKeyInfo carries them. */
export type PublicKeyMaterial =
  | { readonly algorithm: 'ecdsa-p256-sha256'; readonly point: Uint8Array }
  | { readonly algorithm: 'ed25519'; readonly point: Uint8Array }
  | {
      readonly algorithm: 'rsa-2048-pss-sha256' | 'rsa-3072-pss-sha256';
      /** Both big-endian, without leading zeros. */
      readonly modulus: Uint8Array;
      readonly exponent: Uint8Array;
      /** RSAPublicKey, DER (RFC 8017 §A.1.1). */
      readonly pkcs1: Uint8Array;
    };

/**
 * Reads a SubjectPublicKeyInfo (DER, nothing behind it). Takes uncompressed P-256 points, Ed25519,
 * and RSA with 2048 or 3072 bits. Refuses `key-unsupported` for another kind of key, curve or
 * size, and `key-malformed` for anything else that is wrong, a point off its curve included.
 */
export function parsePublicKey(spki: Uint8Array): Verdict<VerificationKey, KeyRejectCode> {
  const material = parsePublicKeyMaterial(spki);
  return material.ok
    ? accept({ algorithm: material.value.algorithm, spki: spki.slice() })
    : material;
}

/** As `parsePublicKey`, for the numbers inside. */
export function parsePublicKeyMaterial(
  spki: Uint8Array,
): Verdict<PublicKeyMaterial, KeyRejectCode> {
  const decoded = decodeSpki(spki);
  return decoded.ok ? checkMaterial(decoded.value) : decoded;
}

/** The numbers of a key, or undefined when it is malformed or not of the algorithm it names. */
export function materialOf(key: VerificationKey): PublicKeyMaterial | undefined {
  const material = parsePublicKeyMaterial(key.spki);
  return material.ok && material.value.algorithm === key.algorithm ? material.value : undefined;
}

/** A key from its bare point: 65 bytes for P-256, 32 for Ed25519. Refuses as `parsePublicKey`. */
export function publicKeyFromPoint(
  algorithm: 'ecdsa-p256-sha256' | 'ed25519',
  point: Uint8Array,
): Verdict<VerificationKey, KeyRejectCode> {
  const identifier =
    algorithm === 'ed25519'
      ? encodeDer(DER_TAG.sequence, encodeDer(DER_TAG.objectIdentifier, OID.ed25519))
      : encodeDer(
          DER_TAG.sequence,
          encodeDer(DER_TAG.objectIdentifier, OID.ecPublicKey),
          encodeDer(DER_TAG.objectIdentifier, OID.p256),
        );
  const bits = encodeDer(DER_TAG.bitString, Uint8Array.of(0), point);
  return parsePublicKey(encodeDer(DER_TAG.sequence, identifier, bits));
}

/**
 * What imgtool writes into the key hash TLV: SHA-256 of the SubjectPublicKeyInfo, for RSA of the
 * RSAPublicKey inside. The key must be well formed.
 */
export function publicKeyHash(key: VerificationKey, crypto: CryptoProvider): Uint8Array {
  const hasher = crypto.sha256();
  hasher.update(isRsa(key.algorithm) ? pkcs1Of(key) : key.spki);
  return hasher.digest();
}

/** Whether an algorithm is one of the two sizes of RSA. */
export function isRsa(
  algorithm: SignatureAlgorithm,
): algorithm is 'rsa-2048-pss-sha256' | 'rsa-3072-pss-sha256' {
  return algorithm === 'rsa-2048-pss-sha256' || algorithm === 'rsa-3072-pss-sha256';
}

function pkcs1Of(key: VerificationKey): Uint8Array {
  const decoded = decodeSpki(key.spki);
  if (!decoded.ok || !('pkcs1' in decoded.value)) {
    throw new TypeError(`a key of ${key.algorithm} holds no RSA key`);
  }
  return decoded.value.pkcs1;
}

/** The parts of a SubjectPublicKeyInfo; views. */
export interface SpkiParts {
  readonly oid: Uint8Array;
  readonly parameters: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * Takes a SubjectPublicKeyInfo apart (RFC 5280 §4.1.2.7: SEQUENCE { AlgorithmIdentifier, BIT
 * STRING }); undefined for what is none in DER.
 */
export function takeSpki(spki: Uint8Array): SpkiParts | undefined {
  const outer = takeOnlyDer(spki, DER_TAG.sequence);
  const identifier = outer && takeDer(outer, DER_TAG.sequence);
  const bits = identifier && takeOnlyDer(identifier.rest, DER_TAG.bitString);
  const oid = identifier && takeDer(identifier.contents, DER_TAG.objectIdentifier);
  if (bits?.[0] !== 0 || oid === undefined) return undefined;
  return { oid: oid.contents, parameters: oid.rest, key: bits.subarray(1) };
}

function decodeSpki(spki: Uint8Array): Verdict<PublicKeyMaterial, KeyRejectCode> {
  const parts = takeSpki(spki);
  return parts === undefined
    ? reject('key-malformed', 'these bytes are not a SubjectPublicKeyInfo in DER')
    : decodeKey(parts.oid, parts.parameters, parts.key);
}

function decodeKey(
  oid: Uint8Array,
  parameters: Uint8Array,
  key: Uint8Array,
): Verdict<PublicKeyMaterial, KeyRejectCode> {
  if (equalBytes(oid, OID.ecPublicKey)) return decodeP256(parameters, key);
  if (equalBytes(oid, OID.ed25519)) return decodeEd25519(parameters, key);
  if (equalBytes(oid, OID.rsa)) return decodeRsa(parameters, key);
  return reject('key-unsupported', 'the key is neither ECDSA P-256, Ed25519 nor RSA');
}

/** RFC 5480 §2.1.1, §2.2. */
function decodeP256(
  parameters: Uint8Array,
  point: Uint8Array,
): Verdict<PublicKeyMaterial, KeyRejectCode> {
  const curve = takeOnlyDer(parameters, DER_TAG.objectIdentifier);
  if (curve === undefined) return reject('key-malformed', 'the key does not name its curve');
  if (!equalBytes(curve, OID.p256)) {
    return reject('key-unsupported', 'of the ECDSA curves only P-256 is supported');
  }
  return accept({ algorithm: 'ecdsa-p256-sha256', point });
}

/** RFC 8410 §3: no parameters. */
function decodeEd25519(
  parameters: Uint8Array,
  point: Uint8Array,
): Verdict<PublicKeyMaterial, KeyRejectCode> {
  return parameters.byteLength === 0
    ? accept({ algorithm: 'ed25519', point })
    : reject('key-malformed', 'an Ed25519 key has no parameters');
}

/** RFC 3279 §2.3.1: NULL parameters; RFC 8017 §A.1.1: SEQUENCE { modulus, exponent }. */
function decodeRsa(
  parameters: Uint8Array,
  pkcs1: Uint8Array,
): Verdict<PublicKeyMaterial, KeyRejectCode> {
  const outer = takeOnlyDer(pkcs1, DER_TAG.sequence);
  const first = outer && takeDer(outer, DER_TAG.integer);
  const second = first && takeOnlyDer(first.rest, DER_TAG.integer);
  const modulus = first && derUnsigned(first.contents);
  const exponent = second && derUnsigned(second);
  const hasNull = takeOnlyDer(parameters, DER_TAG.nullValue)?.byteLength === 0;
  if (!hasNull || modulus === undefined || exponent === undefined) {
    return reject('key-malformed', 'the RSA key is not an RSAPublicKey in DER');
  }
  const algorithm = rsaAlgorithm(modulus);
  if (algorithm === undefined) {
    return reject('key-unsupported', 'RSA keys have 2048 or 3072 bits');
  }
  return accept({ algorithm, modulus, exponent, pkcs1 });
}

function rsaAlgorithm(
  modulus: Uint8Array,
): 'rsa-2048-pss-sha256' | 'rsa-3072-pss-sha256' | undefined {
  if ((modulus[0] ?? 0) < 0x80) return undefined;
  if (modulus.byteLength === 256) return 'rsa-2048-pss-sha256';
  return modulus.byteLength === 384 ? 'rsa-3072-pss-sha256' : undefined;
}

function checkMaterial(material: PublicKeyMaterial): Verdict<PublicKeyMaterial, KeyRejectCode> {
  switch (material.algorithm) {
    case 'ecdsa-p256-sha256':
      return isP256Point(material.point)
        ? accept(material)
        : reject('key-malformed', 'the key is not an uncompressed point on P-256');
    case 'ed25519':
      return isEd25519Point(material.point)
        ? accept(material)
        : reject('key-malformed', 'the key is not an Ed25519 point of prime order');
    default:
      return checkRsaNumbers(material.modulus, material.exponent) ?? accept(material);
  }
}

function checkRsaNumbers(
  modulus: Uint8Array,
  exponent: Uint8Array,
): Verdict<never, KeyRejectCode> | undefined {
  if ((modulus.at(-1) ?? 0) % 2 === 0) return reject('key-malformed', 'the RSA modulus is even');
  const value = exponent.byteLength > 8 ? RSA_EXPONENT_MAX + 1n : unsignedFromBytes(exponent);
  return value % 2n === 1n && value >= RSA_EXPONENT_MIN && value <= RSA_EXPONENT_MAX
    ? undefined
    : reject('key-unsupported', 'the RSA exponent is odd, from 65537 to 2^32');
}

/** Whether bytes are an uncompressed point on P-256. */
export function isP256Point(point: Uint8Array): boolean {
  if (point.byteLength !== P256_POINT_SIZE_BYTES || point[0] !== 0x04) return false;
  try {
    p256.Point.fromBytes(point).assertValidity();
    return true;
  } catch {
    return false;
  }
}

/**
 * Small-order keys verify signatures nobody made, and keys with a small-order part verify by one
 * of the two equations of RFC 8032 §5.1.7 only: both are refused.
 */
function isEd25519Point(bytes: Uint8Array): boolean {
  if (bytes.byteLength !== ED25519_POINT_SIZE_BYTES) return false;
  try {
    const point = ed25519.Point.fromBytes(bytes, false);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}
