import { equalBytes } from '@brickproof/bootloader-sim';
import type { ImageEntry } from '@brickproof/harness';
import { BrokenPromise } from './broken-promise.js';
import type { Testimony } from './daemon-life.js';
import { readSlot, readStoredCounter } from './device-disk.js';
import type { KilledDevice } from './killed-device.js';
import type { Update } from './update-plan.js';

/** How many bytes may be under way when an offset is answered: three messages. */
const UNDER_WAY_BYTES_MAX: number = 3 * 1472;

/** What the daemon has acknowledged of the update that is under way. */
interface Acknowledged {
  /** Up to here, at least, bytes were taken; the whole image once it was found right. */
  uploadedBytes: number;
  isWhole: boolean;
  /** The boot in which the upload was last acknowledged. */
  uploadedInBoot: number;
  /** Something may be marked, acknowledged or not. */
  isMarkAsked: boolean;
  /** The boot in which the mark was acknowledged. */
  markedInBoot: number | undefined;
  /** Starts in later boots than that, whatever became of them. */
  startsSince: number;
}

const NOTHING: Acknowledged = {
  uploadedBytes: 0,
  isWhole: false,
  uploadedInBoot: 0,
  isMarkAsked: false,
  markedInBoot: undefined,
  startsSince: 0,
};

/** Remembers what a device has acknowledged, and holds it to that after each start. */
export class Ledger {
  readonly #device: KilledDevice;
  #update: Update | undefined;
  #acknowledged: Acknowledged = NOTHING;
  /** The highest version, by index, that was seen confirmed. */
  #confirmedIndex = 0;
  #counter = 0;
  /** Which slot a daemon said it runs, and in which boot. */
  #said: { readonly boot: number; readonly slot: number } | undefined;

  constructor(device: KilledDevice) {
    this.#device = device;
  }

  get isMarked(): boolean {
    return this.#acknowledged.markedInBoot !== undefined;
  }

  begin(update: Update): void {
    this.#update = update;
    this.#acknowledged = { ...NOTHING };
  }

  noteUploaded(bytes: number): void {
    this.#acknowledged.uploadedBytes = bytes;
    this.#acknowledged.uploadedInBoot = this.#device.boot;
  }

  noteWhole(): void {
    this.#acknowledged.isWhole = true;
    this.#acknowledged.uploadedInBoot = this.#device.boot;
  }

  noteMarkAsked(): void {
    this.#acknowledged.isMarkAsked = true;
  }

  noteMarked(): void {
    this.#acknowledged.markedInBoot = this.#device.boot;
  }

  noteConfirmed(index: number): void {
    this.#confirmedIndex = Math.max(this.#confirmedIndex, index);
  }

  /** To be called before each start: what can be told of a device that does not run. */
  checkAtRest(): void {
    const counter = readStoredCounter(this.#device);
    if (counter < this.#counter) {
      throw new BrokenPromise('counter-went-back', `${this.#counter}, now ${counter}`);
    }
    this.#counter = counter;
  }

  noteStart(): void {
    const { markedInBoot } = this.#acknowledged;
    if (markedInBoot !== undefined && this.#device.boot > markedInBoot) {
      this.#acknowledged.startsSince += 1;
    }
  }

  /** Where an upload begins or goes on: nothing is lost but the sector that was being written. */
  noteUploadFrom(from: number): void {
    this.#checkResumed(from);
    this.#acknowledged.isWhole = false;
    this.noteUploaded(from);
  }

  #checkResumed(from: number): void {
    const update = this.#current();
    const { uploadedBytes, isWhole, isMarkAsked, uploadedInBoot } = this.#acknowledged;
    const size = update.image.byteLength;
    // A bootloader erases an image that is whole and not marked; a mark half made is done anew.
    const mayBegin = isMarkAsked || this.#device.boot !== uploadedInBoot;
    if (isWhole && !mayBegin && from < size) {
      throw new BrokenPromise('upload-lost', `it was whole, and goes on at ${from} of ${size}`);
    }
    const isAtEnd = uploadedBytes + UNDER_WAY_BYTES_MAX >= size;
    if (isWhole || isAtEnd || uploadedBytes === 0) return;
    const { sectorSizeBytes } = this.#device.leg;
    const kept = Math.floor((uploadedBytes - 1) / sectorSizeBytes) * sectorSizeBytes;
    if (from < kept) {
      throw new BrokenPromise('upload-lost', `${uploadedBytes} were taken, it goes on at ${from}`);
    }
  }

  /** What must hold of every daemon that answers, whatever happened before. */
  check(told: Testimony): void {
    const { running } = told;
    this.checkAtRest();
    this.#checkSlot(running);
    this.#checkVersion(running);
    this.#checkRecord(told);
    this.#checkMark(told);
    if (running.confirmed) this.noteConfirmed(versionIndex(running));
  }

  #checkSlot(running: ImageEntry): void {
    const { boot } = this.#device;
    const { slot } = running;
    if (this.#said?.boot === boot && this.#said.slot !== slot) {
      const detail = `slot ${this.#said.slot} ran in boot ${boot}, now slot ${slot}`;
      throw new BrokenPromise('slot-changed-in-boot', detail);
    }
    this.#said = { boot, slot };
    const { image, trailer } = readSlot(this.#device, slot, this.#counter);
    if (!image.ok) {
      throw new BrokenPromise('running-image-unsound', `${image.code}: ${image.detail}`);
    }
    if (running.hash === undefined || !equalBytes(image.value.hash, running.hash)) {
      throw new BrokenPromise('running-image-unsound', `slot ${slot} holds another image`);
    }
    const isTrailerRight = this.#device.leg.strategy === 'overwrite-only' || isConfirmed(trailer);
    if (running.confirmed && !isTrailerRight) {
      throw new BrokenPromise('confirm-lost', `the trailer says ${JSON.stringify(trailer)}`);
    }
  }

  #checkVersion(running: ImageEntry): void {
    const index = versionIndex(running);
    if (index < this.#confirmedIndex) {
      const detail = `1.${this.#confirmedIndex} was confirmed, ${running.version} runs`;
      throw new BrokenPromise('version-went-back', detail);
    }
    if (index === this.#confirmedIndex && !running.confirmed) {
      throw new BrokenPromise('confirm-lost', `${running.version} was confirmed`);
    }
    const { kind, index: updateIndex } = this.#current();
    if (index !== updateIndex) return;
    if (kind === 'forged' || (kind === 'unwell' && running.confirmed)) {
      throw new BrokenPromise('bad-image-confirmed', `${kind} ${running.version} runs`);
    }
  }

  /** What group 64 says must fit what runs and what is marked. */
  #checkRecord({ running, images, lastState, lastHash }: Testimony): void {
    const isRunning = running.hash !== undefined && equalBytes(running.hash, lastHash);
    const isPending = images.some(({ pending, hash }) => pending && sameHash(hash, lastHash));
    const fits: Readonly<Record<string, boolean>> = {
      none: !this.isMarked,
      marked: isPending && !isRunning,
      'on-trial': isRunning && !running.confirmed,
      confirmed: isRunning && running.confirmed,
      failed: !isRunning && !isPending,
    };
    if (fits[lastState] === true) return;
    const what = { isRunning, isPending, isConfirmed: running.confirmed };
    throw new BrokenPromise('record-inconsistent', `"${lastState}", ${JSON.stringify(what)}`);
  }

  /** A mark that was acknowledged is pending in its boot, and then runs, or is told to have failed. */
  #checkMark({ running, images, lastState, lastHash }: Testimony): void {
    const { markedInBoot, startsSince } = this.#acknowledged;
    if (markedInBoot === undefined) return;
    const update = this.#current();
    const isRunning = sameHash(running.hash, update.hash);
    const isPending = images.some(({ pending, hash }) => pending && sameHash(hash, update.hash));
    const isFailed = lastState === 'failed' && equalBytes(lastHash, update.hash);
    const isTrial = this.#device.leg.strategy === 'direct-xip' && update.kind !== 'permanent';
    // Its one start may have been cut short, or was this boot's and a later one's.
    const mayFail = isTrial && startsSince > 1;
    const isKept =
      this.#device.boot === markedInBoot ? isPending : isRunning || (mayFail && isFailed);
    if (isKept) return;
    const what = { isRunning, isPending, isFailed, mayFail, startsSince };
    throw new BrokenPromise('mark-lost', JSON.stringify(what));
  }

  #current(): Update {
    if (this.#update === undefined) throw new Error('there is no update');
    return this.#update;
  }
}

/** The versions of a leg are 1.index. */
export function versionIndex(entry: ImageEntry): number {
  return Number(entry.version.split('.')[1]);
}

function sameHash(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && equalBytes(a, b);
}

function isConfirmed(trailer: { readonly magic: string; readonly imageOk: string }): boolean {
  return trailer.magic === 'good' && trailer.imageOk === 'set';
}
