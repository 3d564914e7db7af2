import { DONE, reject } from '@brickproof/bootloader-sim';
import type { Rejected, Verdict } from '@brickproof/bootloader-sim';
import type { SmpRejectCode } from './smp-reject-code.js';
import { isUtf8 } from './utf8.js';

/** Maps and arrays inside of each other, the outermost map included. */
export const CBOR_DEPTH_MAX = 8;

/** Data items in one body: keys, values, maps and arrays. */
export const CBOR_ITEMS_MAX = 4096;

/** The longest key of a map. */
export const CBOR_KEY_BYTES_MAX = 64;

type ScanVerdict = Verdict<void, SmpRejectCode>;

/** Where the scan stands: what it has read, and how much more it is willing to read. */
interface Scan {
  readonly bytes: Uint8Array;
  at: number;
  itemsLeft: number;
}

/** The start of a data item (RFC 8949 §3). */
interface Head {
  readonly major: number;
  readonly info: number;
  /** A length, count or value; meaningless for an indefinite length. Wide values are rounded. */
  readonly argument: number;
}

const INFO_INDEFINITE = 31;
const BREAK = 0xff;

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

/**
 * Walks over a body before it is decoded and allocates nothing for what the body declares: a body
 * that passes is one map with distinct text keys, without tags, not deep, not long, and complete.
 * Maps and arrays of indefinite length pass, because Zephyr sends them; such strings do not.
 */
export function checkCborMap(bytes: Uint8Array): ScanVerdict {
  const scan: Scan = { bytes, at: 0, itemsLeft: CBOR_ITEMS_MAX };
  const major = (bytes[0] ?? 0) >> 5;
  if (bytes.byteLength === 0) return truncated(scan);
  if (major !== MAP) {
    return reject('smp-body-not-map', `the body is CBOR major type ${major}, expected a map`);
  }
  const checked = checkItem(scan, 1);
  if (!checked.ok) return checked;
  if (scan.at !== bytes.byteLength) {
    return reject('smp-cbor-trailing', `${bytes.byteLength - scan.at} bytes after the map`);
  }
  return DONE;
}

function checkItem(scan: Scan, depth: number): ScanVerdict {
  const head = readHead(scan);
  if ('ok' in head) return head;
  switch (head.major) {
    case UNSIGNED:
    case NEGATIVE:
      return head.info === INFO_INDEFINITE ? malformed(scan) : DONE;
    case BYTES:
    case TEXT:
      return checkString(scan, head);
    case ARRAY:
    case MAP:
      return checkContainer(scan, head, depth);
    case TAG:
      return reject('smp-cbor-tag', `tag ${head.argument} before byte ${scan.at}`);
    default:
      return checkSimple(scan, head);
  }
}

/** Reads the initial byte and its argument, and spends one item of the budget. */
function readHead(scan: Scan): Head | Rejected<SmpRejectCode> {
  if (scan.itemsLeft === 0) {
    return reject('smp-cbor-too-many-items', `more than ${CBOR_ITEMS_MAX} items`);
  }
  scan.itemsLeft -= 1;
  const initial = scan.bytes[scan.at];
  if (initial === undefined) return truncated(scan);
  scan.at += 1;
  const info = initial & 0x1f;
  const major = initial >> 5;
  if (info < 24) return { major, info, argument: info };
  if (info === INFO_INDEFINITE) return { major, info, argument: 0 };
  if (info > 27) return malformed(scan);
  const widthBytes = 1 << (info - 24);
  if (scan.at + widthBytes > scan.bytes.byteLength) return truncated(scan);
  let argument = 0;
  for (let i = 0; i < widthBytes; i += 1) {
    argument = argument * 256 + (scan.bytes[scan.at + i] ?? 0);
  }
  scan.at += widthBytes;
  return { major, info, argument };
}

function checkString(scan: Scan, head: Head): ScanVerdict {
  if (head.info === INFO_INDEFINITE) {
    return reject('smp-cbor-indefinite-string', `before byte ${scan.at}`);
  }
  const end = scan.at + head.argument;
  if (end > scan.bytes.byteLength) return truncated(scan);
  if (head.major === TEXT && !isUtf8(scan.bytes, scan.at, end)) {
    return reject('smp-cbor-text-not-utf8', `the text at byte ${scan.at}`);
  }
  scan.at = end;
  return DONE;
}

/** Arrays and maps, of definite length or ended by a break. */
function checkContainer(scan: Scan, head: Head, depth: number): ScanVerdict {
  if (depth > CBOR_DEPTH_MAX) {
    return reject('smp-cbor-too-deep', `deeper than ${CBOR_DEPTH_MAX} at byte ${scan.at}`);
  }
  const isIndefinite = head.info === INFO_INDEFINITE;
  const itemsEach = head.major === MAP ? 2 : 1;
  const keys = head.major === MAP ? new Set<string>() : undefined;
  // Each item takes a byte or more, so a count beyond what is left cannot be true.
  if (!isIndefinite && head.argument * itemsEach > scan.bytes.byteLength - scan.at) {
    return truncated(scan);
  }
  for (let entry = 0; isIndefinite || entry < head.argument; entry += 1) {
    if (isIndefinite && scan.bytes[scan.at] === BREAK) {
      scan.at += 1;
      break;
    }
    const key = keys === undefined ? DONE : checkKey(scan, keys);
    if (!key.ok) return key;
    const value = checkItem(scan, depth + 1);
    if (!value.ok) return value;
  }
  return DONE;
}

function checkKey(scan: Scan, keys: Set<string>): ScanVerdict {
  const initial = scan.bytes[scan.at];
  if (initial === undefined) return truncated(scan);
  if (initial >> 5 !== TEXT) {
    return reject(
      'smp-cbor-key-not-text',
      `a key of major type ${initial >> 5} at byte ${scan.at}`,
    );
  }
  const head = readHead(scan);
  if ('ok' in head) return head;
  if (head.argument > CBOR_KEY_BYTES_MAX) {
    return reject('smp-cbor-key-too-long', `a key of ${head.argument} bytes at byte ${scan.at}`);
  }
  const start = scan.at;
  const text = checkString(scan, head);
  if (!text.ok) return text;
  const key = String.fromCharCode(...scan.bytes.subarray(start, scan.at));
  if (keys.has(key)) {
    return reject('smp-cbor-key-duplicate', `the key at byte ${start} was there before`);
  }
  keys.add(key);
  return DONE;
}

/** False, true, null and floats; the rest of major type 7 has no use in SMP. */
function checkSimple(scan: Scan, head: Head): ScanVerdict {
  if (head.info === INFO_INDEFINITE) return malformed(scan);
  const isKnown = (head.info >= 20 && head.info <= 22) || (head.info >= 25 && head.info <= 27);
  if (isKnown) return DONE;
  return reject('smp-cbor-simple-value', `simple value ${head.argument} before byte ${scan.at}`);
}

function truncated(scan: Scan): Rejected<SmpRejectCode> {
  return reject('smp-cbor-truncated', `the body of ${scan.bytes.byteLength} bytes is cut short`);
}

function malformed(scan: Scan): Rejected<SmpRejectCode> {
  return reject('smp-cbor-malformed', `the byte before ${scan.at} starts no data item`);
}
