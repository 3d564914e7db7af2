import { x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { accept, reject, type KeyRejectCode, type Verdict } from '../verdict.js';
import { copyBytes, equalBytes } from './bytes.js';
import type { AgreementCurve, AgreementKey, AgreementPoint } from './crypto-provider.js';
import { DER_TAG, takeDer, takeOnlyDer, type DerElement } from './der.js';
import { OID } from './object-identifier.js';
import { decodePem } from './pem.js';
import { isP256Point, P256_POINT_SIZE_BYTES, takeSpki } from './public-key.js';

/** The u coordinate of an X25519 point (RFC 7748 §5). */
export const X25519_POINT_SIZE_BYTES = 32;
/** A private key of either curve. */
export const AGREEMENT_KEY_SIZE_BYTES = 32;

/** Enough to make a P-256 scalar of without a bias (FIPS 186-5 §A.2.1). */
const P256_SEED_SIZE_BYTES = 48;

type KeyVerdict<T> = Verdict<T, KeyRejectCode>;

/**
 * A device's decryption key: PKCS #8 as imgtool writes it, in PEM (text around it is ignored) or
 * DER, of P-256 (RFC 5915 §3) or X25519 (RFC 8410 §7). Refuses `key-malformed`, a scalar that is
 * none or a public half of another key included, and `key-unsupported` for other kinds of key and
 * for PEM that is not PKCS #8 or has a passphrase.
 */
export function parseDecryptionKey(file: Uint8Array): KeyVerdict<AgreementKey> {
  const read = readKeyFile(file);
  if (!read.ok) return read;
  const { label, der } = read.value;
  return label === undefined || label === 'PRIVATE KEY'
    ? decodePkcs8(der)
    : reject('key-unsupported', `a private key in PKCS #8 is wanted, this is "${label}"`);
}

/**
 * What images for a device are encrypted with: SubjectPublicKeyInfo in PEM or DER, or the device's
 * decryption key itself. Refuses as `parseDecryptionKey`, and `key-malformed` for a point that is
 * not on its curve or of low order.
 */
export function parseEncryptionKey(file: Uint8Array): KeyVerdict<AgreementPoint> {
  const read = readKeyFile(file);
  if (!read.ok) return read;
  const { label, der } = read.value;
  const isPublic = label === undefined ? takeSpki(der) !== undefined : label === 'PUBLIC KEY';
  if (isPublic) return decodeSpki(der);
  const key = parseDecryptionKey(file);
  return key.ok ? accept(agreementPointOf(key.value)) : key;
}

/** The public half of a key. The key must be one. */
export function agreementPointOf(key: AgreementKey): AgreementPoint {
  const { curve, privateKey } = key;
  const point =
    curve === 'p256' ? p256.getPublicKey(privateKey, false) : x25519.getPublicKey(privateKey);
  return { curve, point };
}

/** Makes a key of bytes that nobody can foresee; `entropy` answers as many as it is asked for. */
export function makeAgreementKey(
  curve: AgreementCurve,
  entropy: (lengthBytes: number) => Uint8Array,
): AgreementKey {
  const privateKey =
    curve === 'p256'
      ? p256.utils.randomSecretKey(entropy(P256_SEED_SIZE_BYTES))
      : copyBytes(entropy(AGREEMENT_KEY_SIZE_BYTES));
  return { curve, privateKey };
}

/** How many bytes a point of the curve takes. */
export function pointSizeBytes(curve: AgreementCurve): number {
  return curve === 'p256' ? P256_POINT_SIZE_BYTES : X25519_POINT_SIZE_BYTES;
}

/** Whether bytes are a point that a secret can be agreed with: on the curve, not of low order. */
export function isAgreementPoint({ curve, point }: AgreementPoint): boolean {
  return curve === 'p256' ? isP256Point(point) : isX25519Point(point);
}

/** The DER of a file, and the label of its PEM; a file that is DER itself has none. */
function readKeyFile(
  file: Uint8Array,
): KeyVerdict<{ readonly label: string | undefined; readonly der: Uint8Array }> {
  if (takeOnlyDer(file, DER_TAG.sequence) !== undefined) {
    return accept({ label: undefined, der: file });
  }
  const block = decodePem(file);
  return block === undefined
    ? reject('key-malformed', 'this is no key in PEM or DER')
    : accept({ label: block.label, der: block.der });
}

/** RFC 5208 §5: SEQUENCE { INTEGER 0, AlgorithmIdentifier, OCTET STRING }. */
function decodePkcs8(der: Uint8Array): KeyVerdict<AgreementKey> {
  const outer = takeOnlyDer(der, DER_TAG.sequence);
  const version = outer && takeDer(outer, DER_TAG.integer);
  const identifier = version && takeDer(version.rest, DER_TAG.sequence);
  const contents = identifier && takeOnlyDer(identifier.rest, DER_TAG.octetString);
  const oid = identifier && takeDer(identifier.contents, DER_TAG.objectIdentifier);
  if (!isVersion(version, 0) || contents === undefined || oid === undefined) {
    return reject('key-malformed', 'this is not a private key in PKCS #8, version 0, in DER');
  }
  const curve = curveOf(oid);
  if (!curve.ok) return curve;
  return curve.value === 'p256' ? decodeP256Key(contents) : decodeX25519Key(contents);
}

function decodeSpki(der: Uint8Array): KeyVerdict<AgreementPoint> {
  const parts = takeSpki(der);
  if (parts === undefined) {
    return reject('key-malformed', 'these bytes are not a SubjectPublicKeyInfo in DER');
  }
  const curve = curveOf({ contents: parts.oid, rest: parts.parameters });
  if (!curve.ok) return curve;
  const point = { curve: curve.value, point: copyBytes(parts.key) };
  return isAgreementPoint(point)
    ? accept(point)
    : reject('key-malformed', `the key is not a point on ${curve.value} to agree with`);
}

/** An AlgorithmIdentifier: its object identifier, and the parameters behind it. */
function curveOf({ contents: oid, rest: parameters }: DerElement): KeyVerdict<AgreementCurve> {
  if (equalBytes(oid, OID.ecPublicKey)) {
    const named = takeOnlyDer(parameters, DER_TAG.objectIdentifier);
    if (named !== undefined && equalBytes(named, OID.p256)) return accept('p256');
    return reject('key-unsupported', 'of the elliptic curves only P-256 is supported');
  }
  if (!equalBytes(oid, OID.x25519)) {
    return reject('key-unsupported', 'images are encrypted with P-256 or X25519 keys only');
  }
  // RFC 8410 §3: no parameters.
  return parameters.byteLength === 0
    ? accept('x25519')
    : reject('key-malformed', 'an X25519 key has no parameters');
}

/** RFC 5915 §3: SEQUENCE { INTEGER 1, OCTET STRING, [0] curve OPTIONAL, [1] point OPTIONAL }. */
function decodeP256Key(contents: Uint8Array): KeyVerdict<AgreementKey> {
  const outer = takeOnlyDer(contents, DER_TAG.sequence);
  const version = outer && takeDer(outer, DER_TAG.integer);
  const secret = version && takeDer(version.rest, DER_TAG.octetString);
  if (!isVersion(version, 1) || secret === undefined) {
    return reject('key-malformed', 'the P-256 key is not an ECPrivateKey in DER');
  }
  if (!isScalar(secret.contents)) {
    return reject('key-malformed', 'the private key is not a P-256 scalar');
  }
  const key = { curve: 'p256', privateKey: copyBytes(secret.contents) } as const;
  return isOwnHalf(secret.rest, agreementPointOf(key).point)
    ? accept(key)
    : reject('key-malformed', 'what stands behind the P-256 scalar is not its own public half');
}

/** Whether the optional parts of an ECPrivateKey are what they have to be, or not there. */
function isOwnHalf(parts: Uint8Array, point: Uint8Array): boolean {
  const named = takeDer(parts, DER_TAG.context0);
  const curve = named && takeOnlyDer(named.contents, DER_TAG.objectIdentifier);
  if (named !== undefined && !(curve !== undefined && equalBytes(curve, OID.p256))) return false;
  const rest = named?.rest ?? parts;
  if (rest.byteLength === 0) return true;
  const half = takeOnlyDer(rest, DER_TAG.context1);
  const bits = half && takeOnlyDer(half, DER_TAG.bitString);
  return bits?.[0] === 0 && equalBytes(bits.subarray(1), point);
}

/** RFC 8410 §7: an OCTET STRING in the OCTET STRING. */
function decodeX25519Key(contents: Uint8Array): KeyVerdict<AgreementKey> {
  const secret = takeOnlyDer(contents, DER_TAG.octetString);
  return secret?.byteLength === AGREEMENT_KEY_SIZE_BYTES
    ? accept({ curve: 'x25519', privateKey: copyBytes(secret) })
    : reject('key-malformed', `an X25519 key has ${AGREEMENT_KEY_SIZE_BYTES} bytes`);
}

function isVersion(element: DerElement | undefined, version: number): boolean {
  return element?.contents.byteLength === 1 && element.contents[0] === version;
}

function isScalar(bytes: Uint8Array): boolean {
  return bytes.byteLength === AGREEMENT_KEY_SIZE_BYTES && p256.utils.isValidSecretKey(bytes);
}

/** RFC 7748 §6.1: a point of low order makes the secret all zeros, whatever the other key is. */
function isX25519Point(point: Uint8Array): boolean {
  if (point.byteLength !== X25519_POINT_SIZE_BYTES) return false;
  try {
    x25519.getSharedSecret(new Uint8Array(AGREEMENT_KEY_SIZE_BYTES).fill(1), point);
    return true;
  } catch {
    return false;
  }
}
