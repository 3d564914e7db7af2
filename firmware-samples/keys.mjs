// The test keys. They are in the open, so that nobody mistakes them for anything else.
import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MARK = [
  'TEST KEY. Its private half is published with the Brickproof project.',
  'Never let a product trust it.',
].join('\n');

/** Every key by name: its algorithm, and whether the sample devices trust it. */
export const KEYS = {
  'ecdsa-p256': { algorithm: 'ecdsa-p256-sha256', trusted: true },
  ed25519: { algorithm: 'ed25519', trusted: true },
  'rsa-2048': { algorithm: 'rsa-2048-pss-sha256', trusted: true },
  'rsa-3072': { algorithm: 'rsa-3072-pss-sha256', trusted: true },
  unknown: { algorithm: 'ed25519', trusted: false },
};

/** Where a key is, from the samples' folder. */
export function keyFile(name) {
  return `keys/test-key-${name}.pem`;
}

/** The PEM of a key. One that is not there is made: from its name, or for RSA at random. */
export function readKey(folder, name) {
  const path = join(folder, keyFile(name));
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${MARK}\n${makeKey(name)}`);
  }
  return readFileSync(path, 'utf8');
}

function makeKey(name) {
  const seed = createHash('sha256').update(`brickproof test key ${name}`).digest();
  const { algorithm } = KEYS[name];
  switch (algorithm) {
    case 'ed25519':
      return pem(pkcs8('302e020100300506032b657004220420', seed));
    case 'ecdsa-p256-sha256':
      return pem(
        pkcs8('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', seed),
      );
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
