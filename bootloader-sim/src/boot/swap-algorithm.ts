import type { FlashArea } from '../flash/flash-area.js';
import { readImageEncryption } from '../image/encryption.js';
import { contentKeySizeBytes } from '../image/header.js';
import { DONE, reject, type Verdict } from '../verdict.js';
import {
  NO_KEY_BYTE,
  contentKeyOffset,
  eraseTrailer,
  readSwapSize,
  scratchTrailerSizeBytes,
  trailerSizeBytes,
  writeSwapSize,
  writeUnprotectedTlvSizes,
} from './swap-trailer.js';
import { inOrder } from './in-order.js';
import { decideSwapType, type TrailerPair } from './swap-type.js';
import type { StatusEntries, StatusSource, SwapStatus } from './swap-status.js';
import {
  readTrailer,
  swapTypeNumber,
  writeImageOk,
  writeSwapInfo,
  writeTrailerMagic,
  type Trailer,
  type TrailerFlag,
} from './trailer.js';
import type { HeaderPlace, UpgradeImage } from './upgrade-image.js';
import type { BootLayout, SlotPair } from './upgrade-strategy.js';
import { imageSourceOf } from './verify-slot.js';

/** One way of swapping two images sector by sector. */
export interface SwapAlgorithm {
  readonly name: 'swap-using-offset' | 'swap-using-move' | 'swap-using-scratch';
  readonly firstOperation: SwapStatus['operation'];
  /** Why these slots cannot be swapped; undefined when they can (boot_slots_compatible). */
  readonly incompatibility: (slots: SlotPair, layout: BootLayout) => string | undefined;
  /** The largest image, in bytes, that can be swapped (app_max_size). */
  readonly maxImageSizeBytes: (slots: SlotPair, layout: BootLayout) => number;
  /** Where the status of a swap that was cut short lies (swap_status_source). */
  readonly findStatus: (image: UpgradeImage) => StatusSource;
  /** Reads how far it had come (swap_read_status_bytes). */
  readonly readStatus: (image: UpgradeImage, area: FlashArea, status: SwapStatus) => void;
  /** Where the header of a slot's image lies, at this point of a swap (boot_read_image_header). */
  readonly headerPlace: (image: UpgradeImage, slot: 0 | 1, swapSizeBytes: number) => HeaderPlace;
  /** Without a header where it should be, a swap is neither begun nor gone on with. */
  readonly needsHeaders: boolean;
  /** Whether a status that was read can be gone on from. What flash says is not to be trusted. */
  readonly canResume: (image: UpgradeImage, swapSizeBytes: number) => boolean;
  /** How many sectors, or groups of sectors, a swap takes: one status index each. */
  readonly turnCount: (image: UpgradeImage, swapSizeBytes: number) => number;
  /** Starts a swap, or goes on with one (swap_run). */
  readonly run: (image: UpgradeImage) => Verdict<void>;
}

/** Both trailers of an image, as they are now. */
export function readTrailers(image: UpgradeImage): TrailerPair {
  return { primary: readTrailer(image.primary), secondary: readTrailer(image.secondary) };
}

/** Whether the trailers, or the swap that is under way, say that this is a revert. */
export function isRevert(image: UpgradeImage): boolean {
  return (
    image.status.swapType === 'revert' ||
    decideSwapType(image.strategy, readTrailers(image), image.environment) === 'revert'
  );
}

const FLAG_NUMBERS: Readonly<Record<TrailerFlag, number>> = { set: 1, bad: 2, unset: 3 };

/** Tells the log what a trailer says, in MCUboot's words (BOOT_LOG_SWAP_STATE). */
export function logSwapState(image: UpgradeImage, name: string, trailer: Trailer): void {
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const fields = [
    `magic=${trailer.magic}`,
    `swap_type=${hex(swapTypeNumber(trailer.swapType))}`,
    `copy_done=${hex(FLAG_NUMBERS[trailer.copyDone])}`,
    `image_ok=${hex(FLAG_NUMBERS[trailer.imageOk])}`,
  ];
  image.log('info', `${name}: ${fields.join(', ')}`);
}

const SOURCE_WORDS: Readonly<Record<StatusSource, string>> = {
  none: 'none',
  primary: 'primary slot',
  scratch: 'scratch',
};

/** Tells the log where the status of a swap was found. */
export function logStatusSource(image: UpgradeImage, source: StatusSource): void {
  image.log('info', `Boot source: ${SOURCE_WORDS[source]}`);
}

/**
 * A swap was cut short when the primary slot has a trailer that is not done, and the secondary one
 * asks for nothing (swap_move.c and swap_offset.c, swap_status_source).
 */
export function findStatusInPrimary(image: UpgradeImage): StatusSource {
  const { primary, secondary } = readTrailers(image);
  logSwapState(image, 'Primary image', primary);
  logSwapState(image, 'Secondary image', secondary);
  const isUnderWay =
    primary.magic === 'good' && primary.copyDone === 'unset' && secondary.magic !== 'good';
  const source = isUnderWay ? 'primary' : 'none';
  logStatusSource(image, source);
  return source;
}

/** The area whose trailer tells of the swap: the scratch area before the primary slot. */
export function statusArea(image: UpgradeImage): FlashArea {
  const { scratch, primary } = image;
  return scratch !== undefined && readTrailer(scratch).magic === 'good' ? scratch : primary;
}

/**
 * Whether the request for a revert has to be written to the secondary slot. A magic that was half
 * written asks for nothing: MCUboot takes it for one that is there, and loses the revert when the
 * power goes again.
 */
export function asksAnew(image: UpgradeImage, secondary: Trailer): boolean {
  return image.environment.hardened === true
    ? secondary.magic !== 'good'
    : secondary.magic === 'unset';
}

/** The swap size that the trailer of a swap that was cut short tells. */
export function readInterruptedSwapSize(image: UpgradeImage): number {
  return readSwapSize(statusArea(image), image.format);
}

/** The status entries of an area (boot_status_off, boot_status_entries). */
export function statusEntries(image: UpgradeImage, area: FlashArea): StatusEntries {
  const { format } = image;
  const isScratch = area === image.scratch;
  const size = isScratch ? scratchTrailerSizeBytes(format) : trailerSizeBytes(format);
  return {
    offset: area.sizeBytes - size,
    count: isScratch ? format.statesPerSector : format.statesPerSector * format.sectorsMax,
    sizeBytes: format.writeSizeBytes,
  };
}

/**
 * Writes the status entry of a number (boot_write_status). A swap goes on when an entry cannot be
 * written, as MCUboot's does where it verifies the primary image before it starts it.
 */
export function writeStatus(image: UpgradeImage, entry: number): void {
  const { status, scratch, primary } = image;
  const area = status.usesScratch && scratch !== undefined ? scratch : primary;
  const { offset, sizeBytes } = statusEntries(image, area);
  const word = new Uint8Array(area.writeAlignBytes).fill(area.erasedValue);
  word[0] = status.state;
  if (!area.write(offset + entry * sizeBytes, word).ok) image.statusWriteFailures += 1;
}

/** Writes a trailer that a swap can be gone on from; its magic comes last (swap_status_init). */
export function writeStatusTrailer(image: UpgradeImage, area: FlashArea): Verdict<void> {
  const { status, format, unprotectedTlvSizes } = image;
  const [primary, secondary] = unprotectedTlvSizes;
  const isConfirmed = readTrailer(image.secondary).imageOk === 'set';
  return inOrder(
    () => (status.swapType === 'none' ? DONE : writeSwapInfo(area, status.swapType, image.index)),
    () => (isConfirmed ? writeImageOk(area) : DONE),
    () => writeSwapSize(area, format, status.swapSizeBytes),
    () => (format.hasTlvSizes ? writeUnprotectedTlvSizes(area, { primary, secondary }) : DONE),
    () => writeContentKeys(image, area),
    () => writeTrailerMagic(area),
  );
}

/** Keeps both content keys (boot_write_enc_keys). */
export function writeContentKeys(image: UpgradeImage, area: FlashArea): Verdict<void> {
  const { format } = image;
  if (format.keySlotSizeBytes === 0) return DONE;
  const write = (slot: 0 | 1): Verdict<void> => {
    const words = new Uint8Array(format.keySlotSizeBytes).fill(NO_KEY_BYTE);
    const key = image.contentKey(slot);
    if (key !== undefined) words.set(key);
    return area.write(contentKeyOffset(area, format, slot), words);
  };
  return inOrder(
    () => write(0),
    () => write(1),
  );
}

/** Reads the content keys that a swap was begun with (boot_read_enc_key). */
export function readContentKeys(image: UpgradeImage, area: FlashArea): void {
  const { format } = image;
  const size = image.environment.encryptionKeySizeBytes;
  if (size === undefined) return;
  for (const slot of [0, 1] as const) {
    const words = area.read(contentKeyOffset(area, format, slot), format.keySlotSizeBytes);
    const isThere = words.some((byte) => byte !== NO_KEY_BYTE);
    image.setContentKey(slot, isThere ? words.slice(0, size) : undefined);
  }
}

/**
 * Unwraps the key of a slot's image; none where it is not encrypted (encrypted.c, boot_enc_load).
 * Refuses as `readImageEncryption`.
 */
export function loadContentKey(image: UpgradeImage, slot: 0 | 1): Verdict<void> {
  const { header } = image.headers[slot];
  const { decryptionKey, crypto } = image.environment;
  image.setContentKey(slot, undefined);
  if (header === undefined || contentKeySizeBytes(header) === undefined) return DONE;
  if (decryptionKey === undefined) return DONE;
  const encryption = readImageEncryption(imageSourceOf(image, slot), header, decryptionKey, crypto);
  if (!encryption.ok) return encryption;
  image.setContentKey(slot, encryption.value.contentKey);
  return DONE;
}

/** Erases the trailer of a slot, or says why it could not. */
export function eraseTrailerOf(image: UpgradeImage, area: FlashArea): Verdict<void> {
  return eraseTrailer(area, image.format);
}

/** Erases the sectors that a range covers, the first one first (boot_erase_region). */
export function eraseRange(area: FlashArea, offset: number, lengthBytes: number): Verdict<void> {
  const { sectors } = area;
  for (let index = sectorIndexAt(area, offset); index < sectors.length; index += 1) {
    const sector = sectors[index];
    if (sector === undefined || sector.offset >= offset + lengthBytes) break;
    const erased = area.erase(sector.offset, sector.sizeBytes);
    if (!erased.ok) return erased;
  }
  return DONE;
}

/** The sector that holds an offset, found by halving. */
function sectorIndexAt({ sectors }: FlashArea, offset: number): number {
  let low = 0;
  let high = sectors.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const sector = sectors[middle];
    const isBefore = sector !== undefined && sector.offset + sector.sizeBytes <= offset;
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The offset of a sector in its slot; where the slot ends for the one behind the last. */
export function sectorOffset(area: FlashArea, index: number): number {
  return area.sectors[index]?.offset ?? area.sizeBytes;
}

/** The first sector that holds a part of the trailer, counted in equal sectors. */
export function firstTrailerSector(image: UpgradeImage): number {
  const trailerSectors = Math.ceil(trailerSizeBytes(image.format) / image.sectorSizeBytes);
  return image.primary.sectors.length - trailerSectors;
}

/** There is not enough room to swap what is in the slots. */
export function refuseForRoom(
  image: UpgradeImage,
  neededBytes: number,
  freeBytes: number,
): Verdict<void> {
  image.log('warning', 'Not enough free space to run swap upgrade');
  const detail = `required ${neededBytes} bytes but only ${freeBytes} are available`;
  image.log('warning', detail);
  return reject('swap-no-room', detail);
}
