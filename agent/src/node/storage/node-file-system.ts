import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs';
import { accept, reject } from '@brickproof/bootloader-sim';
import type {
  FileFaultCode,
  FileKind,
  FileOpening,
  FileStatus,
  FileSystemPort,
  FileVerdict,
  OpenFile,
} from './file-system-port.js';

const OPEN_FLAGS: Readonly<Record<FileOpening, number>> = {
  'read-write': constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  // Without O_CREAT this is Linux's way to ask for a block device that is not mounted.
  'exclusive-device': constants.O_RDWR | constants.O_EXCL,
};
/** What the agent keeps is its own: no other user may read or change it. */
const CREATED_MODE = 0o600;

const FAULTS: ReadonlyMap<string, FileFaultCode> = new Map([
  ['ENOENT', 'file-missing'],
  ['ENOTDIR', 'file-missing'],
  ['EEXIST', 'file-exists'],
  ['EACCES', 'file-no-permission'],
  ['EPERM', 'file-no-permission'],
  ['EROFS', 'file-read-only'],
  ['ENOSPC', 'file-no-space'],
  ['EDQUOT', 'file-no-space'],
  ['EFBIG', 'file-no-space'],
  ['EBUSY', 'file-busy'],
  ['ETXTBSY', 'file-busy'],
  ['EISDIR', 'file-is-folder'],
]);

/** The file system of the machine. */
export const nodeFileSystem: FileSystemPort = {
  stat: (path) => attempt(() => statusOf(statSync(path, { bigint: true }))),
  open: (path, opening) =>
    attempt(() => new NodeFile(openSync(path, OPEN_FLAGS[opening], CREATED_MODE))),
  rename: (from, to) =>
    attempt(() => {
      renameSync(from, to);
    }),
  unlink: (path) =>
    attempt(() => {
      unlinkSync(path);
    }),
  list: (folder) => attempt(() => readdirSync(folder)),
  syncFolder: (folder) =>
    attempt(() => {
      syncFolder(folder);
    }),
};

class NodeFile implements OpenFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(buffer: Uint8Array, position: number): FileVerdict<number> {
    return attempt(() => readSync(this.#descriptor, buffer, 0, buffer.byteLength, position));
  }

  write(data: Uint8Array, position: number): FileVerdict<number> {
    return attempt(() => writeSync(this.#descriptor, data, 0, data.byteLength, position));
  }

  syncData(): FileVerdict<void> {
    return attempt(() => {
      fdatasyncSync(this.#descriptor);
    });
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function statusOf(stats: BigIntStats): FileStatus {
  const kind = kindOf(stats);
  return {
    kind,
    sizeBytes: Number(stats.size),
    // Two device nodes may stand for one device: what counts is the device.
    identity: kind === 'block-device' ? `device ${stats.rdev}` : `file ${stats.dev}:${stats.ino}`,
  };
}

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isBlockDevice()) return 'block-device';
  return stats.isDirectory() ? 'folder' : 'other';
}

/** What the system refuses is news; anything else thrown is our own mistake. */
function attempt<T>(action: () => T): FileVerdict<T> {
  try {
    return accept(action());
  } catch (error) {
    if (!(error instanceof Error) || !isSystemError(error)) throw error;
    return reject(FAULTS.get(error.code) ?? 'file-failed', error.message);
  }
}

function isSystemError(error: Error): error is Error & { readonly code: string } {
  return 'code' in error && typeof error.code === 'string' && 'syscall' in error;
}
