import { accept, reject, type Rejected, type Verdict } from '@brickproof/bootloader-sim';

/** What a file system refuses. Whatever has no code of its own is `file-failed`. */
export type FileFaultCode =
  | 'file-missing'
  | 'file-exists'
  | 'file-no-permission'
  | 'file-read-only'
  | 'file-no-space'
  | 'file-busy'
  | 'file-is-folder'
  | 'file-failed';

/** What a file system answers. The detail is what the system said. */
export type FileVerdict<T> = Verdict<T, FileFaultCode>;

/** What a name in a folder stands for. */
export type FileKind = 'file' | 'block-device' | 'folder' | 'other';

/** What there is to know of a file without opening it. */
export interface FileStatus {
  readonly kind: FileKind;
  /** Of a regular file; a block device has 0 here. */
  readonly sizeBytes: number;
  /** The same for two paths that lead to one file or one device. */
  readonly identity: string;
}

/**
 * How a file is opened: to be read and written, made anew (refused when the name is taken), or as
 * a block device that nobody else may use at the same time.
 */
export type FileOpening = 'read-write' | 'create' | 'exclusive-device';

/** An open file. What was written counts as kept only after `syncData`. */
export interface OpenFile {
  /** Reads into the buffer; answers how many bytes, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): FileVerdict<number>;
  /** Answers how many bytes were taken, which may be fewer than there are. */
  write(data: Uint8Array, position: number): FileVerdict<number>;
  /** Makes what was written to this file, and its size, survive a power cut: fdatasync. */
  syncData(): FileVerdict<void>;
  close(): void;
}

/**
 * The little of a file system that slots and store stand on. Every call returns when it is done.
 * What is not synced may be lost in a power cut, in any part and any order; that goes for names in
 * a folder too, until `syncFolder`.
 */
export interface FileSystemPort {
  stat(path: string): FileVerdict<FileStatus>;
  open(path: string, opening: FileOpening): FileVerdict<OpenFile>;
  /** Puts a name in the place of another, at once: nobody sees neither, or half. */
  rename(from: string, to: string): FileVerdict<void>;
  unlink(path: string): FileVerdict<void>;
  /** The names in a folder. */
  list(folder: string): FileVerdict<readonly string[]>;
  /** Makes the names in a folder survive a power cut: fsync of the folder. */
  syncFolder(folder: string): FileVerdict<void>;
}

/** Reads exactly as much as the buffer takes; a file that ends before is `file-failed`. */
export function readWhole(file: OpenFile, buffer: Uint8Array, position: number): FileVerdict<void> {
  return transferWhole(buffer.byteLength, (done) =>
    file.read(done === 0 ? buffer : buffer.subarray(done), position + done),
  );
}

/** Writes all of it, however few bytes the system takes at a time. */
export function writeWhole(file: OpenFile, data: Uint8Array, position: number): FileVerdict<void> {
  return transferWhole(data.byteLength, (done) =>
    file.write(done === 0 ? data : data.subarray(done), position + done),
  );
}

/** Each turn moves at least one byte or ends, so there are no more turns than bytes. */
function transferWhole(
  lengthBytes: number,
  transfer: (doneBytes: number) => FileVerdict<number>,
): FileVerdict<void> {
  let doneBytes = 0;
  while (doneBytes < lengthBytes) {
    const moved = transfer(doneBytes);
    if (!moved.ok) return moved;
    if (moved.value === 0) return fellShort(doneBytes, lengthBytes);
    doneBytes += moved.value;
  }
  return accept(undefined);
}

function fellShort(doneBytes: number, lengthBytes: number): Rejected<FileFaultCode> {
  return reject('file-failed', `only ${doneBytes} of ${lengthBytes} bytes`);
}

/** What a person can do about a fault, to stand behind a sentence that names the file. */
export function fileAdvice(code: FileFaultCode): string {
  return ADVICE[code];
}

const ADVICE: Readonly<Record<FileFaultCode, string>> = {
  'file-missing': 'make the folder or mount its file system',
  'file-exists': 'remove what has that name',
  'file-no-permission': 'give the user that runs the agent the right to read and write it',
  'file-read-only': 'mount its file system for writing',
  'file-no-space': 'free some space on its file system',
  'file-busy': 'unmount it, or stop the program that uses it',
  'file-is-folder': 'name a file, not a folder',
  'file-failed': 'check the disk and the kernel log',
};
