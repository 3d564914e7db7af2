const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Base64 for URLs, without padding (RFC 4648 §5): how a JSON Web Key writes its numbers. */
export function encodeBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.byteLength; at += 3) {
    const group = bytes.subarray(at, at + 3);
    const [first = 0, second = 0, third = 0] = group;
    const bits = (first << 16) | (second << 8) | third;
    for (let index = 0; index <= group.byteLength; index += 1) {
      text += ALPHABET.charAt((bits >> (18 - 6 * index)) & 0x3f);
    }
  }
  return text;
}
