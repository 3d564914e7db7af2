import * as nodeCrypto from 'node:crypto';
import { PEM_LENGTH_MAX, verificationKeyOf } from '@brickproof/agent/node';
import {
  accept,
  reject,
  type KeyRejectCode,
  type SignatureAlgorithm,
  type SignedMessage,
  type SigningKey,
  type Verdict,
} from '@brickproof/bootloader-sim';

/** MCUboot and imgtool use a salt as long as the hash. */
const PSS_SALT_SIZE_BYTES = 32;

/**
 * A private key from PEM (PKCS #8, SEC 1 or PKCS #1, not encrypted): ECDSA P-256, Ed25519, RSA with
 * 2048 or 3072 bits. Refuses `key-malformed`, and `key-unsupported` for any other kind of key.
 */
export function loadSigningKey(pem: string): Verdict<SigningKey, KeyRejectCode> {
  const key = readPrivateKey(pem);
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

function readPrivateKey(pem: string): nodeCrypto.KeyObject | undefined {
  if (pem.length > PEM_LENGTH_MAX) return undefined;
  try {
    return nodeCrypto.createPrivateKey(pem);
  } catch {
    return undefined;
  }
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
