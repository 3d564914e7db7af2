import { join } from 'node:path';
import { DONE, accept, equalBytes, reject } from '@brickproof/bootloader-sim';
import type { FlashRejectCode, Rejected, Verdict } from '@brickproof/bootloader-sim';
import { STORE_KEY_MAX } from '../../store/log-record.js';
import { STORE_VALUE_BYTES_MAX } from '../../store/store.js';
import type { Store, StoreRejectCode } from '../../store/store.js';
import {
  DISK_STORE_SIZE_BYTES_MAX,
  decodeDiskStore,
  diskStoreSizeBytes,
  encodeDiskStore,
} from './disk-store-format.js';
import type { DiskStoreContents } from './disk-store-format.js';
import type { SyncedArea } from './file-flash-area.js';
import { fileAdvice, readWhole, writeWhole } from './file-system-port.js';
import type { FileFaultCode, FileSystemPort, FileVerdict } from './file-system-port.js';
import { linuxProcesses, lockFolder } from './folder-lock.js';
import type { FolderLock, ProcessTable } from './folder-lock.js';
import { nodeFileSystem } from './node-file-system.js';

/** The store's file in its folder. */
export const DISK_STORE_FILE_NAME = 'store';

const TEMPORARY_FILE_NAME = 'store.tmp';
const GENERATION_END = 0x1_0000_0000;

/** Why a store cannot be opened. */
export type DiskStoreRejectCode =
  | 'disk-store-newer-version'
  | 'disk-store-damaged'
  | 'disk-store-unreadable'
  | 'disk-store-unwritable'
  | 'disk-store-locked';

/** Where a store is kept. */
export interface DiskStoreOptions {
  /** There already, and writable. */
  readonly folder: string;
  /** What the store speaks of: these are made durable before anything is committed. */
  readonly areas: readonly Pick<SyncedArea, 'sync'>[];
  /** The machine's own when absent. */
  readonly fileSystem?: FileSystemPort;
  readonly processes?: ProcessTable;
}

/** A store that holds its folder until it is closed. */
export interface DiskStore extends Store {
  /** Gives the folder back. The store must not be used after. */
  close(): void;
}

/**
 * Opens the store kept in a folder, as one file that is replaced whole: written beside it, made
 * durable, put in its place, and the folder made durable. A folder without the file is an empty
 * store. Refuses with a `DiskStoreRejectCode`; nothing of a refused store is used or changed.
 */
export function openDiskStore(options: DiskStoreOptions): Verdict<DiskStore, DiskStoreRejectCode> {
  const { folder, fileSystem = nodeFileSystem, processes = linuxProcesses } = options;
  const locked = lockFolder(folder, fileSystem, processes);
  if (!locked.ok) {
    return locked.code === 'folder-locked'
      ? reject('disk-store-locked', `${locked.detail}; stop the other agent, or use another folder`)
      : unwritable(folder, { ...locked, code: locked.code });
  }
  const contents = readStore(folder, fileSystem);
  if (contents.ok) return accept(new FolderStore(options, locked.value, contents.value));
  locked.value.release();
  return contents;
}

function readStore(
  folder: string,
  fileSystem: FileSystemPort,
): Verdict<DiskStoreContents, DiskStoreRejectCode> {
  const removed = fileSystem.unlink(join(folder, TEMPORARY_FILE_NAME));
  if (!removed.ok && removed.code !== 'file-missing') return unwritable(folder, removed);
  // What an earlier process put here may still be in memory only; what is believed must be kept.
  const synced = fileSystem.syncFolder(folder);
  if (!synced.ok) return unwritable(folder, synced);
  const path = join(folder, DISK_STORE_FILE_NAME);
  const read = readBounded(path, fileSystem);
  if (!read.ok) {
    return read.code === 'file-missing'
      ? accept({ generation: 0, values: new Map() })
      : reject(
          'disk-store-unreadable',
          `${path} cannot be read (${read.detail}); ${fileAdvice(read.code)}`,
        );
  }
  const decoded = decodeDiskStore(read.value);
  if (decoded.ok) return decoded;
  const advice =
    decoded.code === 'disk-store-newer-version'
      ? 'run the newer agent, or move the file away: the agent then forgets what it was doing'
      : 'check the disk, and move the file away: the agent then forgets what it was doing';
  return reject(decoded.code, `${path} is not used: ${decoded.detail}; ${advice}`);
}

/** One byte more than may be there is enough to tell that there is too much. */
function readBounded(path: string, fileSystem: FileSystemPort): FileVerdict<Uint8Array> {
  const status = fileSystem.stat(path);
  if (!status.ok) return status;
  if (status.value.kind !== 'file') return reject('file-is-folder', 'it is no regular file');
  const file = fileSystem.open(path, 'read-write');
  if (!file.ok) return file;
  const bytes = new Uint8Array(Math.min(status.value.sizeBytes, DISK_STORE_SIZE_BYTES_MAX + 1));
  const read = readWhole(file.value, bytes, 0);
  file.value.close();
  return read.ok ? accept(bytes) : read;
}

function unwritable(
  folder: string,
  fault: Rejected<FileFaultCode>,
): Rejected<'disk-store-unwritable'> {
  const detail = `the store's folder ${folder} cannot be written (${fault.detail}); ${fileAdvice(fault.code)}`;
  return reject('disk-store-unwritable', detail);
}

class FolderStore implements DiskStore {
  readonly #options: DiskStoreOptions;
  readonly #fileSystem: FileSystemPort;
  readonly #lock: FolderLock;
  #values: ReadonlyMap<number, Uint8Array>;
  #generation: number;
  /** Whether the disk is known to say what the values say: not so after it refused a change. */
  #isSettled = true;

  constructor(options: DiskStoreOptions, lock: FolderLock, contents: DiskStoreContents) {
    this.#options = options;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
    this.#lock = lock;
    this.#values = contents.values;
    this.#generation = contents.generation;
  }

  get(key: number): Uint8Array | undefined {
    return this.#values.get(key)?.slice();
  }

  set(key: number, value: Uint8Array): Verdict<void, StoreRejectCode> {
    requireKey(key);
    if (value.byteLength > STORE_VALUE_BYTES_MAX) {
      const detail = `${value.byteLength} bytes, at most ${STORE_VALUE_BYTES_MAX}`;
      return reject('store-value-too-large', detail);
    }
    const known = this.#values.get(key);
    if (this.#isSettled && known !== undefined && equalBytes(known, value)) return DONE;
    return this.#commit(new Map(this.#values).set(key, value.slice()));
  }

  delete(key: number): Verdict<void, StoreRejectCode> {
    requireKey(key);
    if (this.#isSettled && !this.#values.has(key)) return DONE;
    const values = new Map(this.#values);
    values.delete(key);
    return this.#commit(values);
  }

  close(): void {
    this.#lock.release();
  }

  #commit(values: ReadonlyMap<number, Uint8Array>): Verdict<void, StoreRejectCode> {
    const sizeBytes = diskStoreSizeBytes(values);
    if (sizeBytes > DISK_STORE_SIZE_BYTES_MAX) {
      const detail = `${sizeBytes} bytes are needed, at most ${DISK_STORE_SIZE_BYTES_MAX}`;
      return reject('store-full', detail);
    }
    const synced = this.#syncAreas();
    if (!synced.ok) return synced;
    const generation = (this.#generation + 1) % GENERATION_END;
    const replaced = this.#replace(encodeDiskStore({ generation, values }));
    if (!replaced.ok) {
      const advice = `${replaced.detail}; ${fileAdvice(replaced.code)}`;
      return reject(
        'flash-write-failed',
        `could not write the store in ${this.#options.folder} (${advice})`,
      );
    }
    this.#values = values;
    this.#generation = generation;
    this.#isSettled = true;
    return DONE;
  }

  #syncAreas(): Verdict<void, FlashRejectCode> {
    for (const area of this.#options.areas) {
      const synced = area.sync();
      if (!synced.ok) return synced;
    }
    return DONE;
  }

  #replace(bytes: Uint8Array): FileVerdict<void> {
    const { folder } = this.#options;
    const temporary = join(folder, TEMPORARY_FILE_NAME);
    const written = this.#writeTemporary(temporary, bytes);
    if (!written.ok) {
      this.#fileSystem.unlink(temporary);
      return written;
    }
    // From here on it is not known which of the two the disk gives back, until the folder is synced.
    this.#isSettled = false;
    const renamed = this.#fileSystem.rename(temporary, join(folder, DISK_STORE_FILE_NAME));
    return renamed.ok ? this.#fileSystem.syncFolder(folder) : renamed;
  }

  #writeTemporary(path: string, bytes: Uint8Array): FileVerdict<void> {
    const file = this.#createTemporary(path);
    if (!file.ok) return file;
    const written = writeWhole(file.value, bytes, 0);
    const synced = written.ok ? file.value.syncData() : written;
    file.value.close();
    return synced;
  }

  /** One that a failure left behind is in the way once. */
  #createTemporary(path: string): ReturnType<FileSystemPort['open']> {
    const created = this.#fileSystem.open(path, 'create');
    if (created.ok || created.code !== 'file-exists') return created;
    const removed = this.#fileSystem.unlink(path);
    return removed.ok ? this.#fileSystem.open(path, 'create') : removed;
  }
}

function requireKey(key: number): void {
  if (!Number.isInteger(key) || key < 1 || key > STORE_KEY_MAX) {
    throw new RangeError(`key ${key}, must be from 1 to ${STORE_KEY_MAX}`);
  }
}
