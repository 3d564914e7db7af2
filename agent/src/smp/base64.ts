const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 0x3d;
const NOT_IN_ALPHABET = 0x40;

const CHARACTERS: Uint8Array = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));

const VALUES: Uint8Array = new Uint8Array(256).fill(NOT_IN_ALPHABET);
CHARACTERS.forEach((character, value) => {
  VALUES[character] = value;
});

/** How many base64 characters, padding included, stand for so many bytes. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4;
}

/** Writes the base64 (RFC 4648 §4) of `bytes` into `target` at `offset`; answers where it ends. */
export function writeBase64(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  const whole = bytes.byteLength - (bytes.byteLength % 3);
  let at = offset;
  for (let i = 0; i < whole; i += 3) {
    const bits = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    target[at] = CHARACTERS[bits >> 18] ?? 0;
    target[at + 1] = CHARACTERS[(bits >> 12) & 0x3f] ?? 0;
    target[at + 2] = CHARACTERS[(bits >> 6) & 0x3f] ?? 0;
    target[at + 3] = CHARACTERS[bits & 0x3f] ?? 0;
    at += 4;
  }
  if (whole === bytes.byteLength) return at;
  const second = bytes[whole + 1];
  const bits = ((bytes[whole] ?? 0) << 16) | ((second ?? 0) << 8);
  target[at] = CHARACTERS[bits >> 18] ?? 0;
  target[at + 1] = CHARACTERS[(bits >> 12) & 0x3f] ?? 0;
  target[at + 2] = second === undefined ? PADDING : (CHARACTERS[(bits >> 6) & 0x3f] ?? 0);
  target[at + 3] = PADDING;
  return at + 4;
}

/**
 * Decodes base64 characters. Undefined for what no encoder writes: other characters, missing or
 * early padding, or bits after the last byte that are not zero (RFC 4648 §3.3 and §3.5).
 */
export function decodeBase64(characters: Uint8Array): Uint8Array | undefined {
  const length = characters.byteLength;
  if (length % 4 !== 0) return undefined;
  if (length === 0) return new Uint8Array(0);
  const padded = paddingLength(characters);
  const bytes = new Uint8Array((length / 4) * 3 - padded);
  const whole = padded === 0 ? length : length - 4;
  let at = 0;
  let seen = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = VALUES[characters[i] ?? 0] ?? 0;
    const b = VALUES[characters[i + 1] ?? 0] ?? 0;
    const c = VALUES[characters[i + 2] ?? 0] ?? 0;
    const d = VALUES[characters[i + 3] ?? 0] ?? 0;
    seen |= a | b | c | d;
    bytes[at] = (a << 2) | (b >> 4);
    bytes[at + 1] = (b << 4) | (c >> 2);
    bytes[at + 2] = (c << 6) | d;
    at += 3;
  }
  if ((seen & NOT_IN_ALPHABET) !== 0) return undefined;
  if (padded > 0 && !decodePadded(characters.subarray(whole), bytes.subarray(at))) return undefined;
  return bytes;
}

function paddingLength(characters: Uint8Array): number {
  if (characters[characters.byteLength - 1] !== PADDING) return 0;
  return characters[characters.byteLength - 2] === PADDING ? 2 : 1;
}

/** The last four characters, when they stand for one or two bytes. */
function decodePadded(characters: Uint8Array, target: Uint8Array): boolean {
  const a = VALUES[characters[0] ?? 0] ?? 0;
  const b = VALUES[characters[1] ?? 0] ?? 0;
  const c = target.byteLength === 2 ? (VALUES[characters[2] ?? 0] ?? 0) : 0;
  if (((a | b | c) & NOT_IN_ALPHABET) !== 0) return false;
  const unused = target.byteLength === 2 ? c & 0b11 : b & 0b1111;
  target[0] = (a << 2) | (b >> 4);
  if (target.byteLength === 2) target[1] = (b << 4) | (c >> 2);
  return unused === 0;
}
