import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import { systemErrorCode } from '../system-error.js';
import type { FileFaultCode, FileSystemPort } from './file-system-port.js';

/** Tells processes apart, also those that had the same number one after the other. */
export interface ProcessTable {
  /** This process; letters, digits and dashes. */
  readonly self: string;
  isAlive(process: string): boolean;
}

/** A folder that is ours until it is given back, or until this process ends. */
export interface FolderLock {
  release(): void;
}

const LOCK_PREFIX = 'lock-';
/** A folder with more locks is not ours to clear: that many processes do not die over one. */
const LOCKS_MAX = 1_000;

/**
 * Takes a folder for this process alone. Each process puts a lock of its own there before it looks
 * for those of others: of two that come at the same time at least one sees the other. A lock whose
 * process no longer runs is removed; there is no moment at which two could remove each other's.
 * Refuses `folder-locked`, or with what the file system refused.
 */
export function lockFolder(
  folder: string,
  fileSystem: FileSystemPort,
  processes: ProcessTable,
): Verdict<FolderLock, FileFaultCode | 'folder-locked'> {
  const own = `${LOCK_PREFIX}${processes.self}`;
  const created = fileSystem.open(join(folder, own), 'create');
  if (!created.ok) {
    return created.code === 'file-exists'
      ? reject('folder-locked', `this process has ${folder} open already`)
      : created;
  }
  created.value.close();
  const release = (): void => {
    fileSystem.unlink(join(folder, own));
  };
  const names = fileSystem.list(folder);
  if (!names.ok) {
    release();
    return names;
  }
  const others = names.value.filter((name) => name.startsWith(LOCK_PREFIX) && name !== own);
  if (others.length > LOCKS_MAX) {
    release();
    return reject(
      'folder-locked',
      `${folder} holds ${others.length} locks, more than agents leave behind`,
    );
  }
  for (const other of others) {
    if (processes.isAlive(other.slice(LOCK_PREFIX.length))) {
      release();
      return reject('folder-locked', `${folder} is in use: it holds ${other}`);
    }
    fileSystem.unlink(join(folder, other));
  }
  return accept({ release });
}

/**
 * The processes of a Linux machine: the number, what makes this boot different from others, and
 * when the process started.
 */
export const linuxProcesses: ProcessTable = {
  get self(): string {
    return identityOf(process.pid) ?? `${process.pid}-unknown`;
  },
  isAlive: (identity) => {
    const pid = Number(identity.split('-')[0]);
    if (!Number.isSafeInteger(pid) || pid <= 0) return false;
    const found = identityOf(pid);
    return found === undefined ? isHidden(pid) : found === identity;
  },
};

/** A process of another user may not be seen (proc(5), hidepid); it can be told that it is there. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // It may be signalled, and so would be seen: a process that has ended.
    return false;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/** Behind the name in brackets, which may hold anything: proc(5), fields 3 and 22 of stat. */
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;
const BOOT_ID_LENGTH = 8;

function identityOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A process that has ended and was not collected yet holds nothing any more.
    if (fields[STATE_FIELD] === 'Z' || fields[STATE_FIELD] === 'X') return undefined;
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    return `${pid}-${bootId.slice(0, BOOT_ID_LENGTH)}-${fields[START_TIME_FIELD] ?? ''}`;
  } catch {
    return undefined;
  }
}
