import { trailerLayout, trailerMagic, type FlashArea } from '@brickproof/bootloader-sim';
import type { StatusRange } from './hostile-shapes.js';

/** Cells of a trailer that read one way or the other, counted from the end of the area. */
export interface TornCells {
  readonly fromEndBytes: number;
  readonly sizeBytes: number;
  /** The bits of each byte that are not stable. */
  readonly mask: number;
}

/** Status entries: none, as many as a swap would have written, or any. */
export type HostileStatus =
  | { readonly kind: 'none' }
  | { readonly kind: 'prefix'; readonly entries: number; readonly value: number }
  | { readonly kind: 'any'; readonly bytes: Uint8Array };

/** A trailer that says what it likes. */
export type HostileTrailer =
  | { readonly kind: 'erased' }
  /** Bytes over the end of the area. */
  | { readonly kind: 'random'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'fields';
      readonly magic: 'good' | 'unset' | 'one-bit-off';
      readonly imageOk: number | undefined;
      readonly copyDone: number | undefined;
      readonly swapInfo: number | undefined;
      /** From swap-info downwards: TLV sizes where there are any, swap size, keys. */
      readonly numbers: readonly (number | undefined)[];
      readonly status: HostileStatus;
      readonly torn: TornCells | undefined;
    };

/** What a trailer does to an area: its bytes, and which of them are not stable. */
export interface AreaBytes {
  readonly bytes: Uint8Array;
  readonly unstable: Uint8Array;
}

/** Lays a trailer over the bytes of an area. */
export function layTrailer(
  trailer: HostileTrailer,
  area: FlashArea,
  status: StatusRange,
  into: AreaBytes,
): void {
  const { bytes } = into;
  if (trailer.kind === 'erased') return;
  if (trailer.kind === 'random') {
    const random = trailer.bytes.subarray(0, bytes.byteLength);
    bytes.set(random, bytes.byteLength - random.byteLength);
    return;
  }
  const layout = trailerLayout(area);
  if (trailer.magic !== 'unset') bytes.set(trailerMagic(layout.alignBytes), layout.magicOffset);
  if (trailer.magic === 'one-bit-off') bytes[layout.magicOffset + 3] = 0xf1;
  setByte(bytes, layout.imageOkOffset, trailer.imageOk);
  setByte(bytes, layout.copyDoneOffset, trailer.copyDone);
  setByte(bytes, layout.swapInfoOffset, trailer.swapInfo);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [index, number] of trailer.numbers.entries()) {
    const offset = layout.swapInfoOffset - (index + 1) * layout.alignBytes;
    if (number !== undefined && offset >= 0) view.setUint32(offset, number, true);
  }
  layStatus(trailer.status, area, status, bytes);
  if (trailer.torn === undefined) return;
  const { fromEndBytes, sizeBytes, mask } = trailer.torn;
  const end = Math.max(0, bytes.byteLength - fromEndBytes);
  into.unstable.fill(mask, Math.max(0, end - sizeBytes), end);
}

function layStatus(
  status: HostileStatus,
  area: FlashArea,
  range: StatusRange,
  bytes: Uint8Array,
): void {
  const start = bytes.byteLength - range.fromEndBytes;
  if (start < 0) return;
  if (status.kind === 'any') {
    bytes.set(status.bytes.subarray(0, range.sizeBytes), start);
  } else if (status.kind === 'prefix') {
    const count = Math.min(status.entries, range.sizeBytes / area.writeAlignBytes);
    for (let entry = 0; entry < count; entry += 1) {
      bytes[start + entry * area.writeAlignBytes] = status.value;
    }
  }
}

function setByte(bytes: Uint8Array, offset: number, value: number | undefined): void {
  if (value !== undefined) bytes[offset] = value;
}
