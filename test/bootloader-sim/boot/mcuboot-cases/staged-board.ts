import { expect } from 'vitest';
import type { FlashArea } from '@brickproof/bootloader-sim';
import { signedImage, type ImageSpec } from '../signed-image.js';
import { TestBoard, type BoardSettings } from '../test-board.js';
import { trailerBytes, writeImageOkByte, writeMagic, type TrailerBytes } from '../trailer-bytes.js';
import type { CaseBoard } from './boards.js';

/** What is different in an image, for each image of the board or for all; or that there is none. */
export type ImageChanges =
  | Partial<ImageSpec>
  | 'none'
  | ((imageIndex: number, board: TestBoard) => Partial<ImageSpec> | 'none');

/** What is put into the slots of every image of a board. */
export interface Staging {
  readonly settings?: BoardSettings;
  /** Changes to the old image, in the primary slot. */
  readonly old?: ImageChanges;
  /** Changes to the new image, in the secondary slot. */
  readonly new?: ImageChanges;
  /** What is done to the new image after it was signed. */
  readonly spoil?: (image: Uint8Array) => Uint8Array;
}

/** What lies in a slot: one of the images, nothing, or neither. */
export type Found = 'old' | 'new' | 'erased' | 'other';

/** What both slots of every image are to hold. */
export interface ExpectedSlots {
  readonly primary?: Found;
  readonly secondary?: Found;
  readonly primaryTrailer?: TrailerBytes;
  readonly secondaryTrailer?: TrailerBytes;
}

/** A swap that is finished, and one whose image was also confirmed. */
export const SWAPPED: TrailerBytes = { magic: 'good', copyDone: 'set', imageOk: 'unset' };
export const CONFIRMED: TrailerBytes = { magic: 'good', copyDone: 'set', imageOk: 'set' };
/** An image that was programmed with a trailer that confirms it; it was never swapped. */
export const PROGRAMMED_CONFIRMED: TrailerBytes = { ...CONFIRMED, copyDone: 'unset' };

/**
 * A board with an old image in each primary slot and a new one in each secondary, the largest that
 * the slots take unless told. A board that carries two images has other ones for the second.
 */
export class StagedBoard extends TestBoard {
  readonly old: readonly (Uint8Array | undefined)[];
  readonly new: readonly (Uint8Array | undefined)[];

  constructor(spec: CaseBoard, staging: Staging = {}) {
    super(spec, staging.settings);
    this.old = this.images.map((_, index) => this.#imageFor(0, index, staging.old));
    const made = this.images.map((_, index) => this.#imageFor(1, index, staging.new));
    this.new = made.map((image) => image && (staging.spoil?.(image) ?? image));
    for (const index of this.images.keys()) {
      const [old, replacement] = [this.old[index], this.new[index]];
      if (old !== undefined) this.install(0, old, index);
      if (replacement !== undefined) this.install(1, replacement, index);
    }
  }

  /** Asks for the new images: magic, and image-ok for good. */
  request(options: { readonly permanent: boolean }): this {
    for (const [, secondary] of this.images) {
      writeMagic(secondary);
      if (options.permanent) writeImageOkByte(secondary);
    }
    return this;
  }

  /** As if the old images had been programmed with a trailer that confirms them. */
  programConfirmed(): this {
    for (const [primary] of this.images) {
      writeMagic(primary);
      writeImageOkByte(primary);
    }
    return this;
  }

  /** What an application does that finds itself well. */
  confirm(): void {
    for (const [primary] of this.images) writeImageOkByte(primary);
  }

  /** What lies in a slot, byte for byte. */
  found(slot: 0 | 1, imageIndex: number): Found {
    const area = this.slot(slot, imageIndex);
    // A swap by offset leaves images in the first sector, and uploads go to the second.
    const offsets = slot === 1 ? [0, this.capacity.uploadOffsetBytes] : [0];
    const holds = (image: Uint8Array | undefined): boolean =>
      image !== undefined && offsets.some((offset) => startsWith(area, offset, image));
    if (holds(this.old[imageIndex])) return 'old';
    if (holds(this.new[imageIndex])) return 'new';
    const isErased = area.read(0, area.sizeBytes).every((byte) => byte === area.erasedValue);
    return isErased ? 'erased' : 'other';
  }

  /** Holds every image of the board to what is expected. */
  expectSlots(expected: ExpectedSlots): void {
    for (const [index, [primary, secondary]] of this.images.entries()) {
      const found = {
        primary: this.found(0, index),
        secondary: this.found(1, index),
        primaryTrailer: trailerBytes(primary),
        secondaryTrailer: trailerBytes(secondary),
      };
      expect(found).toMatchObject(expected);
    }
  }

  #imageFor(slot: 0 | 1, imageIndex: number, staged: ImageChanges = {}): Uint8Array | undefined {
    const changes = typeof staged === 'function' ? staged(imageIndex, this) : staged;
    if (changes === 'none') return undefined;
    return signedImage({
      version: versionOf(slot === 0 ? 'old' : 'new', imageIndex),
      sizeBytes: this.maxImageSizeBytes(imageIndex),
      contents: 2 * imageIndex + slot + 1,
      ...changes,
    });
  }
}

/** The version of an image of a board: the images count in steps of twenty. */
export function versionOf(which: 'old' | 'new', imageIndex = 0): string {
  return `${imageIndex * 20 + (which === 'old' ? 1 : 2)}.0.0`;
}

/** What `bootsTo` says when every image of a board runs in one of its versions. */
export function running(board: TestBoard, which: 'old' | 'new', slot = 'primary'): string {
  return board.images.map((_, index) => `${slot} ${versionOf(which, index)}`).join(', ');
}

function startsWith(area: FlashArea, offset: number, image: Uint8Array): boolean {
  if (offset + image.byteLength > area.sizeBytes) return false;
  return Buffer.compare(area.read(offset, image.byteLength), image) === 0;
}
