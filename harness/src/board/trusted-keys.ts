import { basename } from 'node:path';
import { loadVerificationKey } from '@brickproof/agent/node';
import { accept, reject, type Verdict, type VerificationKey } from '@brickproof/bootloader-sim';
import { readFileText } from '../cli/files.js';
import { sampleKeyPaths } from '../samples/sample-set.js';

/** A key that a bootloader trusts, by the name of its file. */
export interface TrustedKey {
  readonly name: string;
  readonly key: VerificationKey;
}

/** The keys of PEM files. Refuses `key-unusable`. */
export function readTrustedKeys(
  paths: readonly string[],
): Verdict<readonly TrustedKey[], 'key-unusable'> {
  const keys: TrustedKey[] = [];
  for (const path of paths) {
    const pem = readFileText(path);
    if (!pem.ok) return reject('key-unusable', pem.detail);
    const key = loadVerificationKey(pem.value);
    if (!key.ok) return reject('key-unusable', `${path}: ${key.detail}`);
    keys.push({ name: basename(path), key: key.value });
  }
  return accept(keys);
}

/** As `readTrustedKeys`; the test keys of the samples where no file is named. */
export function readTrustedOrSampleKeys(
  paths: readonly string[],
): Verdict<readonly TrustedKey[], 'key-unusable'> {
  return readTrustedKeys(paths.length > 0 ? paths : sampleKeyPaths());
}
