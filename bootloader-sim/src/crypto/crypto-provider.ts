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

/** The curves on which two parties agree on a secret (SP 800-56A §5.7.1.2, RFC 7748 §6.1). */
export type AgreementCurve = 'p256' | 'x25519';

/** A private key to agree with. */
export interface AgreementKey {
  readonly curve: AgreementCurve;
  /** 32 bytes: a P-256 scalar, big-endian, or what X25519 makes its scalar of (RFC 7748 §5). */
  readonly privateKey: Uint8Array;
}

/** The public half of an agreement key. */
export interface AgreementPoint {
  readonly curve: AgreementCurve;
  /** P-256: 0x04, x and y (SEC 1 §2.3.3), 65 bytes. X25519: u, 32 bytes. */
  readonly point: Uint8Array;
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
  /** HMAC with SHA-256 (RFC 2104). */
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  /**
   * AES in counter mode (SP 800-38A §6.5) from a counter block of 16 bytes on, which counts as one
   * big-endian number; encrypts and decrypts. AES-128 for a key of 16 bytes, AES-256 for one of 32;
   * throws for any other. Answers an array of its own.
   */
  aesCtr(key: Uint8Array, counterBlock: Uint8Array, bytes: Uint8Array): Uint8Array;
  /**
   * 32 bytes: the x coordinate, or u. Undefined for bytes that are no point of the key's curve,
   * and for points of low order, whose secret anyone knows.
   */
  sharedSecret(key: AgreementKey, publicPoint: Uint8Array): Uint8Array | undefined;
}
