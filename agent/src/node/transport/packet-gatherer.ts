const PUBLISH = 3;
/** PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK: each begins with a packet identifier. */
const ACKNOWLEDGEMENTS: ReadonlySet<number> = new Set([4, 5, 6, 7, 9, 11]);
const IDENTIFIER_BYTES = 2;
const TYPE_SHIFT = 4;
/** Set in a PUBLISH of QoS 2, and of 3, which there is not. */
const ABOVE_QOS_1 = 0x04;
/** One byte of type and flags, and up to four of length (MQTT 3.1.1 §2.2). */
const FIXED_HEADER_BYTES_MAX = 5;
const LENGTH_BITS = 7;
const LENGTH_MORE = 0x80;
const LENGTH_MASK = 0x7f;

/** Why packets cannot be followed. */
export type PacketRejectCode = 'mqtt-packet-too-large' | 'mqtt-packet-malformed';

/**
 * Gathers the packets of a stream, each into one buffer that is used again, and keeps each within
 * a size: of a longer PUBLISH only the beginning goes on, as a whole packet of its own, and the
 * rest is dropped as it arrives. The reader then sees a message that is too long for it, and
 * acknowledges it, without ever having held it. No other packet may be longer. What the reader
 * would trip over is refused: an acknowledgement without its identifier, and a message of QoS 2.
 */
export class PacketGatherer {
  readonly #remainingBytesMax: number;
  readonly #emit: (packet: Uint8Array) => void;
  #buffer: Uint8Array;
  /** Of the packet that is under way. */
  #gatheredBytes = 0;
  /** Undefined until its fixed header is whole. */
  #lackingBytes: number | undefined;
  #dropBytes = 0;
  #trimmed = 0;

  /** `remainingBytesMax`: the most that may follow a fixed header. */
  constructor(remainingBytesMax: number, emit: (packet: Uint8Array) => void) {
    this.#remainingBytesMax = remainingBytesMax;
    this.#emit = emit;
    this.#buffer = this.#newBuffer();
  }

  /** How many messages were cut short. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** To be called by whoever keeps a packet that it was given: the next ones go elsewhere. */
  leaveBuffer(): void {
    const old = this.#buffer;
    this.#buffer = this.#newBuffer();
    this.#buffer.set(old.subarray(0, this.#gatheredBytes));
  }

  /** The next bytes of the stream. */
  take(chunk: Uint8Array): PacketRejectCode | undefined {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#dropBytes > 0 && this.#lackingBytes === undefined) {
        const count = Math.min(chunk.byteLength - at, this.#dropBytes);
        this.#dropBytes -= count;
        at += count;
      } else if (this.#lackingBytes === undefined) {
        const problem = this.#takeHeaderByte(chunk[at] ?? 0);
        if (problem !== undefined) return problem;
        at += 1;
      } else {
        const count = Math.min(chunk.byteLength - at, this.#lackingBytes);
        this.#buffer.set(chunk.subarray(at, at + count), this.#gatheredBytes);
        this.#gatheredBytes += count;
        this.#lackingBytes -= count;
        at += count;
      }
      if (this.#lackingBytes === 0) this.#finish();
    }
    return undefined;
  }

  #finish(): void {
    const packet = this.#buffer.subarray(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    this.#lackingBytes = undefined;
    this.#emit(packet);
  }

  #takeHeaderByte(byte: number): PacketRejectCode | undefined {
    this.#buffer[this.#gatheredBytes] = byte;
    this.#gatheredBytes += 1;
    if (this.#gatheredBytes === 1) return checkFirstByte(byte);
    if ((byte & LENGTH_MORE) !== 0) {
      return this.#gatheredBytes < FIXED_HEADER_BYTES_MAX ? undefined : 'mqtt-packet-malformed';
    }
    const lengthBytes = decodeLength(this.#buffer.subarray(1, this.#gatheredBytes));
    const type = (this.#buffer[0] ?? 0) >> TYPE_SHIFT;
    if (lengthBytes < IDENTIFIER_BYTES && ACKNOWLEDGEMENTS.has(type)) {
      return 'mqtt-packet-malformed';
    }
    this.#lackingBytes = Math.min(lengthBytes, this.#remainingBytesMax);
    this.#dropBytes = lengthBytes - this.#lackingBytes;
    if (this.#dropBytes === 0) return undefined;
    if (type !== PUBLISH) return 'mqtt-packet-too-large';
    this.#trimmed += 1;
    const length = encodeLength(this.#remainingBytesMax);
    this.#buffer.set(length, 1);
    this.#gatheredBytes = 1 + length.length;
    return undefined;
  }

  #newBuffer(): Uint8Array {
    return new Uint8Array(FIXED_HEADER_BYTES_MAX + this.#remainingBytesMax);
  }
}

// Subscriptions are for QoS 1, so no broker may send more (MQTT 3.1.1 §3.8.4). One that did would
// have it delivered when the buffer has long been used again.
function checkFirstByte(byte: number): PacketRejectCode | undefined {
  const isRefused = byte >> TYPE_SHIFT === PUBLISH && (byte & ABOVE_QOS_1) !== 0;
  return isRefused ? 'mqtt-packet-malformed' : undefined;
}

function decodeLength(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * (1 << LENGTH_BITS) + (byte & LENGTH_MASK), 0);
}

function encodeLength(length: number): readonly number[] {
  const low = length & LENGTH_MASK;
  const high = length >> LENGTH_BITS;
  return high === 0 ? [low] : [low | LENGTH_MORE, ...encodeLength(high)];
}
