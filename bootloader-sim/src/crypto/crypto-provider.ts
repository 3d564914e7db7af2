/**
 * The signature algorithms of MCUboot images. The key pins the algorithm; a message never chooses.
 */
export type SignatureAlgorithm =
  'ecdsa-p256-sha256' | 'ed25519' | 'rsa-2048-pss-sha256' | 'rsa-3072-pss-sha256';

/** A hash that is fed as bytes arrive. `digest` ends it; neither method may be called after. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  digest(): Uint8Array;
}

/** A public key and the one algorithm it may be used with. */
export interface VerificationKey {
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER (RFC 5280 §4.1.2.7). */
  readonly spki: Uint8Array;
}

/** A private key: able to sign, not to be read. */
export interface SigningKey {
  readonly verificationKey: VerificationKey;
  /** Signs the message. ECDSA answers DER (RFC 3279 §2.2.3), RSA-PSS has a 32-byte salt. */
  sign(message: SignedMessage): Uint8Array;
}

/**
 * A message together with its SHA-256. A provider that can verify from the digest need not read
 * the message again; one that cannot reads `chunks`.
 */
export interface SignedMessage {
  readonly sha256: Uint8Array;
  chunks(): Iterable<Uint8Array>;
}

/** `unsupported`: this provider lacks the algorithm; never to be taken as an acceptance. */
export type SignatureCheck = 'valid' | 'invalid' | 'unsupported';

/**
 * The primitives everything above is built on. Two providers answer alike: noble where there is
 * only JavaScript, `node:crypto` where there is Node.
 */
export interface CryptoProvider {
  readonly name: string;
  sha256(): Hasher;
  /** Never throws, whatever the bytes: malformed keys and signatures are `invalid`. */
  verify(key: VerificationKey, message: SignedMessage, signature: Uint8Array): SignatureCheck;
}
