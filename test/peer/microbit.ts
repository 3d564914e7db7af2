import { readFileSync } from 'node:fs';
import {
  buildImage,
  createFlashGeometry,
  createFlashMap,
  markForUpgrade,
  NorFlash,
  nobleCrypto,
  parseImageVersion,
  seededRandom,
  type FlashGeometry,
  type SlotPair,
} from '@brickproof/bootloader-sim';
import { layIntelHex } from './intel-hex.js';

/*
 * What the bootloader in the micro:bit's firmware was built for, and how that was found:
 *
 * - MCUboot ee39e2d694bd on Zephyr 684c9e8f32e4: the first lines of its console. That this is
 *   Zephyr 4.4.0 is in the file's name.
 * - Swap-using-offset: "Starting swap using offset algorithm." on its console.
 * - The bootloader at 0x0, slots at 0x8000 and 0x22000, of 0x1a000 bytes each: the table of flash
 *   areas in its code; they are those of Zephyr's boards/qemu/cortex_m0/qemu_cortex_m0.dts.
 * - Sectors of 1024 bytes, words of 4: the nRF51822's; an erase clears 1024 bytes.
 * - BOOT_MAX_ALIGN 8: it believes the magic of alignment 8, and writes copy-done 32 bytes before
 *   the end of a slot.
 * - BOOT_MAX_IMG_SECTORS 104, as many as a slot has: the first status entry of a swap is written
 *   888 bytes before the end of slot 0, and that is 104 sectors of 2 entries of 4 bytes, with 56
 *   bytes of fields behind them.
 * - No signature: the server's own image carries its hash alone, and runs.
 * - MCUBOOT_VALIDATE_PRIMARY_SLOT: an image in slot 0 with a wrong hash does not run.
 * - No downgrade prevention, no bootstrap: it swaps to a lower version, and does not fill an empty
 *   slot 0 from slot 1.
 * - One image, no encryption: "Image index: 0" alone, and no room for keys in the trailer.
 */

/**
 * The nRF51822's ERASEPCR0 and ERASEPCR1 (reference manual, NVMC): a write of an address erases the
 * sector there.
 */
export const ERASE_REGISTER: { readonly address: number; readonly lengthBytes: number } = {
  address: 0x4001_e508,
  lengthBytes: 4,
};

/** Where the slots lie, and so what the processor knows them by: flash starts at 0. */
export const SLOT_ADDRESSES = [0x8000, 0x2_2000] as const;
export const SLOT_SIZE_BYTES = 0x1_a000;
export const SECTOR_SIZE_BYTES = 0x400;
export const WORD_SIZE_BYTES = 4;
const FLASH_SIZE_BYTES = 0x4_0000;
const ERASED_VALUE = 0xff;
/** A new image starts in the second sector of slot 1. */
const UPLOAD_OFFSET = SECTOR_SIZE_BYTES;

const GEOMETRY: FlashGeometry = expectOk(
  createFlashGeometry({
    sectorRuns: [{ count: FLASH_SIZE_BYTES / SECTOR_SIZE_BYTES, sizeBytes: SECTOR_SIZE_BYTES }],
    writeAlignBytes: WORD_SIZE_BYTES,
    erasedValue: ERASED_VALUE,
  }),
);

/** The micro:bit's flash, with its slots. */
export interface MicrobitFlash {
  readonly flash: NorFlash;
  readonly slots: SlotPair;
}

/** A simulated flash with the contents of a dump. A word that is not erased has been written. */
export function flashFromDump(dump: Uint8Array): MicrobitFlash {
  const flash = new NorFlash(GEOMETRY);
  let start = 0;
  while (start < dump.byteLength) {
    const end = endOfRun(dump, start);
    if (!isErasedWord(dump, start)) expectOk(flash.write(start, dump.subarray(start, end)));
    start = end;
  }
  return { flash, slots: slotsOf(flash) };
}

/** Where the words end that are erased, or are not, as the first one of them. */
function endOfRun(dump: Uint8Array, start: number): number {
  const isErased = isErasedWord(dump, start);
  let end = start + WORD_SIZE_BYTES;
  while (end < dump.byteLength && isErasedWord(dump, end) === isErased) end += WORD_SIZE_BYTES;
  return end;
}

function isErasedWord(dump: Uint8Array, offset: number): boolean {
  return dump.subarray(offset, offset + WORD_SIZE_BYTES).every((byte) => byte === ERASED_VALUE);
}

function slotsOf(flash: NorFlash): SlotPair {
  const areas = SLOT_ADDRESSES.map((offset, slot) => {
    return { name: `slot${slot}`, offset, sizeBytes: SLOT_SIZE_BYTES };
  });
  const map = expectOk(createFlashMap(flash, areas));
  return [map.area('slot0'), map.area('slot1')];
}

/** Everything that a flash holds. */
export function dumpOf(flash: NorFlash): Uint8Array {
  return flash.read(0, FLASH_SIZE_BYTES);
}

/** Where two dumps begin to differ; undefined when they do not. */
export function firstDifference(one: Uint8Array, other: Uint8Array): string | undefined {
  if (Buffer.compare(one, other) === 0) return undefined;
  return `0x${one.findIndex((byte, offset) => byte !== other[offset]).toString(16)}`;
}

/** The firmware's files. */
export interface MicrobitFirmware {
  /** The flash of a board fresh from its maker: the bootloader, and the server in slot 0. */
  readonly dump: Uint8Array;
  /** The server's image. */
  readonly server: Uint8Array;
}

/** Reads the firmware; the server's image lies beside the file with the whole flash. */
export function readMicrobitFirmware(hexFile: string): MicrobitFirmware {
  const dump = new Uint8Array(FLASH_SIZE_BYTES).fill(ERASED_VALUE);
  layIntelHex(readFileSync(hexFile, 'utf8'), dump);
  const server = new Uint8Array(readFileSync(hexFile.replace('merged.hex', 'signed.bin')));
  return { dump, server };
}

/** What a board is given before it boots. */
export interface BoardContents {
  /** What lies in slot 0; absent: nothing. */
  readonly runs?: Uint8Array;
  /** What was uploaded to slot 1; absent: nothing. */
  readonly uploaded?: Uint8Array;
  /** Where in slot 1; absent: where it belongs. */
  readonly uploadOffset?: number;
  /** How the upload was marked; absent: not at all. */
  readonly mark?: 'test' | 'permanent';
}

/** The flash of a board with the firmware's bootloader and images of one's own. */
export function boardDump(firmware: MicrobitFirmware, contents: BoardContents): Uint8Array {
  const { runs, uploaded, uploadOffset = UPLOAD_OFFSET, mark } = contents;
  const dump = firmware.dump.slice().fill(ERASED_VALUE, SLOT_ADDRESSES[0]);
  if (runs !== undefined) dump.set(runs, SLOT_ADDRESSES[0]);
  if (uploaded !== undefined) dump.set(uploaded, SLOT_ADDRESSES[1] + uploadOffset);
  if (mark === undefined) return dump;
  return changeDump(dump, ([, upload]) => {
    expectOk(markForUpgrade(upload, { permanent: mark === 'permanent' }));
  });
}

/** What the application, or whoever programs the board, changes between two boots. */
export function changeDump(dump: Uint8Array, change: (slots: SlotPair) => void): Uint8Array {
  const { flash, slots } = flashFromDump(dump);
  change(slots);
  return dumpOf(flash);
}

const HEADER_SIZE_BYTES = 0x200;
/** More than the TLVs take, so that an image ends in the last of its sectors. */
const TLV_ROOM_BYTES = 0x100;
const STACK_TOP = 0x2000_4000;
const VECTOR_COUNT = 48;
/** Thumb: branch to itself. */
const BRANCH_TO_ITSELF = 0xe7fe;

/** An image of so many sectors that runs in slot 0 and does nothing; other bytes each version. */
export function idleImage(versionText: string, sectors: number): Uint8Array {
  const version = expectOk(parseImageVersion(versionText));
  const sizeBytes = sectors * SECTOR_SIZE_BYTES - HEADER_SIZE_BYTES - TLV_ROOM_BYTES;
  const random = seededRandom(version.minor);
  const payload = Uint8Array.from({ length: sizeBytes }, () => Math.floor(random() * 256));
  const words = new DataView(payload.buffer);
  const codeOffset = VECTOR_COUNT * WORD_SIZE_BYTES;
  const entry = SLOT_ADDRESSES[0] + HEADER_SIZE_BYTES + codeOffset + 1;
  for (let vector = 0; vector < VECTOR_COUNT; vector += 1) {
    words.setUint32(vector * WORD_SIZE_BYTES, vector === 0 ? STACK_TOP : entry, true);
  }
  words.setUint16(codeOffset, BRANCH_TO_ITSELF, true);
  const options = { payload, version, headerSizeBytes: HEADER_SIZE_BYTES };
  return expectOk(buildImage(options, nobleCrypto));
}

/** An image whose body is not what its hash says. */
export function damaged(image: Uint8Array): Uint8Array {
  return image.with(SECTOR_SIZE_BYTES, (image[SECTOR_SIZE_BYTES] ?? 0) ^ 1);
}

function expectOk<T>(
  verdict:
    { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string },
): T {
  if (!verdict.ok) throw new Error(verdict.detail);
  return verdict.value;
}
