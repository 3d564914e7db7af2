const PUBLISH = 3;
const TYPE_SHIFT = 4;
/** One byte of type and flags, and up to four of length (MQTT 3.1.1 §2.2). */
const FIXED_HEADER_BYTES_MAX = 5;
const LENGTH_BITS = 7;
const LENGTH_MORE = 0x80;
const LENGTH_MASK = 0x7f;

/** What a chunk becomes, or why the packets cannot be followed. */
export type TrimResult =
  | { readonly ok: true; readonly pieces: readonly Uint8Array[] }
  | { readonly ok: false; readonly code: 'mqtt-packet-too-large' | 'mqtt-packet-malformed' };

/**
 * Follows the packets in a stream and keeps each within a size: of a longer PUBLISH only the
 * beginning goes on, as a whole packet of its own, and the rest is dropped as it arrives. The
 * reader then sees a message that is too long for it, and acknowledges it, without ever having
 * held it. No other packet may be longer.
 */
export class PacketTrimmer {
  readonly #remainingBytesMax: number;
  readonly #header: Uint8Array = new Uint8Array(FIXED_HEADER_BYTES_MAX);
  #headerBytes = 0;
  /** Of the packet that is under way: what goes on, then what is dropped. */
  #passBytes = 0;
  #dropBytes = 0;
  #trimmed = 0;

  /** `remainingBytesMax`: the most that may follow a fixed header. */
  constructor(remainingBytesMax: number) {
    this.#remainingBytesMax = remainingBytesMax;
  }

  /** How many messages were cut short. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** The next bytes of the stream. The pieces are views of the chunk wherever they can be. */
  take(chunk: Uint8Array): TrimResult {
    const pieces: Uint8Array[] = [];
    // What goes on as it came: from here to where we are.
    let from = 0;
    let at = 0;
    const passUntil = (end: number): void => {
      if (end > from) pieces.push(chunk.subarray(from, end));
      from = at;
    };
    while (at < chunk.byteLength) {
      if (this.#passBytes > 0) {
        const count = Math.min(chunk.byteLength - at, this.#passBytes);
        this.#passBytes -= count;
        at += count;
      } else if (this.#dropBytes > 0) {
        passUntil(at);
        const count = Math.min(chunk.byteLength - at, this.#dropBytes);
        this.#dropBytes -= count;
        at += count;
        from = at;
      } else {
        const headerAt = at - this.#headerBytes;
        this.#header[this.#headerBytes] = chunk[at] ?? 0;
        this.#headerBytes += 1;
        at += 1;
        const header = this.#endHeader();
        if (typeof header === 'string') return { ok: false, code: header };
        if (header === undefined) continue;
        // Begun in the chunk before, or changed: it goes on by itself.
        if (headerAt < 0 || header.isChanged) {
          passUntil(headerAt);
          pieces.push(header.bytes);
        }
      }
    }
    passUntil(at - this.#headerBytes);
    return { ok: true, pieces };
  }

  /** The fixed header once it is whole; undefined before. */
  #endHeader():
    | { readonly bytes: Uint8Array; readonly isChanged: boolean }
    | Extract<TrimResult, { ok: false }>['code']
    | undefined {
    if (this.#headerBytes === 1) return undefined;
    if (((this.#header[this.#headerBytes - 1] ?? 0) & LENGTH_MORE) !== 0) {
      return this.#headerBytes < FIXED_HEADER_BYTES_MAX ? undefined : 'mqtt-packet-malformed';
    }
    const bytes = this.#header.slice(0, this.#headerBytes);
    this.#headerBytes = 0;
    const lengthBytes = decodeLength(bytes.subarray(1));
    this.#passBytes = Math.min(lengthBytes, this.#remainingBytesMax);
    this.#dropBytes = lengthBytes - this.#passBytes;
    if (this.#dropBytes === 0) return { bytes, isChanged: false };
    const first = bytes[0] ?? 0;
    if (first >> TYPE_SHIFT !== PUBLISH) return 'mqtt-packet-too-large';
    this.#trimmed += 1;
    const changed = Uint8Array.from([first, ...encodeLength(this.#remainingBytesMax)]);
    return { bytes: changed, isChanged: true };
  }
}

function decodeLength(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * (1 << LENGTH_BITS) + (byte & LENGTH_MASK), 0);
}

function encodeLength(length: number): readonly number[] {
  const low = length & LENGTH_MASK;
  const high = length >> LENGTH_BITS;
  return high === 0 ? [low] : [low | LENGTH_MORE, ...encodeLength(high)];
}
