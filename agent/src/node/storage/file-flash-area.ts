import {
  DONE,
  FLASH_SECTORS_MAX,
  accept,
  reject,
  trailerLayout,
  type ErasedValue,
  type FlashArea,
  type FlashRejectCode,
  type FlashSector,
  type Verdict,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import { SECTOR_WRITER_HEAD_BYTES } from '../../update/sector-writer.js';
import { readWhole, writeWhole, fileAdvice } from './file-system-port.js';
import type { FileSystemPort, FileVerdict, OpenFile } from './file-system-port.js';
import { nodeFileSystem } from './node-file-system.js';
import { openSlotFile, type SlotFileRejectCode } from './open-slot-file.js';

/** The erase unit of a slot unless said otherwise. */
export const SLOT_SECTOR_SIZE_BYTES_DEFAULT: number = 128 * 1024;
/** What a disk writes whole or not at all; sectors are multiples, so that no piece is in two. */
export const DISK_PIECE_BYTES = 512;
/** A slot has at least two sectors: one for the header, one for the trailer. */
export const SLOT_SECTORS_MIN = 2;
/** The largest slot, in bytes. */
export const SLOT_SIZE_BYTES_MAX: number = 1024 * 1024 * 1024;

/** Bytes read, compared or erased at a time. */
const PIECE_BYTES_MAX = 128 * 1024;

/** A slot in a file or on a block device. */
export interface SlotFileOptions {
  readonly path: string;
  /** For messages, and for the bootloader's log. */
  readonly name: string;
  /** The address that an image with a fixed address must have been linked for. */
  readonly flashOffset: number;
  readonly sizeBytes: number;
  /** `SLOT_SECTOR_SIZE_BYTES_DEFAULT` when absent. */
  readonly sectorSizeBytes?: number;
  /** 8 when absent. */
  readonly writeAlignBytes?: WriteAlignBytes;
  /** 0xff when absent. */
  readonly erasedValue?: ErasedValue;
  /** Whether a missing file is made, erased; true when absent. Nothing is made below /dev. */
  readonly mayCreate?: boolean;
  /** The machine's own when absent. */
  readonly fileSystem?: FileSystemPort;
}

/** An area whose changes wait in memory until they are synced. */
export interface SyncedArea extends FlashArea {
  /** Makes everything before it survive a power cut. Costs nothing when nothing waits. */
  sync(): Verdict<void, FlashRejectCode>;
}

/**
 * Thrown out of a read that the disk failed: there are no bytes to decide upon, and nothing made
 * of them may be acknowledged. As with `PowerCut`, nothing below the daemon catches it. The daemon
 * drops the request or gives up the boot decision, says what is in the message, and keeps what runs
 * running; the next read tries the disk again.
 */
export class SlotReadFailure extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = 'SlotReadFailure';
  }
}

/**
 * Opens a slot kept in a regular file of exactly its size, or at the start of a block device that
 * is at least as large. A missing file is made, erased. Refuses with a `SlotFileRejectCode`.
 */
export function openFileFlashArea(
  options: SlotFileOptions,
): Verdict<FileFlashArea, SlotFileRejectCode> {
  const fault = geometryFault(options);
  if (fault !== undefined) return reject('slot-geometry-invalid', `${options.name}: ${fault}`);
  const { path, sizeBytes, erasedValue = 0xff, mayCreate = true } = options;
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const opened = openSlotFile({ path, sizeBytes, erasedValue, mayCreate }, fileSystem);
  return opened.ok ? accept(new FileFlashArea(options, opened.value)) : opened;
}

function geometryFault(options: SlotFileOptions): string | undefined {
  const { sizeBytes, sectorSizeBytes = SLOT_SECTOR_SIZE_BYTES_DEFAULT } = options;
  if (!Number.isSafeInteger(sectorSizeBytes) || sectorSizeBytes < DISK_PIECE_BYTES) {
    return `a sector of ${sectorSizeBytes} bytes; give at least ${DISK_PIECE_BYTES}`;
  }
  if (sectorSizeBytes % DISK_PIECE_BYTES !== 0) {
    return `a sector of ${sectorSizeBytes} bytes; give a multiple of ${DISK_PIECE_BYTES}`;
  }
  const count = sizeBytes / sectorSizeBytes;
  if (!Number.isSafeInteger(count)) {
    return `${sizeBytes} bytes; give a multiple of the sector size, ${sectorSizeBytes}`;
  }
  if (count < SLOT_SECTORS_MIN) {
    return `${sizeBytes} bytes; give at least ${SLOT_SECTORS_MIN * sectorSizeBytes}: header and trailer need a sector each`;
  }
  if (sizeBytes > SLOT_SIZE_BYTES_MAX) {
    return `${sizeBytes} bytes; give at most ${SLOT_SIZE_BYTES_MAX}`;
  }
  return count > FLASH_SECTORS_MAX
    ? `${count} sectors; give at most ${FLASH_SECTORS_MAX}, with larger ones`
    : undefined;
}

interface Range {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** What is done to a file, and the code it fails with. */
interface Change {
  readonly verb: 'write' | 'erase';
  readonly code: 'flash-write-failed' | 'flash-erase-failed';
}

const WRITE: Change = { verb: 'write', code: 'flash-write-failed' };
const ERASE: Change = { verb: 'erase', code: 'flash-erase-failed' };

/**
 * A slot in a file, with the manners of NOR flash: whole sectors are erased, and only what is
 * erased is written.
 *
 * What is written waits in the system's memory; a power cut may lose any of it, in any order. The
 * places that decide whether an image counts are barriers: before the image's header (the first 32
 * bytes) or the trailer changes, all that came before is made durable, and the change itself before
 * it is answered. All else is durable at the next barrier or `sync`; a store that is opened over
 * its areas syncs them before it commits anything.
 *
 * When a sync fails it is not known what the disk holds, and a later sync would not tell: from then
 * on every change is refused until the slot is opened anew.
 */
export class FileFlashArea implements SyncedArea {
  readonly name: string;
  readonly path: string;
  readonly flashOffset: number;
  readonly sizeBytes: number;
  readonly sectors: readonly FlashSector[];
  readonly writeAlignBytes: number;
  readonly erasedValue: number;
  readonly #file: OpenFile;
  readonly #sectorSizeBytes: number;
  readonly #swapInfoOffset: number;
  /** Erased bytes, to write and to compare with. */
  readonly #erased: Uint8Array;
  /** Where pieces are read to; absent while somebody goes through them. */
  #piece: Uint8Array | undefined;
  /** From the start: what an earlier process wrote may still be in memory only. */
  #isDirty = true;
  #failure: string | undefined;

  constructor(options: SlotFileOptions, file: OpenFile) {
    this.name = options.name;
    this.path = options.path;
    this.flashOffset = options.flashOffset;
    this.sizeBytes = options.sizeBytes;
    this.writeAlignBytes = options.writeAlignBytes ?? 8;
    this.erasedValue = options.erasedValue ?? 0xff;
    const sizeBytes = options.sectorSizeBytes ?? SLOT_SECTOR_SIZE_BYTES_DEFAULT;
    this.#sectorSizeBytes = sizeBytes;
    this.sectors = Array.from({ length: this.sizeBytes / sizeBytes }, (_, index) => {
      return { offset: index * sizeBytes, sizeBytes };
    });
    this.#file = file;
    this.#swapInfoOffset = trailerLayout(this).swapInfoOffset;
    this.#erased = new Uint8Array(Math.min(sizeBytes, PIECE_BYTES_MAX)).fill(this.erasedValue);
  }

  /** A copy of the bytes. Throws `SlotReadFailure`. */
  read(offset: number, lengthBytes: number): Uint8Array {
    this.#assertInside({ offset, lengthBytes });
    const bytes = new Uint8Array(lengthBytes);
    this.#readInto(bytes, offset);
    return bytes;
  }

  /** The bytes in pieces; each is good until the next is asked for. Throws `SlotReadFailure`. */
  chunks(offset: number, lengthBytes: number): Iterable<Uint8Array> {
    this.#assertInside({ offset, lengthBytes });
    return this.#pieces({ offset, lengthBytes });
  }

  write(offset: number, data: Uint8Array): Verdict<void, FlashRejectCode> {
    const range = { offset, lengthBytes: data.byteLength };
    if (!this.#isInside(range)) return this.#outOfBounds(WRITE, range);
    const align = this.writeAlignBytes;
    if (offset % align !== 0 || data.byteLength % align !== 0) {
      const detail = `write of ${data.byteLength} bytes at ${offset} of ${this.name}, alignment is ${align}`;
      return reject('flash-misaligned', detail);
    }
    const free = this.#checkErased(range);
    if (!free.ok) return free;
    return this.#change(WRITE, range, () => writeWhole(this.#file, data, offset));
  }

  /** Goes through the sectors in rising order, so that of a whole slot the header goes first. */
  erase(offset: number, lengthBytes: number): Verdict<void, FlashRejectCode> {
    const range = { offset, lengthBytes };
    if (!this.#isInside(range)) return this.#outOfBounds(ERASE, range);
    const step = this.#sectorSizeBytes;
    if (offset % step !== 0 || lengthBytes % step !== 0) {
      const detail = `erase of ${lengthBytes} bytes at ${offset} of ${this.name} does not cover whole sectors`;
      return reject('flash-misaligned', detail);
    }
    for (let at = offset; at < offset + lengthBytes; at += step) {
      const sector = { offset: at, lengthBytes: step };
      const erased = this.#change(ERASE, sector, () => this.#fill(sector));
      if (!erased.ok) return erased;
    }
    return DONE;
  }

  sync(): Verdict<void, FlashRejectCode> {
    return this.#sync(WRITE);
  }

  /** Gives the file back. What was not synced is as after a power cut: kept or not. */
  close(): void {
    this.#file.close();
  }

  #change(
    change: Change,
    range: Range,
    apply: () => FileVerdict<void>,
  ): Verdict<void, FlashRejectCode> {
    if (this.#failure !== undefined) return reject(change.code, this.#failure);
    const isBarrier = this.#isCommitPlace(range);
    const before = isBarrier ? this.#sync(change) : DONE;
    if (!before.ok) return before;
    this.#isDirty = true;
    const applied = apply();
    if (!applied.ok) {
      const place = `${change.verb} ${range.lengthBytes} bytes at ${range.offset} of ${this.path}`;
      return reject(
        change.code,
        `could not ${place} (${applied.detail}); ${fileAdvice(applied.code)}`,
      );
    }
    return isBarrier ? this.#sync(change) : DONE;
  }

  #sync(change: Change): Verdict<void, FlashRejectCode> {
    if (this.#failure !== undefined) return reject(change.code, this.#failure);
    if (!this.#isDirty) return DONE;
    const synced = this.#file.syncData();
    if (!synced.ok) {
      this.#failure = `${this.path} could not be brought to the disk (${synced.detail}); ${fileAdvice(synced.code)}, then start the agent anew`;
      return reject(change.code, this.#failure);
    }
    this.#isDirty = false;
    return DONE;
  }

  /** What is there decides whether an image counts: its header, or the trailer. */
  #isCommitPlace({ offset, lengthBytes }: Range): boolean {
    return offset < SECTOR_WRITER_HEAD_BYTES || offset + lengthBytes > this.#swapInfoOffset;
  }

  #fill({ offset, lengthBytes }: Range): FileVerdict<void> {
    for (let done = 0; done < lengthBytes; done += this.#erased.byteLength) {
      const piece = this.#erased.subarray(0, lengthBytes - done);
      const written = writeWhole(this.#file, piece, offset + done);
      if (!written.ok) return written;
    }
    return DONE;
  }

  #checkErased(range: Range): Verdict<void, FlashRejectCode> {
    let at = range.offset;
    const piece = this.#takePiece();
    while (at < range.offset + range.lengthBytes) {
      const part = piece.subarray(0, range.offset + range.lengthBytes - at);
      const read = readWhole(this.#file, part, at);
      if (!read.ok) return reject('flash-write-failed', this.#unreadable(at, read));
      if (!this.#isErased(part)) {
        const detail = `${this.name} is not erased where ${range.lengthBytes} bytes are to be written at ${range.offset}`;
        return reject('flash-word-programmed', detail);
      }
      at += part.byteLength;
    }
    this.#piece = piece;
    return DONE;
  }

  #isErased(bytes: Uint8Array): boolean {
    return Buffer.compare(bytes, this.#erased.subarray(0, bytes.byteLength)) === 0;
  }

  *#pieces({ offset, lengthBytes }: Range): Generator<Uint8Array, void, undefined> {
    const piece = this.#takePiece();
    for (let done = 0; done < lengthBytes; done += piece.byteLength) {
      const part = piece.subarray(0, lengthBytes - done);
      this.#readInto(part, offset + done);
      yield part;
    }
    this.#piece = piece;
  }

  /** One buffer serves whoever reads; two at a time, which is rare, have one each. */
  #takePiece(): Uint8Array {
    const piece = this.#piece ?? new Uint8Array(this.#erased.byteLength);
    this.#piece = undefined;
    return piece;
  }

  #readInto(bytes: Uint8Array, offset: number): void {
    const read = readWhole(this.#file, bytes, offset);
    if (!read.ok) throw new SlotReadFailure(this.#unreadable(offset, read));
  }

  #unreadable(offset: number, fault: { readonly detail: string }): string {
    return `could not read ${this.path} at ${offset} (${fault.detail}); check the disk and the kernel log`;
  }

  #isInside({ offset, lengthBytes }: Range): boolean {
    return (
      Number.isSafeInteger(offset) &&
      offset >= 0 &&
      lengthBytes >= 0 &&
      offset + lengthBytes <= this.sizeBytes
    );
  }

  #assertInside(range: Range): void {
    if (this.#isInside(range)) return;
    const { offset, lengthBytes } = range;
    throw new RangeError(
      `read of ${lengthBytes} bytes at ${offset} in area ${this.name} of ${this.sizeBytes}`,
    );
  }

  #outOfBounds({ verb }: Change, range: Range): Verdict<void, FlashRejectCode> {
    const { offset, lengthBytes } = range;
    return reject(
      'flash-out-of-bounds',
      `${verb} of ${lengthBytes} bytes at ${offset} in area ${this.name} of ${this.sizeBytes}`,
    );
  }
}
