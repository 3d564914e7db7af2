import { decodeBase64 } from './base64.js';

/** A private key in PEM takes less than 3 KiB; text before it takes some more. */
export const PEM_SIZE_BYTES_MAX = 16_384;

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----/;

/** What stands between the lines of a PEM file. */
export interface PemBlock {
  /** Such as `PRIVATE KEY`. */
  readonly label: string;
  readonly der: Uint8Array;
}

/**
 * The first block of a PEM file (RFC 7468 §3, the form that takes any whitespace in it), with
 * any text around it. Undefined when there is none, or the file is longer than any key.
 */
export function decodePem(file: Uint8Array): PemBlock | undefined {
  if (file.byteLength > PEM_SIZE_BYTES_MAX) return undefined;
  const text = Array.from(file, (byte) => String.fromCharCode(byte)).join('');
  const match = BLOCK.exec(text);
  if (match === null) return undefined;
  const [, label = '', body = ''] = match;
  const der = decodeBase64(body.replace(/\s/g, ''));
  return der && { label, der };
}
