import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import type { SmpRejectCode } from './smp-reject-code.js';

/** The header's size on the wire. */
export const SMP_HEADER_SIZE_BYTES = 8;

/** The longest body that the header's 16-bit length can name. */
export const SMP_BODY_BYTES_MAX = 0xffff;

/** What a message asks or answers. */
export type SmpOp = 'read' | 'read-response' | 'write' | 'write-response';

/** The protocol's versions by name; on the wire they are one less. */
export type SmpVersion = 1 | 2;

/** The eight bytes before every body (Zephyr's SMP protocol specification, "SMP header"). */
export interface SmpHeader {
  readonly version: SmpVersion;
  readonly op: SmpOp;
  readonly group: number;
  readonly command: number;
  readonly sequence: number;
  /** The length of the body alone. */
  readonly lengthBytes: number;
}

const OPS: readonly SmpOp[] = ['read', 'read-response', 'write', 'write-response'];
const OP_MASK = 0b111;
const VERSION_SHIFT = 3;
const VERSION_MASK = 0b11;

/** The header's bytes. A field out of its range is our own mistake and throws. */
export function encodeSmpHeader(header: SmpHeader): Uint8Array {
  const bytes = new Uint8Array(SMP_HEADER_SIZE_BYTES);
  writeSmpHeader(bytes, header);
  return bytes;
}

/** Writes the header over the first eight bytes of a message. */
export function writeSmpHeader(target: Uint8Array, header: SmpHeader): void {
  requireUint('group', header.group, 0xffff);
  requireUint('command', header.command, 0xff);
  requireUint('sequence', header.sequence, 0xff);
  requireUint('lengthBytes', header.lengthBytes, SMP_BODY_BYTES_MAX);
  target[0] = ((header.version - 1) << VERSION_SHIFT) | OPS.indexOf(header.op);
  target[1] = 0;
  target[2] = header.lengthBytes >> 8;
  target[3] = header.lengthBytes;
  target[4] = header.group >> 8;
  target[5] = header.group;
  target[6] = header.sequence;
  target[7] = header.command;
}

/**
 * Reads a header from the first eight bytes. Flags and the reserved bits are not looked at, as
 * Zephyr does not. Refuses with `smp-header-truncated`, `smp-version-unsupported` and
 * `smp-op-unknown`.
 */
export function decodeSmpHeader(bytes: Uint8Array): Verdict<SmpHeader, SmpRejectCode> {
  if (bytes.byteLength < SMP_HEADER_SIZE_BYTES) {
    const found = `${bytes.byteLength} of ${SMP_HEADER_SIZE_BYTES} header bytes`;
    return reject('smp-header-truncated', found);
  }
  const first = bytes[0] ?? 0;
  const op = OPS[first & OP_MASK];
  if (op === undefined) {
    return reject('smp-op-unknown', `op ${first & OP_MASK}, expected 0 to ${OPS.length - 1}`);
  }
  const version = (first >> VERSION_SHIFT) & VERSION_MASK;
  if (version > 1) {
    return reject('smp-version-unsupported', `header version ${version}, expected 0 or 1`);
  }
  return accept({
    version: version === 0 ? 1 : 2,
    op,
    lengthBytes: uint16At(bytes, 2),
    group: uint16At(bytes, 4),
    sequence: bytes[6] ?? 0,
    command: bytes[7] ?? 0,
  });
}

/** The op that answers a request; undefined for what is itself an answer. */
export function responseOp(op: SmpOp): SmpOp | undefined {
  if (op === 'read') return 'read-response';
  return op === 'write' ? 'write-response' : undefined;
}

function uint16At(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

function requireUint(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${name} is ${value}, must be from 0 to ${max}`);
  }
}
