import { dirname } from 'node:path';
import type {
  FileFaultCode,
  FileOpening,
  FileStatus,
  FileSystemPort,
  FileVerdict,
  OpenFile,
} from '@brickproof/agent/node';
import { DONE, accept, reject } from '@brickproof/bootloader-sim';

/** What a disk writes whole or not at all. */
const PIECE_BYTES = 512;

/** A call that changes something, or makes a change durable. */
export interface DiskOperation {
  readonly kind: 'create' | 'write' | 'sync-data' | 'rename' | 'unlink' | 'sync-folder';
  readonly index: number;
  readonly path: string;
  /** Of a write. */
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Thrown out of the operation during which the power goes. */
export class DiskPowerCut extends Error {}

/** How much of what was not synced the disk kept. */
export type Loss = 'all' | 'nothing' | { readonly seed: number };

/** What happens to a disk while it is used. */
export interface DiskTroubles {
  /** The power goes during the operation with this index. */
  readonly cutAt?: number;
  /** Syncs that do nothing, by the index of their operation. */
  readonly ignoredSyncs?: ReadonlySet<number>;
  /** What an operation is refused with. */
  readonly refuse?: (operation: DiskOperation) => FileFaultCode | undefined;
  /** Whether a read fails. */
  readonly isUnreadable?: (path: string, position: number) => boolean;
  /** The most bytes one write takes. */
  readonly writeBytesMax?: number;
}

interface PendingWrite {
  readonly position: number;
  readonly data: Uint8Array;
}

interface Inode {
  readonly number: number;
  bytes: Uint8Array;
  durable: Uint8Array;
  pending: PendingWrite[];
}

/**
 * A disk that forgets. What was written is read back at once, but a power cut keeps of it only what
 * was synced, and any part of the rest: each piece of 512 bytes as it was at any time since the
 * last sync, or torn in the middle. The same for names: each as it was at any time since its folder
 * was synced, whatever became of the file behind it.
 */
export class VolatileFileSystem implements FileSystemPort {
  readonly operations: DiskOperation[] = [];
  troubles: DiskTroubles = {};
  readonly #folders: ReadonlySet<string>;
  readonly #names: Map<string, Inode | undefined>;
  /** What names stood for since their folder was synced, the durable one first. */
  readonly #history: Map<string, (Inode | undefined)[]> = new Map();
  #nextInode = 1;

  constructor(folders: readonly string[], names: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#folders = new Set(folders);
    this.#names = new Map([...names].map(([path, bytes]) => [path, this.#inode(bytes)]));
  }

  /** The disk after the power came back. */
  afterPowerCut(loss: Loss): VolatileFileSystem {
    const random =
      typeof loss === 'string' ? () => (loss === 'all' ? 0 : 1) : mulberry32(loss.seed);
    const names = new Map<string, Uint8Array>();
    const kept = new Map<Inode, Uint8Array>();
    for (const [path, inode] of this.#names) {
      const chosen = pick([...(this.#history.get(path) ?? []), inode], random);
      if (chosen === undefined) continue;
      const bytes = kept.get(chosen) ?? survivingBytes(chosen, random);
      kept.set(chosen, bytes);
      names.set(path, bytes);
    }
    return new VolatileFileSystem([...this.#folders], names);
  }

  /** What is read back now, synced or not. */
  contents(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.bytes.slice();
  }

  /** Changes a file as no program of ours does. */
  put(path: string, bytes: Uint8Array): void {
    this.#names.set(path, this.#inode(bytes));
  }

  stat(path: string): FileVerdict<FileStatus> {
    if (this.#folders.has(path)) {
      return accept({ kind: 'folder', sizeBytes: 0, identity: `folder ${path}` });
    }
    const inode = this.#names.get(path);
    if (inode === undefined) return missing(path);
    return accept({
      kind: 'file',
      sizeBytes: inode.bytes.byteLength,
      identity: `file ${inode.number}`,
    });
  }

  open(path: string, opening: FileOpening): FileVerdict<OpenFile> {
    const found = this.#names.get(path);
    if (opening !== 'create')
      return found === undefined ? missing(path) : accept(this.#file(path, found));
    if (found !== undefined) return reject('file-exists', `EEXIST: ${path}`);
    if (!this.#folders.has(dirname(path))) return missing(path);
    const inode = this.#inode(new Uint8Array(0));
    const done = this.#change('create', path, () => {
      this.#setName(path, inode);
    });
    return done.ok ? accept(this.#file(path, inode)) : done;
  }

  rename(from: string, to: string): FileVerdict<void> {
    const inode = this.#names.get(from);
    if (inode === undefined) return missing(from);
    return this.#change('rename', to, () => {
      this.#setName(to, inode);
      this.#setName(from, undefined);
    });
  }

  unlink(path: string): FileVerdict<void> {
    if (this.#names.get(path) === undefined) return missing(path);
    return this.#change('unlink', path, () => {
      this.#setName(path, undefined);
    });
  }

  list(folder: string): FileVerdict<readonly string[]> {
    if (!this.#folders.has(folder)) return missing(folder);
    const names = [...this.#names].filter(
      ([path, inode]) => inode !== undefined && dirname(path) === folder,
    );
    return accept(names.map(([path]) => path.slice(folder.length + 1)));
  }

  syncFolder(folder: string): FileVerdict<void> {
    return this.#sync('sync-folder', folder, () => {
      for (const path of [...this.#history.keys()]) {
        if (dirname(path) === folder) this.#history.delete(path);
      }
    });
  }

  #file(path: string, inode: Inode): OpenFile {
    return {
      read: (buffer, position) => this.#read(path, inode, { buffer, position }),
      write: (data, position) => this.#write(path, inode, { data, position }),
      syncData: () =>
        this.#sync('sync-data', path, () => {
          inode.durable = inode.bytes.slice();
          inode.pending = [];
        }),
      close: () => undefined,
    };
  }

  #read(
    path: string,
    inode: Inode,
    { buffer, position }: { readonly buffer: Uint8Array; readonly position: number },
  ): FileVerdict<number> {
    if (this.troubles.isUnreadable?.(path, position) === true) {
      return reject('file-failed', `EIO: ${path}`);
    }
    const bytes = inode.bytes.subarray(position, position + buffer.byteLength);
    buffer.set(bytes);
    return accept(bytes.byteLength);
  }

  #write(path: string, inode: Inode, write: PendingWrite): FileVerdict<number> {
    const data = write.data.slice(0, this.troubles.writeBytesMax);
    const { position } = write;
    const range = { offset: position, lengthBytes: data.byteLength };
    const done = this.#change(
      'write',
      path,
      () => {
        inode.bytes = withBytes(inode.bytes, data, position);
        inode.pending.push({ position, data });
      },
      range,
    );
    return done.ok ? accept(data.byteLength) : done;
  }

  /** A change is made, in memory; then the power may go. */
  #change(
    kind: DiskOperation['kind'],
    path: string,
    apply: () => void,
    range: Pick<DiskOperation, 'offset' | 'lengthBytes'> = { offset: 0, lengthBytes: 0 },
  ): FileVerdict<void> {
    const operation = { kind, path, index: this.operations.length, ...range };
    this.operations.push(operation);
    const refused = this.troubles.refuse?.(operation);
    if (refused !== undefined) return reject(refused, `${kind} of ${path} was refused`);
    apply();
    if (operation.index === this.troubles.cutAt) throw new DiskPowerCut();
    return DONE;
  }

  /** The power goes before a sync is done: after it would be the same as before the next change. */
  #sync(kind: 'sync-data' | 'sync-folder', path: string, apply: () => void): FileVerdict<void> {
    const index = this.operations.length;
    const isIgnored = this.troubles.ignoredSyncs?.has(index) === true;
    const done = this.#change(kind, path, () => undefined);
    if (done.ok && !isIgnored) apply();
    return done;
  }

  #setName(path: string, inode: Inode | undefined): void {
    const history = this.#history.get(path) ?? [];
    history.push(this.#names.get(path));
    this.#history.set(path, history);
    this.#names.set(path, inode);
  }

  #inode(bytes: Uint8Array): Inode {
    const number = this.#nextInode;
    this.#nextInode += 1;
    return { number, bytes: bytes.slice(), durable: bytes.slice(), pending: [] };
  }
}

function missing(path: string): FileVerdict<never> {
  return reject('file-missing', `ENOENT: ${path}`);
}

function withBytes(bytes: Uint8Array, data: Uint8Array, position: number): Uint8Array {
  const end = position + data.byteLength;
  let target: Uint8Array = bytes;
  if (end > bytes.byteLength) {
    target = new Uint8Array(end);
    target.set(bytes);
  }
  target.set(data, position);
  return target;
}

/** Each piece as it was after some number of the writes, and the last of these perhaps torn. */
function survivingBytes(inode: Inode, random: () => number): Uint8Array {
  let bytes: Uint8Array = inode.durable.slice();
  const end = inode.bytes.byteLength;
  for (let start = 0; start < end; start += PIECE_BYTES) {
    const parts = inode.pending.flatMap((write) => partIn(write, start));
    const keptCount = Math.floor(random() * (parts.length + 1));
    for (const [index, part] of parts.slice(0, keptCount).entries()) {
      const isTorn = index === keptCount - 1 && random() < 0.25;
      const length = isTorn ? Math.floor(random() * part.data.byteLength) : part.data.byteLength;
      bytes = withBytes(bytes, part.data.subarray(0, length), part.position);
    }
  }
  return bytes;
}

function partIn({ position, data }: PendingWrite, pieceStart: number): readonly PendingWrite[] {
  const start = Math.max(position, pieceStart);
  const end = Math.min(position + data.byteLength, pieceStart + PIECE_BYTES);
  if (start >= end) return [];
  return [{ position: start, data: data.subarray(start - position, end - position) }];
}

function pick<T>(choices: readonly T[], random: () => number): T | undefined {
  return choices[Math.min(choices.length - 1, Math.floor(random() * choices.length))];
}

/** A small generator of numbers from 0 to 1, the same for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
