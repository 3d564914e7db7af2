import { parseDecryptionKey, parseEncryptionKey, reject } from '@brickproof/bootloader-sim';
import type {
  AgreementKey,
  AgreementPoint,
  KeyRejectCode,
  Verdict,
} from '@brickproof/bootloader-sim';
import { readFileBytes } from './files.js';

/** The decryption key of a device, from a file. Refuses `key-unusable`. */
export function readDecryptionKey(path: string): Verdict<AgreementKey, 'key-unusable'> {
  return readKeyFile(path, parseDecryptionKey);
}

/** What images for a device are encrypted with, from a file. Refuses `key-unusable`. */
export function readEncryptionKey(path: string): Verdict<AgreementPoint, 'key-unusable'> {
  return readKeyFile(path, parseEncryptionKey);
}

function readKeyFile<Key>(
  path: string,
  parse: (file: Uint8Array) => Verdict<Key, KeyRejectCode>,
): Verdict<Key, 'key-unusable'> {
  const file = readFileBytes(path);
  if (!file.ok) return reject('key-unusable', file.detail);
  const key = parse(file.value);
  return key.ok ? key : reject('key-unusable', `${path}: ${key.detail}`);
}
