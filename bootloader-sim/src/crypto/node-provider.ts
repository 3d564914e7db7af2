import { agreementPointOf, pointSizeBytes } from './agreement-key.js';
import { encodeBase64Url } from './base64url.js';
import { joinChunks } from './bytes.js';
import { aesKeyBits } from './content-cipher.js';
import type {
  AgreementKey,
  AgreementPoint,
  CryptoProvider,
  Hasher,
  SignatureCheck,
  SignedMessage,
  VerificationKey,
} from './crypto-provider.js';
import { parseEcdsaSignature } from './ecdsa-signature.js';
import { verifyEmsaPss } from './emsa-pss.js';
import { isP256Point, materialOf, type PublicKeyMaterial } from './public-key.js';

/** A public key as a JSON Web Key (RFC 7518 §6, RFC 8037 §2), numbers in base64url. */
export type PublicJsonWebKey =
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519' | 'X25519'; readonly x: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string };

/** The private half beside it. */
export type PrivateJsonWebKey = PublicJsonWebKey & { readonly d: string };

/** The part of `node:crypto` that is used. `KeyObject` is whatever its `createPublicKey` makes. */
export interface NodeCryptoModule<KeyObject extends object> {
  readonly constants: { readonly RSA_NO_PADDING: number };
  createHash(algorithm: 'sha256'): NodeHash;
  createPublicKey(input: { readonly key: PublicJsonWebKey; readonly format: 'jwk' }): KeyObject;
  createPrivateKey(input: {
    readonly key: PrivateJsonWebKey;
    readonly format: 'jwk';
  }): NoInfer<KeyObject>;
  createHmac(algorithm: 'sha256', key: Uint8Array): NodeHash;
  createCipheriv(
    algorithm: 'aes-128-ctr' | 'aes-256-ctr',
    key: Uint8Array,
    counterBlock: Uint8Array,
  ): NodeCipher;
  diffieHellman(keys: {
    readonly privateKey: NoInfer<KeyObject>;
    readonly publicKey: NoInfer<KeyObject>;
  }): Uint8Array;
  createVerify(algorithm: 'sha256'): NodeVerify<NoInfer<KeyObject>>;
  verify(
    algorithm: null,
    data: Uint8Array,
    key: NoInfer<KeyObject>,
    signature: Uint8Array,
  ): boolean;
  publicDecrypt(
    options: { readonly key: NoInfer<KeyObject>; readonly padding: number },
    data: Uint8Array,
  ): Uint8Array;
}

/** `node:crypto`'s Hash and Hmac. */
export interface NodeHash {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** `node:crypto`'s Cipher, of a mode that has all bytes out at once. */
export interface NodeCipher {
  update(data: Uint8Array): Uint8Array;
}

/** `node:crypto`'s Verify. */
export interface NodeVerify<KeyObject extends object> {
  update(data: Uint8Array): unknown;
  verify(
    options: { readonly key: KeyObject; readonly dsaEncoding: 'ieee-p1363' },
    signature: Uint8Array,
  ): boolean;
}

interface PreparedKey<KeyObject> {
  readonly material: PublicKeyMaterial;
  readonly keyObject: KeyObject;
}

/**
 * Runs on `node:crypto`, handed in so that nothing here depends on Node. A key is read once, by
 * our own parser, and kept for as long as the key object given here lives.
 */
export function createNodeCrypto<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
): CryptoProvider {
  const prepared = new WeakMap<VerificationKey, PreparedKey<KeyObject> | 'malformed'>();
  const agreementKeys = new WeakMap<AgreementKey, KeyObject>();

  function prepare(key: VerificationKey): PreparedKey<KeyObject> | 'malformed' {
    const known = prepared.get(key);
    if (known !== undefined) return known;
    const fresh = prepareKey(node, key);
    prepared.set(key, fresh);
    return fresh;
  }

  function prepareAgreement(key: AgreementKey): KeyObject {
    const known = agreementKeys.get(key);
    if (known !== undefined) return known;
    const d = encodeBase64Url(key.privateKey);
    const jwk = { ...agreementJsonWebKey(agreementPointOf(key)), d };
    const fresh = node.createPrivateKey({ key: jwk, format: 'jwk' });
    agreementKeys.set(key, fresh);
    return fresh;
  }

  const provider: CryptoProvider = {
    name: 'node:crypto',
    sha256: () => nodeSha256(node),
    verify: (key, message, signature) => {
      const known = prepare(key);
      if (known === 'malformed') return 'invalid';
      return answer(verifyWith(node, provider, known, message, signature));
    },
    hmacSha256: (key, message) => {
      const hmac = node.createHmac('sha256', key);
      hmac.update(message);
      return new Uint8Array(hmac.digest());
    },
    aesCtr: (key, counterBlock, bytes) => {
      const algorithm = `aes-${aesKeyBits(key)}-ctr` as const;
      return new Uint8Array(node.createCipheriv(algorithm, key, counterBlock).update(bytes));
    },
    sharedSecret: (key, point) => {
      const publicKey = agreementPublicKey(node, { curve: key.curve, point });
      return publicKey && agree(node, prepareAgreement(key), publicKey);
    },
  };
  return provider;
}

function prepareKey<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
  key: VerificationKey,
): PreparedKey<KeyObject> | 'malformed' {
  const material = materialOf(key);
  if (material === undefined) return 'malformed';
  const keyObject = node.createPublicKey({ key: jsonWebKey(material), format: 'jwk' });
  return { material, keyObject };
}

function jsonWebKey(material: PublicKeyMaterial): PublicJsonWebKey {
  switch (material.algorithm) {
    case 'ecdsa-p256-sha256':
      return p256JsonWebKey(material.point);
    case 'ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: encodeBase64Url(material.point) };
    default: {
      const n = encodeBase64Url(material.modulus);
      return { kty: 'RSA', n, e: encodeBase64Url(material.exponent) };
    }
  }
}

function p256JsonWebKey(point: Uint8Array): PublicJsonWebKey {
  const x = encodeBase64Url(point.subarray(1, 33));
  return { kty: 'EC', crv: 'P-256', x, y: encodeBase64Url(point.subarray(33)) };
}

function nodeSha256<KeyObject extends object>(node: NodeCryptoModule<KeyObject>): Hasher {
  const hash = node.createHash('sha256');
  return {
    update: (chunk) => {
      hash.update(chunk);
    },
    // A plain array of its own: Node's answer is a view of a pool that other values share.
    digest: () => Uint8Array.from(hash.digest()),
  };
}

/** A public key of Node's; undefined for bytes that are no point, as our own check has it. */
function agreementPublicKey<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
  point: AgreementPoint,
): KeyObject | undefined {
  if (point.point.byteLength !== pointSizeBytes(point.curve)) return undefined;
  if (point.curve === 'p256' && !isP256Point(point.point)) return undefined;
  return node.createPublicKey({ key: agreementJsonWebKey(point), format: 'jwk' });
}

function agreementJsonWebKey({ curve, point }: AgreementPoint): PublicJsonWebKey {
  return curve === 'p256'
    ? p256JsonWebKey(point)
    : { kty: 'OKP', crv: 'X25519', x: encodeBase64Url(point) };
}

/** OpenSSL refuses the secret that points of low order have (RFC 7748 §6.1). */
function agree<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
  privateKey: NoInfer<KeyObject>,
  publicKey: NoInfer<KeyObject>,
): Uint8Array | undefined {
  try {
    return new Uint8Array(node.diffieHellman({ privateKey, publicKey }));
  } catch {
    return undefined;
  }
}

function verifyWith<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
  provider: CryptoProvider,
  key: PreparedKey<KeyObject>,
  message: SignedMessage,
  signature: Uint8Array,
): boolean {
  const { material } = key;
  switch (material.algorithm) {
    case 'ecdsa-p256-sha256':
      return verifyP256(node, key.keyObject, message, signature);
    case 'ed25519':
      return node.verify(null, joinChunks(message.chunks()), key.keyObject, signature);
    default: {
      // RFC 8017 §8.1.2 step 1: as long as the modulus; OpenSSL would take a shorter one.
      if (signature.byteLength !== material.modulus.byteLength) return false;
      const encoded = rsaPublicOperation(node, key.keyObject, signature);
      return encoded !== undefined && verifyEmsaPss(encoded, message.sha256, provider);
    }
  }
}

/** `node:crypto` has no ECDSA over a digest, so the message is read and hashed once more. */
function verifyP256<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
  key: KeyObject,
  message: SignedMessage,
  der: Uint8Array,
): boolean {
  const signature = parseEcdsaSignature(der);
  if (signature === undefined) return false;
  const verify = node.createVerify('sha256');
  for (const chunk of message.chunks()) verify.update(chunk);
  return verify.verify({ key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** RSAVP1 (RFC 8017 §5.2.2); undefined for a signature that is not below the modulus. */
function rsaPublicOperation<KeyObject extends object>(
  node: NodeCryptoModule<KeyObject>,
  key: KeyObject,
  signature: Uint8Array,
): Uint8Array | undefined {
  try {
    return node.publicDecrypt({ key, padding: node.constants.RSA_NO_PADDING }, signature);
  } catch {
    return undefined;
  }
}

function answer(valid: boolean): SignatureCheck {
  return valid ? 'valid' : 'invalid';
}
