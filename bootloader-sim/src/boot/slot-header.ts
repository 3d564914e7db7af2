import type { FlashArea } from '../flash/flash-area.js';
import {
  IMAGE_HEADER_SIZE_BYTES,
  IMAGE_MAGIC,
  decodeImageHeader,
  type HeaderRules,
  type ImageHeader,
} from '../image/header.js';
import { readUint32 } from '../image/little-endian.js';

/** What is found where an image header should be. */
export interface SlotHeader {
  /** It starts with an image's magic; the rest may still be nonsense. */
  readonly hasMagic: boolean;
  /** Where the magic should be, nothing has been written (boot_check_header_erased). */
  readonly isErased: boolean;
  /** Undefined when there is none that could be used. */
  readonly header: ImageHeader | undefined;
}

const MAGIC_SIZE_BYTES = 4;

/** Reads what lies at an offset of a slot, without judging it. */
export function readSlotHeader(
  area: FlashArea,
  offset: number,
  rules: HeaderRules = {},
): SlotHeader {
  if (offset + IMAGE_HEADER_SIZE_BYTES > area.sizeBytes) {
    return { hasMagic: false, isErased: false, header: undefined };
  }
  const bytes = area.read(offset, IMAGE_HEADER_SIZE_BYTES);
  const decoded = decodeImageHeader(bytes, rules);
  return {
    hasMagic: readUint32(bytes, 0) === IMAGE_MAGIC,
    isErased: bytes.subarray(0, MAGIC_SIZE_BYTES).every((byte) => byte === area.erasedValue),
    header: decoded.ok ? decoded.value : undefined,
  };
}
