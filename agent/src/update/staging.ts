import { DONE, accept, compareImageVersions, equalBytes, reject } from '@brickproof/bootloader-sim';
import type { CryptoProvider, Rejected, Verdict } from '@brickproof/bootloader-sim';
import type { BootControl } from '../boot-control/boot-control.js';
import { UPLOAD_CHECKPOINT_KEYS } from '../store/store-keys.js';
import type { Store } from '../store/store.js';
import { eraseAroundImage, isErasedAroundImage } from './image-surroundings.js';
import { SectorWriter, sectorAt } from './sector-writer.js';
import { decodeCheckpoint, encodeCheckpoint } from './staging-checkpoint.js';
import type { UploadCheckpoint } from './staging-checkpoint.js';
import { UPLOAD_SHA_BYTES_MAX, checkFirstPacket } from './upload-packet.js';
import type {
  FirstPacket,
  StagingRejectCode,
  UploadIdentity,
  UploadPacket,
} from './upload-packet.js';

/** How far the upload is; at its end, whether the flash holds what the sha stands for. */
export interface UploadAnswer {
  readonly off: number;
  readonly match?: boolean;
}

/** What staging stands on. */
export interface StagingPorts {
  readonly bootControl: BootControl;
  readonly store: Store;
  readonly crypto: CryptoProvider;
  /** Whether encrypted images are taken: the device has a decryption key. Absent: it has none. */
  readonly takesEncryptedImages?: boolean;
  /** A line of text for the console. */
  log?(text: string): void;
  /** The image whose slots these are; 0 unless told. */
  readonly imageIndex?: number;
}

interface Upload extends UploadIdentity {
  readonly slot: number;
  readonly writer: SectorWriter;
}

type StagingVerdict = Verdict<UploadAnswer, StagingRejectCode>;

/**
 * Takes an image into the slot that does not run, packet by packet, straight to flash. How far it
 * is survives a power cut: the store is told of each sector before it is erased. A slot counts as
 * open from before its first erase until its contents have been read back and found right.
 */
export class ImageStaging {
  readonly #ports: StagingPorts;
  readonly #imageIndex: number;
  readonly #checkpointKey: number;
  #upload: Upload | undefined;
  /** The last upload that ended well, to answer its last packet when it comes twice. */
  #completed: UploadIdentity | undefined;

  constructor(ports: StagingPorts) {
    this.#ports = ports;
    this.#imageIndex = ports.imageIndex ?? 0;
    const key = UPLOAD_CHECKPOINT_KEYS[this.#imageIndex];
    if (key === undefined) throw new RangeError(`no checkpoint for image ${this.#imageIndex}`);
    this.#checkpointKey = key;
  }

  /** Whether a slot holds an upload that is not known to be whole. */
  isOpen(slot: number): boolean {
    return this.#checkpoint()?.slot === slot;
  }

  /** Forgets all uploads; for a slot that has been erased. */
  discard(): Verdict<void, StagingRejectCode> {
    this.#upload = undefined;
    this.#completed = undefined;
    const forgotten = this.#ports.store.delete(this.#checkpointKey);
    return forgotten.ok ? DONE : reject('upload-store-failed', forgotten.detail);
  }

  /**
   * Takes a packet and answers the offset from which the client is to go on. A packet for another
   * offset changes nothing. After any refusal the upload can be resumed from what is answered next.
   */
  take(packet: UploadPacket): StagingVerdict {
    if (packet.off === undefined)
      return reject('upload-offset-missing', 'the packet has no offset');
    if (packet.off === 0) return this.#takeFirst(packet);
    return this.#takeNext(packet.off, packet.data ?? new Uint8Array(0));
  }

  #takeNext(off: number, data: Uint8Array): StagingVerdict {
    const upload = this.#upload;
    if (upload === undefined) return accept(this.#completedAnswer());
    if (off !== upload.writer.offset) return accept({ off: upload.writer.offset });
    if (off + data.byteLength > upload.sizeBytes) return overrun(off + data.byteLength, upload);
    return this.#write(upload, data);
  }

  #completedAnswer(): UploadAnswer {
    if (this.#completed === undefined) return { off: 0 };
    const { sizeBytes, sha } = this.#completed;
    return sha.byteLength === 0 ? { off: sizeBytes } : { off: sizeBytes, match: true };
  }

  /** Nothing is erased before every check has passed, in the order of Zephyr's. */
  #takeFirst(packet: UploadPacket): StagingVerdict {
    const takesEncrypted = this.#ports.takesEncryptedImages ?? false;
    const rules = { takesEncrypted, imageIndex: this.#imageIndex };
    const checked = checkFirstPacket(packet, rules);
    if (!checked.ok) return this.#refuseFirst(checked);
    const first = checked.value;
    const slot = this.#ports.bootControl.uploadSlot;
    const free = this.#checkSlotFree(slot);
    if (!free.ok) return free;
    const resumed = this.#resume(slot, first);
    if (resumed !== undefined) return accept(resumed);
    const fits = this.#checkFits(slot, first);
    if (!fits.ok) return fits;
    return this.#begin(slot, first);
  }

  /** Clients learn a number that is close; that the image is encrypted, only the console tells. */
  #refuseFirst(refused: Rejected<StagingRejectCode>): Rejected<StagingRejectCode> {
    if (refused.code === 'upload-encrypted') {
      this.#ports.log?.(`Upload refused: image-encryption-key-missing: ${refused.detail}`);
    }
    return refused;
  }

  /** A slot that boots next, or that a trial falls back to, is not written over. */
  #checkSlotFree(slot: number): Verdict<void, StagingRejectCode> {
    const { bootControl } = this.#ports;
    if (bootControl.state(slot).pending) {
      return reject('upload-slot-in-use', `slot ${slot} is set to boot next`);
    }
    if (!bootControl.state(bootControl.activeSlot).confirmed) {
      return reject('upload-slot-in-use', `slot ${slot} is what the running trial falls back to`);
    }
    return DONE;
  }

  #checkFits(slot: number, first: FirstPacket): Verdict<void, StagingRejectCode> {
    const { bootControl } = this.#ports;
    const maxBytes = bootControl.maxImageSizeBytes(slot);
    if (first.sizeBytes > maxBytes) {
      const detail = `${first.sizeBytes} bytes, slot ${slot} takes ${maxBytes}`;
      return reject('upload-too-large', detail);
    }
    if (first.data.byteLength > first.sizeBytes) return overrun(first.data.byteLength, first);
    if (!first.upgradeOnly) return DONE;
    const running = bootControl.state(bootControl.activeSlot).image?.header.version;
    if (running === undefined) {
      return reject('upload-version-unknown', 'the running image has no readable version');
    }
    if (compareImageVersions(first.version, running) > 0) return DONE;
    return reject('upload-version-not-newer', 'the running image is as new or newer');
  }

  /** Where an upload of the same image goes on; undefined when it has to begin. */
  #resume(slot: number, first: FirstPacket): UploadAnswer | undefined {
    if (this.#completed !== undefined && isSameUpload(this.#completed, first)) {
      // Read again: flash may lose a bit, and whoever asks anew may do so for that reason.
      if (this.#isIntact(slot, first)) return this.#completedAnswer();
      this.#completed = undefined;
    }
    const upload = this.#upload ?? this.#restore(slot, first.data);
    if (upload === undefined || upload.writer.offset === 0) return undefined;
    const isRepeated = first.sha.byteLength === 0 && upload.sha.byteLength === 0;
    const isSame = isRepeated
      ? upload.sizeBytes === first.sizeBytes && upload.writer.holds(first.data)
      : isSameUpload(upload, first);
    if (!isSame) return undefined;
    this.#upload = upload;
    return { off: upload.writer.offset };
  }

  /** The upload that was under way when the power went. */
  #restore(slot: number, head: Uint8Array): Upload | undefined {
    const checkpoint = this.#checkpoint();
    if (checkpoint?.slot !== slot) return undefined;
    const area = this.#ports.bootControl.imageArea(slot);
    const { sizeBytes, sha, offset } = checkpoint;
    const isUsable =
      sha.byteLength > 0 &&
      offset < sizeBytes &&
      sizeBytes <= area.sizeBytes &&
      sectorAt(area, offset).offset === offset;
    return isUsable
      ? { slot, sizeBytes, sha, writer: new SectorWriter(area, offset, head) }
      : undefined;
  }

  #begin(slot: number, first: FirstPacket): StagingVerdict {
    this.#upload = undefined;
    this.#completed = undefined;
    if (this.#isAlreadyThere(slot, first)) {
      this.#completed = { sizeBytes: first.sizeBytes, sha: first.sha };
      return accept(this.#completedAnswer());
    }
    const { sizeBytes, sha } = first;
    const noted = this.#note({ slot, sizeBytes, sha, offset: 0 });
    if (!noted.ok) return noted;
    const cleared = eraseAroundImage(this.#ports.bootControl, slot);
    if (!cleared.ok) return reject('upload-erase-failed', cleared.detail);
    const writer = new SectorWriter(this.#ports.bootControl.imageArea(slot), 0);
    this.#upload = { slot, sizeBytes, sha, writer };
    return this.#write(this.#upload, first.data);
  }

  /** Whether the slot holds the image from before, untouched and unmarked. */
  #isAlreadyThere(slot: number, first: FirstPacket): boolean {
    if (first.sha.byteLength !== UPLOAD_SHA_BYTES_MAX || this.isOpen(slot)) return false;
    const area = this.#ports.bootControl.imageArea(slot);
    if (!equalBytes(area.read(0, first.data.byteLength), first.data)) return false;
    if (!isErasedAroundImage(this.#ports.bootControl, slot)) return false;
    return this.#isIntact(slot, first);
  }

  /** Whether the slot holds what the sha, or as much as there is of one, stands for. */
  #isIntact(slot: number, { sizeBytes, sha }: UploadIdentity): boolean {
    return equalBytes(this.#digest(slot, sizeBytes).subarray(0, sha.byteLength), sha);
  }

  #write(upload: Upload, data: Uint8Array): StagingVerdict {
    const { writer } = upload;
    let rest = data;
    while (rest.byteLength > 0) {
      const entered = writer.isAtSector ? this.#enterSector(upload) : DONE;
      if (!entered.ok) return entered;
      const written = writer.write(rest);
      if (!written.ok) return writeFailed(upload, written.detail);
      rest = rest.subarray(written.value);
    }
    if (writer.offset < upload.sizeBytes) return accept({ off: writer.offset });
    const finished = this.#finish(upload);
    return finished.ok ? this.#complete(upload) : finished;
  }

  /**
   * The header goes last. Noted first: once it is there a bootloader may find the image, unmarked,
   * and erase it, so after a cut from here on the upload begins again.
   */
  #finish(upload: Upload): Verdict<void, StagingRejectCode> {
    const { slot, sizeBytes, sha, writer } = upload;
    const finished = writer.finish();
    if (!finished.ok) return writeFailed(upload, finished.detail);
    // The last packet has been taken: if it goes wrong from here on, the store says where to resume.
    this.#upload = undefined;
    const noted = this.#note({ slot, sizeBytes, sha, offset: 0 });
    if (!noted.ok) return noted;
    const headed = writer.writeHead();
    return headed.ok ? DONE : reject('upload-write-failed', headed.detail);
  }

  /** Noted first: after a cut anywhere from here on, the sector is erased and written again. */
  #enterSector(upload: Upload): Verdict<void, StagingRejectCode> {
    const { slot, sizeBytes, sha, writer } = upload;
    const noted = this.#note({ slot, sizeBytes, sha, offset: writer.offset });
    if (!noted.ok) return noted;
    const erased = writer.enterSector();
    return erased.ok ? DONE : reject('upload-erase-failed', erased.detail);
  }

  /** Reads the image back. One that is not what was announced loses its header. */
  #complete(upload: Upload): StagingVerdict {
    const { slot, sizeBytes, sha } = upload;
    const match = this.#isIntact(slot, upload);
    this.#upload = undefined;
    if (!match) {
      const area = this.#ports.bootControl.imageArea(slot);
      const erased = area.erase(0, sectorAt(area, 0).sizeBytes);
      if (!erased.ok) return reject('upload-erase-failed', erased.detail);
    }
    const closed = this.discard();
    if (!closed.ok) return closed;
    if (!match) return accept({ off: sizeBytes, match });
    this.#completed = { sizeBytes, sha };
    return accept(this.#completedAnswer());
  }

  #digest(slot: number, sizeBytes: number): Uint8Array {
    const hasher = this.#ports.crypto.sha256();
    for (const chunk of this.#ports.bootControl.imageArea(slot).chunks(0, sizeBytes)) {
      hasher.update(chunk);
    }
    return hasher.digest();
  }

  #checkpoint(): UploadCheckpoint | undefined {
    const bytes = this.#ports.store.get(this.#checkpointKey);
    return bytes === undefined ? undefined : decodeCheckpoint(bytes);
  }

  #note(checkpoint: UploadCheckpoint): Verdict<void, StagingRejectCode> {
    const bytes = encodeCheckpoint(checkpoint);
    const kept = this.#ports.store.set(this.#checkpointKey, bytes);
    return kept.ok ? DONE : reject('upload-store-failed', kept.detail);
  }
}

function writeFailed(upload: Upload, detail: string): Rejected<StagingRejectCode> {
  upload.writer.rewind();
  return reject('upload-write-failed', detail);
}

function overrun(bytes: number, upload: UploadIdentity): Rejected<StagingRejectCode> {
  return reject('upload-overrun', `${bytes} bytes, the image has ${upload.sizeBytes}`);
}

/** Only an upload with a sha can be known again. */
function isSameUpload(a: UploadIdentity, b: UploadIdentity): boolean {
  return a.sha.byteLength > 0 && a.sizeBytes === b.sizeBytes && equalBytes(a.sha, b.sha);
}
