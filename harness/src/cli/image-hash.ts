import { accept, imageSourceFromBytes, readImageSummary, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { readFileBytes } from './files.js';

const HASH_PATTERN = /^[0-9a-f]{64}$/i;

/**
 * The hash that names an image to a device: given as 64 hexadecimal digits, or read from an image
 * file. Refuses `hash-malformed`.
 */
export function readImageHash(text: string): Verdict<Uint8Array, 'hash-malformed'> {
  if (HASH_PATTERN.test(text)) return accept(Uint8Array.from(Buffer.from(text, 'hex')));
  const file = readFileBytes(text);
  if (!file.ok) {
    const form = 'give 64 hexadecimal digits, or the path of the image';
    return reject('hash-malformed', `"${text}" is neither a hash nor a readable file; ${form}`);
  }
  const summary = readImageSummary(imageSourceFromBytes(file.value));
  if (!summary.ok) {
    return reject('hash-malformed', `${text} is not a firmware image: ${summary.detail}`);
  }
  return accept(summary.value.hash);
}

/** Bytes as hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
