import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';

/** Where a flash lies in the address space, and what it reads where a file says nothing. */
export interface HexFlash {
  readonly baseAddress: number;
  readonly sizeBytes: number;
  readonly erasedValue: number;
}

/** The contents of a flash as a file tells them. */
export interface HexContents {
  readonly bytes: Uint8Array;
  /** Bytes of the file that lie outside of the flash, such as configuration words. */
  readonly outsideBytes: number;
  /** The address of the first of them. */
  readonly firstOutside: number | undefined;
}

/** One line: where its data goes, without what lines before it added to the address. */
interface HexRecord {
  readonly type: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

const RECORD_PATTERN = /^:((?:[0-9a-f]{2}){5,260})$/i;
const FIRST_RECORD_PATTERN = /^:(?:[0-9a-f]{2}){5,260}\r?(?:\n|$)/i;
/** Length, offset, type and checksum. */
const FRAME_BYTES = 5;
const TYPE = { data: 0, end: 1, segment: 2, segmentStart: 3, linear: 4, linearStart: 5 } as const;

/** Whether bytes are the text of an Intel HEX file: its first line is one record. */
export function looksLikeIntelHex(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 2 * (FRAME_BYTES + 255) + 3);
  return FIRST_RECORD_PATTERN.test(Buffer.from(head).toString('latin1'));
}

/**
 * Reads an Intel HEX file (Intel's Hexadecimal Object File Format Specification, revision A, 1988)
 * into a flash. Refuses `hex-malformed` with the line: what is no record, a checksum that does not
 * fit, no end, one place with two values, and a file of which nothing lies in the flash.
 */
export function readIntelHex(text: string, flash: HexFlash): Verdict<HexContents, 'hex-malformed'> {
  const image = new HexImage(flash);
  let base = 0;
  let line = 0;
  for (const written of text.split('\n')) {
    line += 1;
    const trimmed = written.trim();
    if (trimmed === '') continue;
    if (image.isEnded) return malformed(line, 'there is more behind the end record');
    const record = parseRecord(trimmed);
    if (!record.ok) return malformed(line, record.detail);
    const { type, offset, data } = record.value;
    if (type === TYPE.segment || type === TYPE.linear) {
      base = ((data[0] ?? 0) * 256 + (data[1] ?? 0)) * (type === TYPE.segment ? 16 : 65_536);
    } else if (type === TYPE.end) {
      image.isEnded = true;
    } else if (type === TYPE.data && !image.put(base + offset, data)) {
      return malformed(line, 'some of its bytes have been given before, with other values');
    }
  }
  if (!image.isEnded) return malformed(line, 'the file has no end record; it may be cut short');
  return image.contents();
}

/** What has been read so far. */
class HexImage {
  isEnded = false;
  readonly #flash: HexFlash;
  readonly #bytes: Uint8Array;
  readonly #given: Uint8Array;
  #insideBytes = 0;
  #outsideBytes = 0;
  #firstOutside: number | undefined;

  constructor(flash: HexFlash) {
    this.#flash = flash;
    this.#bytes = new Uint8Array(flash.sizeBytes).fill(flash.erasedValue);
    this.#given = new Uint8Array(flash.sizeBytes);
  }

  /** False when a byte was given before, and is another one now. */
  put(address: number, data: Uint8Array): boolean {
    const start = address - this.#flash.baseAddress;
    for (const [index, byte] of data.entries()) {
      const at = start + index;
      if (at < 0 || at >= this.#flash.sizeBytes) {
        this.#outsideBytes += 1;
        this.#firstOutside ??= address + index;
        continue;
      }
      if (this.#given[at] === 1 && this.#bytes[at] !== byte) return false;
      this.#given[at] = 1;
      this.#bytes[at] = byte;
      this.#insideBytes += 1;
    }
    return true;
  }

  contents(): Verdict<HexContents, 'hex-malformed'> {
    const outsideBytes = this.#outsideBytes;
    const firstOutside = this.#firstOutside;
    if (this.#insideBytes === 0 && firstOutside !== undefined) {
      const [found, expected] = [firstOutside, this.#flash.baseAddress].map(hex);
      return reject(
        'hex-malformed',
        `nothing of it lies in the flash: its data starts at ${found ?? ''}, the flash at ${expected ?? ''}; say where with flash.address in a board file`,
      );
    }
    return accept({ bytes: this.#bytes, outsideBytes, firstOutside });
  }
}

function parseRecord(line: string): Verdict<HexRecord, 'hex-malformed'> {
  const digits = RECORD_PATTERN.exec(line)?.[1];
  if (digits === undefined) return reject('hex-malformed', 'it is no record of Intel HEX');
  const bytes = Uint8Array.from(Buffer.from(digits, 'hex'));
  const [length = 0, high = 0, low = 0, type = 0] = bytes;
  if (bytes.byteLength !== length + FRAME_BYTES) {
    const found = bytes.byteLength - FRAME_BYTES;
    return reject('hex-malformed', `it claims ${length} bytes and has ${found}`);
  }
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  if (sum % 256 !== 0) return reject('hex-malformed', 'its checksum does not fit');
  if (type > TYPE.linearStart) return reject('hex-malformed', `it has the unknown type ${type}`);
  const isBase = type === TYPE.segment || type === TYPE.linear;
  if (isBase && length !== 2) return reject('hex-malformed', 'an address has two bytes');
  const data = bytes.subarray(FRAME_BYTES - 1, bytes.byteLength - 1);
  return accept({ type, offset: high * 256 + low, data });
}

function malformed(line: number, sentence: string): Verdict<never, 'hex-malformed'> {
  return reject('hex-malformed', `line ${line}: ${sentence}`);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
