import type { SmpBody } from '@brickproof/agent';
import { readBytes, readFlag, readMaps, readText, readUint } from './body-fields.js';

/** One image as the device lists it (Zephyr's image group, "Get state of images response"). */
export interface ImageEntry {
  /** The number of the updatable image; devices with one leave it out. */
  readonly image: number;
  readonly slot: number;
  readonly version: string;
  /** The SHA-256 TLV, which names the image in `imageTest` and `imageConfirm`. */
  readonly hash: Uint8Array | undefined;
  readonly bootable: boolean;
  readonly pending: boolean;
  readonly confirmed: boolean;
  readonly active: boolean;
  readonly permanent: boolean;
}

/** One slot as the device describes it (Zephyr's image group, "Slot info response"). */
export interface SlotEntry {
  readonly image: number;
  readonly slot: number;
  readonly sizeBytes: number;
  /** The image number to upload to this slot directly, where the device allows that. */
  readonly uploadImageId: number | undefined;
  /** The largest image the device takes here, if it says. */
  readonly maxImageSizeBytes: number | undefined;
}

/** The images of a state response; undefined when the body is not one. */
export function readImageEntries(body: SmpBody): readonly ImageEntry[] | undefined {
  return readAll(readMaps(body, 'images'), readImageEntry);
}

/** The slots of a slot info response; undefined when the body is not one. */
export function readSlotEntries(body: SmpBody): readonly SlotEntry[] | undefined {
  return readAll(readMaps(body, 'images'), readSlotsOfImage)?.flat();
}

function readImageEntry(entry: SmpBody): ImageEntry | undefined {
  const slot = readUint(entry, 'slot');
  const version = readText(entry, 'version');
  if (slot === undefined || version === undefined) return undefined;
  return {
    image: readUint(entry, 'image') ?? 0,
    slot,
    version,
    hash: readBytes(entry, 'hash'),
    bootable: readFlag(entry, 'bootable'),
    pending: readFlag(entry, 'pending'),
    confirmed: readFlag(entry, 'confirmed'),
    active: readFlag(entry, 'active'),
    permanent: readFlag(entry, 'permanent'),
  };
}

function readSlotsOfImage(entry: SmpBody): readonly SlotEntry[] | undefined {
  const image = readUint(entry, 'image') ?? 0;
  const maxImageSizeBytes = readUint(entry, 'max_image_size');
  return readAll(readMaps(entry, 'slots'), (slot) => readSlot(slot, { image, maxImageSizeBytes }));
}

function readSlot(
  entry: SmpBody,
  of: Pick<SlotEntry, 'image' | 'maxImageSizeBytes'>,
): SlotEntry | undefined {
  const slot = readUint(entry, 'slot');
  const sizeBytes = readUint(entry, 'size');
  if (slot === undefined || sizeBytes === undefined) return undefined;
  return { ...of, slot, sizeBytes, uploadImageId: readUint(entry, 'upload_image_id') };
}

/** Every entry read, or undefined when one cannot be. */
function readAll<T>(
  entries: readonly SmpBody[] | undefined,
  read: (entry: SmpBody) => T | undefined,
): readonly T[] | undefined {
  if (entries === undefined) return undefined;
  const values: T[] = [];
  for (const entry of entries) {
    const value = read(entry);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}
