import { loadVerificationKey } from '@brickproof/agent/node';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accept, reject, type Verdict, type VerificationKey } from '@brickproof/bootloader-sim';
import type { DeviceModelName } from '../board/device-model.js';

/** Why a sample cannot be used. */
export type SampleRejectCode = 'sample-missing';

/** The folder of the sample images, in a checkout. */
export const SAMPLES_FOLDER: string = fileURLToPath(
  new URL('../../../firmware-samples', import.meta.url),
);

const KEYS_FOLDER = 'keys';
const TRUSTED_KEY = /^(?!.*unknown).*\.pem$/;

/** One sample image. Refuses `sample-missing`, with what to do. */
export function readSample(
  model: DeviceModelName,
  name: string,
): Verdict<Uint8Array, SampleRejectCode> {
  const path = join(SAMPLES_FOLDER, model, name);
  if (!existsSync(path)) {
    return reject(
      'sample-missing',
      `there is no sample ${model}/${name}; run this in a checkout, or name an image with --image`,
    );
  }
  return accept(new Uint8Array(readFileSync(path)));
}

/** The files of the test keys that sample boards trust: all of the folder but the unknown one. */
export function sampleKeyPaths(): readonly string[] {
  const folder = join(SAMPLES_FOLDER, KEYS_FOLDER);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((file) => TRUSTED_KEY.test(file));
  return names.toSorted().map((name) => join(folder, name));
}

/** The test keys that sample boards trust. Refuses `sample-missing`, with what to do. */
export function readSampleKeys(): Verdict<readonly VerificationKey[], SampleRejectCode> {
  const keys: VerificationKey[] = [];
  for (const path of sampleKeyPaths()) {
    const key = loadVerificationKey(readFileSync(path, 'utf8'));
    if (key.ok) keys.push(key.value);
  }
  return keys.length > 0
    ? accept(keys)
    : reject(
        'sample-missing',
        'the sample keys are not here; run this in a checkout, or name a key with --key',
      );
}
