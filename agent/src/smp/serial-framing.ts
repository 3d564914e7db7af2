import { base64Length, decodeBase64, writeBase64 } from './base64.js';
import { crc16Xmodem } from './crc16.js';

/** The longest line of the console framing: two marker bytes, base64, a newline. */
export const SERIAL_LINE_BYTES_MAX = 127;

/** The most base64 characters in one line: a multiple of four, so that each line stands alone. */
export const SERIAL_LINE_BASE64_MAX = 124;

/** What the base64 of one full line stands for. */
const SERIAL_LINE_PAYLOAD_MAX = (SERIAL_LINE_BASE64_MAX / 4) * 3;

/** The longest message whose length, CRC included, fits the 16-bit length field. */
export const SERIAL_MESSAGE_BYTES_MAX: number = 0xffff - 2;

const MARKER_BYTES = 2;
const LENGTH_BYTES = 2;
const CRC_BYTES = 2;
const START = [0x06, 0x09] as const;
const CONTINUATION = [0x04, 0x14] as const;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Why a frame, or the message it belongs to, was dropped. */
export type SerialDropCode =
  | 'serial-frame-too-long'
  | 'serial-frame-cut'
  | 'serial-base64-invalid'
  | 'serial-length-missing'
  | 'serial-length-invalid'
  | 'serial-message-too-large'
  | 'serial-message-cut'
  | 'serial-message-overrun'
  | 'serial-continuation-unexpected'
  | 'serial-crc-mismatch';

/** What came out of the byte stream. */
export type SerialEvent =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'console'; readonly bytes: Uint8Array }
  | { readonly kind: 'dropped'; readonly code: SerialDropCode; readonly detail: string };

/** All lines of one message: length, message and CRC in base64, cut into lines. */
export function encodeSerialFrames(message: Uint8Array): Uint8Array {
  if (message.byteLength > SERIAL_MESSAGE_BYTES_MAX) {
    const limit = `at most ${SERIAL_MESSAGE_BYTES_MAX}`;
    throw new RangeError(`the message has ${message.byteLength} bytes, ${limit}`);
  }
  const packet = withLengthAndCrc(message);
  const lineCount = Math.ceil(packet.byteLength / SERIAL_LINE_PAYLOAD_MAX);
  const lines = new Uint8Array(base64Length(packet.byteLength) + lineCount * (MARKER_BYTES + 1));
  let at = 0;
  for (let from = 0; from < packet.byteLength; from += SERIAL_LINE_PAYLOAD_MAX) {
    lines.set(from === 0 ? START : CONTINUATION, at);
    const payload = packet.subarray(from, from + SERIAL_LINE_PAYLOAD_MAX);
    at = writeBase64(payload, lines, at + MARKER_BYTES);
    lines[at++] = NEWLINE;
  }
  return lines;
}

function withLengthAndCrc(message: Uint8Array): Uint8Array {
  const packet = new Uint8Array(LENGTH_BYTES + message.byteLength + CRC_BYTES);
  const view = new DataView(packet.buffer);
  view.setUint16(0, message.byteLength + CRC_BYTES);
  packet.set(message, LENGTH_BYTES);
  view.setUint16(LENGTH_BYTES + message.byteLength, crc16Xmodem(message));
  return packet;
}

/** A message being put together from its frames. */
interface Assembly {
  /** Message and CRC; as long as the first frame said. */
  readonly bytes: Uint8Array;
  filled: number;
}

/** `skip`: inside a line that was dropped, up to its newline or the next marker. */
type LineState = 'console' | 'start' | 'continuation' | 'skip';

/**
 * Takes messages out of a console's byte stream. Bytes outside of frames are handed on as console
 * text; frames that are not whole or not right are dropped with a code. It holds one line and one
 * message of at most `maxMessageBytes`, whatever arrives.
 */
export class SerialDeframer {
  readonly #maxMessageBytes: number;
  readonly #line: Uint8Array = new Uint8Array(SERIAL_LINE_BASE64_MAX + 1);
  #lineLength = 0;
  #state: LineState = 'console';
  /** The first byte of what may be a marker, until its second byte has been seen. */
  #held: number | undefined;
  #assembly: Assembly | undefined;

  constructor(options: { readonly maxMessageBytes: number }) {
    this.#maxMessageBytes = Math.min(options.maxMessageBytes, SERIAL_MESSAGE_BYTES_MAX);
  }

  /** Takes the next bytes. Console events may be views into `bytes`. */
  push(bytes: Uint8Array): readonly SerialEvent[] {
    const events: SerialEvent[] = [];
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#held !== undefined) at = this.#resolveHeld(bytes, at, events);
      else if (this.#state === 'console') at = this.#takeConsole(bytes, at, events);
      else at = this.#takeLine(bytes, at, events);
    }
    return events;
  }

  /** Forgets what has begun: what comes next is from a line that was opened anew. */
  reset(): void {
    this.#state = 'console';
    this.#lineLength = 0;
    this.#held = undefined;
    this.#assembly = undefined;
  }

  /** Decides whether a held byte starts a marker, now that the byte after it is here. */
  #resolveHeld(bytes: Uint8Array, at: number, events: SerialEvent[]): number {
    const held = this.#held ?? 0;
    this.#held = undefined;
    const isStart = held === START[0] && bytes[at] === START[1];
    const isContinuation = held === CONTINUATION[0] && bytes[at] === CONTINUATION[1];
    if (isStart || isContinuation) {
      if (this.#state === 'start' || this.#state === 'continuation') {
        this.#drop(events, 'serial-frame-cut', `a marker after ${this.#lineLength} characters`);
      }
      this.#state = isStart ? 'start' : 'continuation';
      this.#lineLength = 0;
      return at + 1;
    }
    if (this.#state === 'console') {
      events.push({ kind: 'console', bytes: Uint8Array.of(held) });
    } else if (this.#state !== 'skip') {
      this.#drop(events, 'serial-base64-invalid', `byte ${held} in a frame`);
      this.#state = 'skip';
    }
    return at;
  }

  #takeConsole(bytes: Uint8Array, from: number, events: SerialEvent[]): number {
    let at = from;
    while (at < bytes.byteLength && !mayStartMarker(bytes[at])) at += 1;
    if (at > from) events.push({ kind: 'console', bytes: bytes.subarray(from, at) });
    this.#held = bytes[at];
    return at + 1;
  }

  /** Takes a frame's characters up to its newline, or to what may be the next marker. */
  #takeLine(bytes: Uint8Array, from: number, events: SerialEvent[]): number {
    let at = from;
    while (at < bytes.byteLength && bytes[at] !== NEWLINE && !mayStartMarker(bytes[at])) at += 1;
    this.#appendToLine(bytes.subarray(from, at), events);
    if (at === bytes.byteLength) return at;
    if (bytes[at] !== NEWLINE) {
      this.#held = bytes[at];
      return at + 1;
    }
    if (this.#state !== 'skip') this.#endLine(events);
    this.#state = 'console';
    return at + 1;
  }

  #appendToLine(characters: Uint8Array, events: SerialEvent[]): void {
    if (this.#state === 'skip') return;
    const length = this.#lineLength + characters.byteLength;
    if (length > this.#line.byteLength) {
      const detail = `${length} characters, at most ${SERIAL_LINE_BASE64_MAX}`;
      this.#drop(events, 'serial-frame-too-long', detail);
      this.#state = 'skip';
      return;
    }
    this.#line.set(characters, this.#lineLength);
    this.#lineLength = length;
  }

  #endLine(events: SerialEvent[]): void {
    // A terminal in between may have made "\r\n" of the newline.
    if (this.#line[this.#lineLength - 1] === CARRIAGE_RETURN) this.#lineLength -= 1;
    if (this.#lineLength > SERIAL_LINE_BASE64_MAX) {
      const detail = `${this.#lineLength} characters, at most ${SERIAL_LINE_BASE64_MAX}`;
      this.#drop(events, 'serial-frame-too-long', detail);
      return;
    }
    const decoded = decodeBase64(this.#line.subarray(0, this.#lineLength));
    if (decoded === undefined) {
      this.#drop(events, 'serial-base64-invalid', `${this.#lineLength} characters`);
    } else if (this.#state === 'start') {
      this.#startMessage(decoded, events);
    } else {
      this.#continueMessage(decoded, events);
    }
  }

  #startMessage(decoded: Uint8Array, events: SerialEvent[]): void {
    if (this.#assembly !== undefined) {
      this.#drop(events, 'serial-message-cut', 'another message starts');
    }
    if (decoded.byteLength < LENGTH_BYTES) {
      this.#drop(events, 'serial-length-missing', `${decoded.byteLength} bytes in the first frame`);
      return;
    }
    const length = ((decoded[0] ?? 0) << 8) | (decoded[1] ?? 0);
    if (length < CRC_BYTES) {
      this.#drop(events, 'serial-length-invalid', `length ${length} leaves no room for the CRC`);
      return;
    }
    if (length - CRC_BYTES > this.#maxMessageBytes) {
      const detail = `${length - CRC_BYTES} bytes, at most ${this.#maxMessageBytes}`;
      this.#drop(events, 'serial-message-too-large', detail);
      return;
    }
    this.#assembly = { bytes: new Uint8Array(length), filled: 0 };
    this.#continueMessage(decoded.subarray(LENGTH_BYTES), events);
  }

  #continueMessage(decoded: Uint8Array, events: SerialEvent[]): void {
    const assembly = this.#assembly;
    if (assembly === undefined) {
      const detail = `${decoded.byteLength} bytes without a first frame`;
      this.#drop(events, 'serial-continuation-unexpected', detail);
      return;
    }
    const filled = assembly.filled + decoded.byteLength;
    if (filled > assembly.bytes.byteLength) {
      const detail = `${filled} bytes, the first frame said ${assembly.bytes.byteLength}`;
      this.#drop(events, 'serial-message-overrun', detail);
      return;
    }
    assembly.bytes.set(decoded, assembly.filled);
    assembly.filled = filled;
    if (filled === assembly.bytes.byteLength) this.#endMessage(assembly.bytes, events);
  }

  #endMessage(packet: Uint8Array, events: SerialEvent[]): void {
    const length = packet.byteLength - CRC_BYTES;
    const message = packet.subarray(0, length);
    const sent = ((packet[length] ?? 0) << 8) | (packet[length + 1] ?? 0);
    const computed = crc16Xmodem(message);
    if (sent !== computed) {
      this.#drop(events, 'serial-crc-mismatch', `CRC ${sent} was sent, ${computed} computed`);
      return;
    }
    this.#assembly = undefined;
    events.push({ kind: 'message', bytes: message });
  }

  /** Reports a drop; what was put together so far goes with it. */
  #drop(events: SerialEvent[], code: SerialDropCode, detail: string): void {
    this.#assembly = undefined;
    events.push({ kind: 'dropped', code, detail });
  }
}

function mayStartMarker(byte: number | undefined): boolean {
  return byte === START[0] || byte === CONTINUATION[0];
}
