/** The DER tags that keys and signatures use (ITU-T X.690 §8). */
export const DER_TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  nullValue: 0x05,
  objectIdentifier: 0x06,
  sequence: 0x30,
  /** [0] and [1] of a structure's own (X.690 §8.14), constructed. */
  context0: 0xa0,
  context1: 0xa1,
} as const;

const LONG_FORM = 0x80;
/** Two length bytes reach 65535: an RSA-3072 key has 422 bytes. */
const LENGTH_BYTES_MAX = 2;

/** One element: its contents, and what follows it. Both are views. */
export interface DerElement {
  readonly contents: Uint8Array;
  readonly rest: Uint8Array;
}

/**
 * Takes the element with this tag off the front, or undefined when there is another tag, a length
 * that is not in its shortest form (X.690 §10.1), or fewer bytes than it claims.
 */
export function takeDer(bytes: Uint8Array, tag: number): DerElement | undefined {
  if (bytes[0] !== tag) return undefined;
  const length = readLength(bytes);
  if (length === undefined) return undefined;
  const end = length.offset + length.value;
  if (end > bytes.byteLength) return undefined;
  return { contents: bytes.subarray(length.offset, end), rest: bytes.subarray(end) };
}

/** As `takeDer`, for an element that nothing may follow. */
export function takeOnlyDer(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  const element = takeDer(bytes, tag);
  return element?.rest.byteLength === 0 ? element.contents : undefined;
}

/**
 * The magnitude of a non-negative INTEGER without its sign byte, from its contents; undefined when
 * it is negative or not in its shortest form (X.690 §8.3.2). Zero is one zero byte.
 */
export function derUnsigned(contents: Uint8Array): Uint8Array | undefined {
  const [first, second] = contents;
  if (first === undefined || first >= 0x80) return undefined;
  if (first !== 0 || second === undefined) return contents;
  return second >= 0x80 ? contents.subarray(1) : undefined;
}

/** Writes one element. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const head = [tag, ...encodeLength(length)];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

function encodeLength(length: number): readonly number[] {
  if (length < LONG_FORM) return [length];
  return length < 0x100 ? [LONG_FORM | 1, length] : [LONG_FORM | 2, length >> 8, length & 0xff];
}

function readLength(
  bytes: Uint8Array,
): { readonly value: number; readonly offset: number } | undefined {
  const first = bytes[1];
  if (first === undefined) return undefined;
  if (first < LONG_FORM) return { value: first, offset: 2 };
  const count = first - LONG_FORM;
  if (count === 0 || count > LENGTH_BYTES_MAX) return undefined;
  let value = 0;
  for (let index = 0; index < count; index += 1) {
    const byte = bytes[2 + index];
    if (byte === undefined) return undefined;
    value = value * 0x100 + byte;
  }
  const isShortest = count === 1 ? value >= LONG_FORM : value >= 0x100;
  return isShortest ? { value, offset: 2 + count } : undefined;
}
