import * as nodeCrypto from 'node:crypto';
import {
  accept,
  parsePublicKey,
  reject,
  type KeyRejectCode,
  type SignatureAlgorithm,
  type SignedMessage,
  type SigningKey,
  type VerificationKey,
  type Verdict,
} from '@brickproof/bootloader-sim';

/** MCUboot and imgtool use a salt as long as the hash. */
const PSS_SALT_SIZE_BYTES = 32;

/** A private key in PEM takes less than 3 KiB. */
const PEM_LENGTH_MAX = 16_384;

/**
 * A private key from PEM (PKCS #8, SEC 1 or PKCS #1, not encrypted): ECDSA P-256, Ed25519, RSA with
 * 2048 or 3072 bits. Refuses `key-malformed`, and `key-unsupported` for any other kind of key.
 */
export function loadSigningKey(pem: string): Verdict<SigningKey, KeyRejectCode> {
  const key = readPem(pem, nodeCrypto.createPrivateKey);
  if (key === undefined) {
    return reject('key-malformed', 'this is not a private key in PEM without a passphrase');
  }
  const verificationKey = verificationKeyOf(nodeCrypto.createPublicKey(key));
  if (!verificationKey.ok) return verificationKey;
  const { algorithm } = verificationKey.value;
  return accept({
    verificationKey: verificationKey.value,
    sign: (message) => sign(algorithm, key, message),
  });
}

/** A public key from PEM; from a private key its public half. Refuses as `loadSigningKey`. */
export function loadVerificationKey(pem: string): Verdict<VerificationKey, KeyRejectCode> {
  const key = readPem(pem, nodeCrypto.createPublicKey);
  return key === undefined
    ? reject('key-malformed', 'this is not a key in PEM without a passphrase')
    : verificationKeyOf(key);
}

function readPem(
  pem: string,
  create: (pem: string) => nodeCrypto.KeyObject,
): nodeCrypto.KeyObject | undefined {
  if (pem.length > PEM_LENGTH_MAX) return undefined;
  try {
    return create(pem);
  } catch {
    return undefined;
  }
}

function verificationKeyOf(key: nodeCrypto.KeyObject): Verdict<VerificationKey, KeyRejectCode> {
  return parsePublicKey(new Uint8Array(key.export({ format: 'der', type: 'spki' })));
}

function sign(
  algorithm: SignatureAlgorithm,
  key: nodeCrypto.KeyObject,
  message: SignedMessage,
): Uint8Array {
  if (algorithm === 'ed25519') {
    return new Uint8Array(nodeCrypto.sign(null, Buffer.concat([...message.chunks()]), key));
  }
  const signer = nodeCrypto.createSign('sha256');
  for (const chunk of message.chunks()) signer.update(chunk);
  return new Uint8Array(
    algorithm === 'ecdsa-p256-sha256'
      ? signer.sign({ key, dsaEncoding: 'der' })
      : signer.sign({
          key,
          padding: nodeCrypto.constants.RSA_PKCS1_PSS_PADDING,
          saltLength: PSS_SALT_SIZE_BYTES,
        }),
  );
}
