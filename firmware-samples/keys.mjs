// The test keys. They are in the open, so that nobody mistakes them for anything else.
import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MARK = [
  'TEST KEY. Its private half is published with the Brickproof project.',
  'Never let a product trust it.',
].join('\n');

/** What PKCS #8 has before the 32 bytes of a key. */
const P256_PREFIX = '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420';
const ED25519_PREFIX = '302e020100300506032b657004220420';
const X25519_PREFIX = '302e020100300506032b656e04220420';

const DECRYPTION_MARK = [
  'TEST KEY. It is published with the Brickproof project.',
  'Never let a product decrypt with it.',
].join('\n');

/** Every key by name: its algorithm, and whether the sample devices trust it. */
export const KEYS = {
  'ecdsa-p256': { algorithm: 'ecdsa-p256-sha256', trusted: true },
  ed25519: { algorithm: 'ed25519', trusted: true },
  'rsa-2048': { algorithm: 'rsa-2048-pss-sha256', trusted: true },
  'rsa-3072': { algorithm: 'rsa-3072-pss-sha256', trusted: true },
  unknown: { algorithm: 'ed25519', trusted: false },
};

/** Every decryption key by name: its curve, and whether it is a key of the sample devices. */
export const DECRYPTION_KEYS = {
  ec256: { curve: 'p256', ofDevice: true },
  x25519: { curve: 'x25519', ofDevice: true },
  'other-device': { curve: 'x25519', ofDevice: false },
};

/** Where a key is, from the samples' folder. */
export function keyFile(name) {
  return `keys/test-key-${name}.pem`;
}

/** Where a decryption key is, from the samples' folder. */
export function decryptionKeyFile(name) {
  return `decryption-keys/test-decryption-key-${name}.pem`;
}

/** The PEM of a key. One that is not there is made: from its name, or for RSA at random. */
export function readKey(folder, name) {
  return readOrMake(join(folder, keyFile(name)), MARK, () => makeKey(name));
}

/** The bytes of a decryption key's file. One that is not there is made from its name. */
export function readDecryptionKey(folder, name) {
  const path = join(folder, decryptionKeyFile(name));
  return Buffer.from(readOrMake(path, DECRYPTION_MARK, () => makeDecryptionKey(name)));
}

function readOrMake(path, mark, make) {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${mark}\n${make()}`);
  }
  return readFileSync(path, 'utf8');
}

function makeDecryptionKey(name) {
  const seed = createHash('sha256').update(`brickproof test decryption key ${name}`).digest();
  const prefix = DECRYPTION_KEYS[name].curve === 'p256' ? P256_PREFIX : X25519_PREFIX;
  return pem(pkcs8(prefix, seed));
}

function makeKey(name) {
  const seed = createHash('sha256').update(`brickproof test key ${name}`).digest();
  const { algorithm } = KEYS[name];
  switch (algorithm) {
    case 'ed25519':
      return pem(pkcs8(ED25519_PREFIX, seed));
    case 'ecdsa-p256-sha256':
      return pem(pkcs8(P256_PREFIX, seed));
    default: {
      const modulusLength = algorithm.includes('2048') ? 2048 : 3072;
      return pem(generateKeyPairSync('rsa', { modulusLength }).privateKey);
    }
  }
}

function pkcs8(prefix, secret) {
  const key = Buffer.concat([Buffer.from(prefix, 'hex'), secret]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function pem(key) {
  return key.export({ format: 'pem', type: 'pkcs8' });
}
