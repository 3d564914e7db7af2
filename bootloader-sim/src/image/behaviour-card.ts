import { equalBytes } from '../crypto/bytes.js';
import { contentKeySizeBytes, tlvOffset, type ImageHeader } from './header.js';
import type { ImageSource } from './image-source.js';
import { readUint16, readUint32, writeUint16, writeUint32 } from './little-endian.js';

/** How a virtual board's firmware behaves when it runs. An image without a card is healthy. */
export interface BehaviourCard {
  readonly selfTest: 'pass' | 'fail';
  /** It stops before it confirms itself, and the watchdog resets the board. */
  readonly hangBeforeConfirm: boolean;
  /** It faults so long after its start; undefined: never. */
  readonly crashAfterMs: number | undefined;
  /** It faults as soon as it starts, each time. */
  readonly resetLoop: boolean;
  /** It never reaches its server. */
  readonly neverConnects: boolean;
}

/** "BRICKPROOF-CARD" and a zero, in ASCII. */
const CARD_MAGIC = Uint8Array.of(
  ...[0x42, 0x52, 0x49, 0x43, 0x4b, 0x50, 0x52, 0x4f],
  ...[0x4f, 0x46, 0x2d, 0x43, 0x41, 0x52, 0x44, 0x00],
);
const CARD_FORMAT = 1;
const FORMAT_OFFSET = 16;
const FLAGS_OFFSET = 18;
const CRASH_OFFSET = 20;
const CHECK_OFFSET = 24;
/** Magic, format u16, flags u16, crash time in ms u32, check u32, all little-endian. */
const CARD_SIZE_BYTES = 28;

const FLAG = {
  selfTestFails: 0x01,
  hangsBeforeConfirm: 0x02,
  crashes: 0x04,
  resetsInLoop: 0x08,
  neverConnects: 0x10,
} as const;
const KNOWN_FLAGS = 0x1f;
/** Zeros that an encrypted image may have behind its payload, up to a whole block of AES. */
const PADDING_SIZE_BYTES_MAX = 15;
const CRASH_AFTER_MS_MAX = 0xffff_ffff;

/** A payload with a card as its last bytes. Throws when the crash time is not a u32. */
export function appendBehaviourCard(payload: Uint8Array, card: BehaviourCard): Uint8Array {
  const withCard = new Uint8Array(payload.byteLength + CARD_SIZE_BYTES);
  withCard.set(payload);
  withCard.set(encodeCard(card), payload.byteLength);
  return withCard;
}

/**
 * The card at the end of an image's body, which must lie plain; in an image that is flagged as
 * encrypted, zeros may follow it. Undefined when there is none, or none that can be read. The
 * header must have come from `parseImageHeader` of the same source.
 */
export function readBehaviourCard(
  source: ImageSource,
  header: ImageHeader,
): BehaviourCard | undefined {
  if (tlvOffset(header) > source.sizeBytes) return undefined;
  const isPadded = contentKeySizeBytes(header) !== undefined;
  const tailBytesMax = CARD_SIZE_BYTES + (isPadded ? PADDING_SIZE_BYTES_MAX : 0);
  const tailBytes = Math.min(tailBytesMax, header.bodySizeBytes);
  const tail = source.read(tlvOffset(header) - tailBytes, tailBytes);
  for (let end = tailBytes; end >= CARD_SIZE_BYTES; end -= 1) {
    const card = decodeCard(tail.subarray(end - CARD_SIZE_BYTES, end));
    if (card !== undefined) return card;
    if (tail[end - 1] !== 0) return undefined;
  }
  return undefined;
}

function encodeCard(card: BehaviourCard): Uint8Array {
  const crashAfterMs = card.crashAfterMs ?? 0;
  if (!Number.isInteger(crashAfterMs) || crashAfterMs < 0 || crashAfterMs > CRASH_AFTER_MS_MAX) {
    throw new RangeError(`a behaviour card cannot say ${crashAfterMs} ms`);
  }
  const bytes = new Uint8Array(CARD_SIZE_BYTES);
  bytes.set(CARD_MAGIC);
  writeUint16(bytes, FORMAT_OFFSET, CARD_FORMAT);
  writeUint16(bytes, FLAGS_OFFSET, flagsOf(card));
  writeUint32(bytes, CRASH_OFFSET, crashAfterMs);
  writeUint32(bytes, CHECK_OFFSET, checkOf(bytes));
  return bytes;
}

function decodeCard(bytes: Uint8Array): BehaviourCard | undefined {
  const flags = readUint16(bytes, FLAGS_OFFSET);
  if (
    !equalBytes(bytes.subarray(0, FORMAT_OFFSET), CARD_MAGIC) ||
    readUint16(bytes, FORMAT_OFFSET) !== CARD_FORMAT ||
    readUint32(bytes, CHECK_OFFSET) !== checkOf(bytes) ||
    (flags & ~KNOWN_FLAGS) !== 0
  ) {
    return undefined;
  }
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return {
    selfTest: has(FLAG.selfTestFails) ? 'fail' : 'pass',
    hangBeforeConfirm: has(FLAG.hangsBeforeConfirm),
    crashAfterMs: has(FLAG.crashes) ? readUint32(bytes, CRASH_OFFSET) : undefined,
    resetLoop: has(FLAG.resetsInLoop),
    neverConnects: has(FLAG.neverConnects),
  };
}

function flagsOf(card: BehaviourCard): number {
  let flags = 0;
  if (card.selfTest === 'fail') flags |= FLAG.selfTestFails;
  if (card.hangBeforeConfirm) flags |= FLAG.hangsBeforeConfirm;
  if (card.crashAfterMs !== undefined) flags |= FLAG.crashes;
  if (card.resetLoop) flags |= FLAG.resetsInLoop;
  if (card.neverConnects) flags |= FLAG.neverConnects;
  return flags;
}

/** FNV-1a over everything before the check: tells a card from bytes that only begin like one. */
function checkOf(bytes: Uint8Array): number {
  let check = 0x811c9dc5;
  for (const byte of bytes.subarray(0, CHECK_OFFSET)) {
    check = Math.imul(check ^ byte, 0x01000193);
  }
  return check >>> 0;
}
