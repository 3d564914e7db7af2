import { basename, dirname, resolve } from 'node:path';
import { accept, reject, type Rejected, type Verdict } from '@brickproof/bootloader-sim';
import { fileAdvice, writeWhole } from './file-system-port.js';
import type {
  FileFaultCode,
  FileStatus,
  FileSystemPort,
  FileVerdict,
  OpenFile,
} from './file-system-port.js';

/** Why a slot cannot be kept where it was to be kept. */
export type SlotFileRejectCode =
  | 'slot-geometry-invalid'
  | 'slot-file-missing'
  | 'slot-file-unreadable'
  | 'slot-file-unwritable'
  | 'slot-file-busy'
  | 'slot-file-not-a-file'
  | 'slot-file-wrong-size'
  | 'slot-device-too-small'
  | 'slot-files-same'
  | 'slot-files-differ';

/** The file of a slot. */
export interface SlotFileOpening {
  readonly path: string;
  readonly sizeBytes: number;
  readonly erasedValue: number;
  readonly mayCreate: boolean;
}

/** A name beside the slot's, for a file that is not whole yet. */
const UNFINISHED_SUFFIX = '.new';
const DEVICE_FOLDER = '/dev/';
const FILL_PIECE_BYTES = 128 * 1024;

/** Opens the file or the device of a slot; a missing file is made first, whole or not at all. */
export function openSlotFile(
  opening: SlotFileOpening,
  fileSystem: FileSystemPort,
): Verdict<OpenFile, SlotFileRejectCode> {
  const { path } = opening;
  const found = fileSystem.stat(path);
  if (found.ok) return openExisting(opening, found.value, fileSystem);
  if (found.code !== 'file-missing') return unreadable(path, found);
  // A device that is not there is not replaced by a file of its name.
  if (!opening.mayCreate || resolve(path).startsWith(DEVICE_FOLDER)) {
    return reject('slot-file-missing', `there is no ${path}; make it, or correct the path`);
  }
  if (isDeadLink(path, fileSystem)) {
    const detail = `${path} is a link that leads nowhere; mount what it leads to, or correct it`;
    return reject('slot-file-missing', detail);
  }
  const made = createErased(opening, fileSystem);
  return made.ok ? openFile(path, fileSystem) : unwritable(path, made);
}

/** A name without a file: one made here would be on another disk than was meant. */
function isDeadLink(path: string, fileSystem: FileSystemPort): boolean {
  const names = fileSystem.list(dirname(path));
  return names.ok && names.value.includes(basename(path));
}

function openExisting(
  { path, sizeBytes }: SlotFileOpening,
  status: FileStatus,
  fileSystem: FileSystemPort,
): Verdict<OpenFile, SlotFileRejectCode> {
  if (status.kind === 'block-device') {
    const device = openAs('exclusive-device', path, fileSystem);
    return device.ok ? checkDeviceSize(device.value, { path, sizeBytes }) : device;
  }
  if (status.kind !== 'file') {
    const detail = `${path} is neither a regular file nor a block device; name one that is`;
    return reject('slot-file-not-a-file', detail);
  }
  if (status.sizeBytes !== sizeBytes) {
    const detail = `${path} has ${status.sizeBytes} bytes, the slot has ${sizeBytes}; correct the size, or move the file away to have a new one made`;
    return reject('slot-file-wrong-size', detail);
  }
  return openFile(path, fileSystem);
}

/** Its name is made durable first: it may have been made by a process that was killed since. */
function openFile(path: string, fileSystem: FileSystemPort): Verdict<OpenFile, SlotFileRejectCode> {
  const named = fileSystem.syncFolder(dirname(path));
  return named.ok ? openAs('read-write', path, fileSystem) : unwritable(path, named);
}

function openAs(
  opening: 'read-write' | 'exclusive-device',
  path: string,
  fileSystem: FileSystemPort,
): Verdict<OpenFile, SlotFileRejectCode> {
  const opened = fileSystem.open(path, opening);
  return opened.ok ? opened : unwritable(path, opened);
}

/** A block device does not tell its size as a file does: its last byte that counts must be there. */
function checkDeviceSize(
  device: OpenFile,
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
): Verdict<OpenFile, SlotFileRejectCode> {
  const last = device.read(new Uint8Array(1), sizeBytes - 1);
  if (last.ok && last.value === 1) return accept(device);
  device.close();
  if (!last.ok) return unreadable(path, last);
  const detail = `${path} has fewer than the ${sizeBytes} bytes of the slot; make the slot smaller or the partition larger`;
  return reject('slot-device-too-small', detail);
}

/** The file gets its name only when it is whole, so that a cut leaves none that is too short. */
function createErased(opening: SlotFileOpening, fileSystem: FileSystemPort): FileVerdict<void> {
  const unfinished = `${opening.path}${UNFINISHED_SUFFIX}`;
  fileSystem.unlink(unfinished);
  const created = fileSystem.open(unfinished, 'create');
  if (!created.ok) return created;
  const filled = fillErased(created.value, opening);
  created.value.close();
  const named = filled.ok ? fileSystem.rename(unfinished, opening.path) : filled;
  if (!named.ok) fileSystem.unlink(unfinished);
  return named;
}

function fillErased(file: OpenFile, opening: SlotFileOpening): FileVerdict<void> {
  const { sizeBytes, erasedValue } = opening;
  const erased = new Uint8Array(Math.min(sizeBytes, FILL_PIECE_BYTES)).fill(erasedValue);
  for (let done = 0; done < sizeBytes; done += erased.byteLength) {
    const written = writeWhole(file, erased.subarray(0, sizeBytes - done), done);
    if (!written.ok) return written;
  }
  return file.syncData();
}

function unreadable(path: string, fault: Rejected<FileFaultCode>): Rejected<SlotFileRejectCode> {
  const detail = `${path} cannot be read (${fault.detail}); ${fileAdvice(fault.code)}`;
  return reject('slot-file-unreadable', detail);
}

function unwritable(path: string, fault: Rejected<FileFaultCode>): Rejected<SlotFileRejectCode> {
  const detail = `${path} cannot be written (${fault.detail}); ${fileAdvice(fault.code)}`;
  return reject(fault.code === 'file-busy' ? 'slot-file-busy' : 'slot-file-unwritable', detail);
}
