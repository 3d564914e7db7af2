import * as nodeCrypto from 'node:crypto';
import {
  createNobleSigningKey,
  type AgreementCurve,
  type AgreementKey,
  type RawPrivateKey,
  type SignatureAlgorithm,
  type SigningKey,
} from '@brickproof/bootloader-sim';
import { loadSigningKey } from '@brickproof/harness';

/** A key that is the same in each run. */
export function fixedKey(algorithm: RawPrivateKey['algorithm'], filler = 7): SigningKey {
  const key = createNobleSigningKey({ algorithm, bytes: new Uint8Array(32).fill(filler) });
  if (!key.ok) throw new Error(key.detail);
  return key.value;
}

/** A key to agree with that is the same in each run. */
export function agreementKey(curve: AgreementCurve, filler = 7): AgreementKey {
  return { curve, privateKey: new Uint8Array(32).fill(filler) };
}

/** An RSA key; each run has another. */
export function rsaKey(modulusLength: 2048 | 3072): SigningKey {
  const { privateKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength });
  return signingKeyOf(privateKey);
}

/** The signing key of a key object. */
export function signingKeyOf(privateKey: nodeCrypto.KeyObject): SigningKey {
  const key = loadSigningKey(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  if (!key.ok) throw new Error(key.detail);
  return key.value;
}

let allKeys: Readonly<Record<SignatureAlgorithm, SigningKey>> | undefined;

/** One key for each algorithm; RSA keys take long to make, so they are made once. */
export function keysOfAllAlgorithms(): Readonly<Record<SignatureAlgorithm, SigningKey>> {
  allKeys ??= {
    'ecdsa-p256-sha256': fixedKey('ecdsa-p256-sha256'),
    ed25519: fixedKey('ed25519'),
    'rsa-2048-pss-sha256': rsaKey(2048),
    'rsa-3072-pss-sha256': rsaKey(3072),
  };
  return allKeys;
}

/** Bytes from hexadecimal digits. */
export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}
