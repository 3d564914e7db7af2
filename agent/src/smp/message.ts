import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { Decoder, Encoder } from 'cbor-x/index-no-eval';
import { checkCborMap } from './cbor-bounds.js';
import { SMP_BODY_BYTES_MAX, SMP_HEADER_SIZE_BYTES } from './header.js';
import { decodeSmpHeader, writeSmpHeader } from './header.js';
import type { SmpHeader } from './header.js';
import type { SmpRejectCode } from './smp-reject-code.js';

/** What a body may hold. Integers beyond 2^53 are bigints; small ones may be when sent so wide. */
export type SmpValue =
  number | bigint | boolean | string | null | Uint8Array | readonly SmpValue[] | SmpBody;

/** One CBOR map with text keys. */
export interface SmpBody {
  readonly [key: string]: SmpValue;
}

/** A request or a response. */
export interface SmpMessage extends SmpHeader {
  readonly body: SmpBody;
}

/** What is encoded: a message whose length is not known yet. */
export type SmpMessageFields = Omit<SmpMessage, 'lengthBytes'>;

/** Maps become plain objects, byte strings `Uint8Array` views, and nothing becomes a record. */
const CBOR_OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
  copyBuffers: false,
};

const encoder = new Encoder(CBOR_OPTIONS);
const decoder = new Decoder(CBOR_OPTIONS);

/** The bytes of a message. A body that does not fit the header's length is our own mistake. */
export function encodeSmpMessage(message: SmpMessageFields): Uint8Array {
  const body = encoder.encode(message.body) as Uint8Array;
  const lengthBytes = body.byteLength;
  if (lengthBytes > SMP_BODY_BYTES_MAX) {
    throw new RangeError(`the body has ${lengthBytes} bytes, at most ${SMP_BODY_BYTES_MAX}`);
  }
  const bytes = new Uint8Array(SMP_HEADER_SIZE_BYTES + lengthBytes);
  writeSmpHeader(bytes, { ...message, lengthBytes });
  bytes.set(body, SMP_HEADER_SIZE_BYTES);
  return bytes;
}

/**
 * Reads one whole message. Byte strings in the body are views into `bytes`. A body of no bytes
 * counts as an empty map. Refuses with the header's codes, `smp-length-mismatch` when the header
 * names another length than there is, and the codes of `checkCborMap`.
 */
export function decodeSmpMessage(bytes: Uint8Array): Verdict<SmpMessage, SmpRejectCode> {
  const header = decodeSmpHeader(bytes);
  if (!header.ok) return header;
  const bodyBytes = bytes.byteLength - SMP_HEADER_SIZE_BYTES;
  if (header.value.lengthBytes !== bodyBytes) {
    const detail = `the header says ${header.value.lengthBytes} bytes, ${bodyBytes} follow`;
    return reject('smp-length-mismatch', detail);
  }
  const body = decodeSmpBody(bytes.subarray(SMP_HEADER_SIZE_BYTES));
  return body.ok ? accept({ ...header.value, body: body.value }) : body;
}

/** Reads a body by itself: what `decodeSmpMessage` does after the header. */
export function decodeSmpBody(bytes: Uint8Array): Verdict<SmpBody, SmpRejectCode> {
  if (bytes.byteLength === 0) return accept({});
  const checked = checkCborMap(bytes);
  if (!checked.ok) return checked;
  // A plain view: from a Node Buffer the decoder would hand out Buffers.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return accept(decoder.decode(view) as SmpBody);
}
