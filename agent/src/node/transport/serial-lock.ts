import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';

/** Where programs that use serial ports leave their locks (Filesystem Hierarchy Standard §5.9). */
export const SERIAL_LOCK_FOLDER_DEFAULT = '/var/lock';

/** How often a lock is tried for when dead processes leave theirs, or others are quicker. */
export const LOCK_TRIES_MAX = 3;

/** What holds a port: who, if the lock tells. */
export type SerialLockRejectCode = 'serial-busy';

/** A port that is ours, or that could not be locked. */
export interface SerialLock {
  /** Why there is no lock; undefined when there is one. */
  readonly note: string | undefined;
  release(): void;
}

/** Which port is locked, and where. */
export interface SerialLockPlace {
  readonly path: string;
  readonly folder: string;
}

/**
 * Takes the lock file of a port (`LCK..ttyACM0`, with our process number in ten characters).
 * Refuses with `serial-busy` when a living process has it. Where no lock can be written there is
 * none, and a note: a lock keeps accidents away, it is not what makes the port work.
 */
export function takeSerialLock(place: SerialLockPlace): Verdict<SerialLock, SerialLockRejectCode> {
  const file = lockFileOf(place);
  const own = `${file}.${process.pid}.new`;
  try {
    writeFileSync(own, `${String(process.pid).padStart(10)}\n`);
    return linkLock({ place, file, own });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const note = `${place.path} is used without a lock (${why}); make ${place.folder} writable`;
    return accept({ note, release: () => undefined });
  } finally {
    remove(own);
  }
}

/** The living process that has the lock of a port; undefined when there is none. */
export function findSerialLockOwner(place: SerialLockPlace): number | undefined {
  const pid = readPid(lockFileOf(place));
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

interface LockFiles {
  readonly place: SerialLockPlace;
  readonly file: string;
  /** Our own file, whole before it becomes the lock. */
  readonly own: string;
}

function linkLock(files: LockFiles): Verdict<SerialLock, SerialLockRejectCode> {
  const { place, file, own } = files;
  for (let tries = 0; tries < LOCK_TRIES_MAX; tries += 1) {
    if (linkOnce(own, file)) {
      return accept({
        note: undefined,
        release: () => {
          releaseLock(file);
        },
      });
    }
    const pid = readPid(file);
    // What bears our own number was left by one that had it before us.
    if (pid !== undefined && pid !== process.pid && isAlive(pid)) return refuse(place, pid);
    removeStale(file, pid);
  }
  return refuse(place, readPid(file));
}

/** Whether the link was made; false when the name was taken. */
function linkOnce(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves the lock away first: by now it may be the new lock of another process. */
function removeStale(file: string, pid: number | undefined): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (readPid(aside) !== pid) linkOnce(aside, file);
  remove(aside);
}

function releaseLock(file: string): void {
  if (readPid(file) === process.pid) remove(file);
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // A folder that is not writable any more: the lock will be found stale.
  }
}

/** Written as text by most, as four bytes by old programs; undefined when it is neither. */
function readPid(file: string): number | undefined {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch {
    return undefined;
  }
  const text = /^\s*(\d{1,10})(?:\s|$)/.exec(content.toString('latin1').slice(0, 64))?.[1];
  const pid = text === undefined && content.length === 4 ? content.readInt32LE() : Number(text);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, and belongs to someone else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function refuse(
  { path }: SerialLockPlace,
  pid: number | undefined,
): Verdict<never, SerialLockRejectCode> {
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  return reject('serial-busy', `${path} is in use by ${who}; end it, or give it another port`);
}

/** Named after the device itself: a link of any name leads to the same lock. */
function lockFileOf({ path, folder }: SerialLockPlace): string {
  let device = path;
  try {
    device = realpathSync(path);
  } catch {
    // A port that is not there is refused when it is opened.
  }
  const name = device.replace(/^\/dev\//, '').replaceAll('/', '_');
  return join(folder, `LCK..${name}`);
}
