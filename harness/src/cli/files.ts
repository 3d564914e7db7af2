import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { accept, DONE, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { formatSize } from '@brickproof/agent/node';

/** The largest file that is read: more than any slot of a microcontroller. */
export const FILE_BYTES_MAX: number = 64 * 1024 * 1024;

/** Why a file that was named cannot be used. */
export type FileRejectCode = 'file-unreadable' | 'file-too-large' | 'file-unwritable';

/** The bytes of a file. Refuses `file-unreadable` and `file-too-large`. */
export function readFileBytes(path: string): Verdict<Uint8Array, FileRejectCode> {
  try {
    const fd = openSync(path, 'r');
    try {
      const entry = fstatSync(fd);
      if (!entry.isFile()) return reject('file-unreadable', `${path} is not a file; name a file`);
      if (entry.size > FILE_BYTES_MAX) {
        const detail = `${path} has ${entry.size} bytes, more than ${formatSize(FILE_BYTES_MAX)}`;
        return reject('file-too-large', `${detail}; check that it is the right file`);
      }
      return accept(new Uint8Array(readFileSync(fd)));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return reject('file-unreadable', `cannot read ${path}: ${reason(error)}; check the path`);
  }
}

/** The text of a file. Refuses as `readFileBytes`. */
export function readFileText(path: string): Verdict<string, FileRejectCode> {
  const bytes = readFileBytes(path);
  return bytes.ok ? accept(new TextDecoder().decode(bytes.value)) : bytes;
}

/** Writes a file. Refuses `file-unwritable`. */
export function writeFileBytes(path: string, bytes: Uint8Array): Verdict<void, FileRejectCode> {
  try {
    writeFileSync(path, bytes);
    return DONE;
  } catch (error) {
    return reject('file-unwritable', `cannot write ${path}: ${reason(error)}; check the path`);
  }
}

/**
 * Writes a file beside the old one and then puts it in its place: whoever reads it, also after a
 * kill or a power cut, finds the old one or the new one, whole. Refuses `file-unwritable`.
 */
export function replaceFile(path: string, bytes: Uint8Array): Verdict<void, FileRejectCode> {
  return withReplacement(path, (replacement, target) => {
    const fd = openSync(replacement, 'w');
    try {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(replacement, target);
  });
}

/** Finds out, and changes nothing, whether `replaceFile` may work. Refuses `file-unwritable`. */
export function checkReplaceable(path: string): Verdict<void, FileRejectCode> {
  return withReplacement(path, (replacement) => {
    closeSync(openSync(replacement, 'w'));
    rmSync(replacement);
  });
}

function withReplacement(
  path: string,
  work: (replacement: string, target: string) => void,
): Verdict<void, FileRejectCode> {
  let replacement: string | undefined;
  try {
    // A link stays one: what it leads to is replaced.
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile()) {
      return reject('file-unwritable', `cannot write ${path}: it is not a file; check the path`);
    }
    const target = found === undefined ? path : realpathSync(path);
    replacement = `${target}.${process.pid}.tmp`;
    work(replacement, target);
    return DONE;
  } catch (error) {
    if (replacement !== undefined) removeQuietly(replacement);
    return reject('file-unwritable', `cannot write ${path}: ${reason(error)}; check the path`);
  }
}

/** Why the work failed is what people have to know, not what was left of it. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is no file, and so not ours.
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file or folder'],
  ['EACCES', 'you may not'],
  ['EPERM', 'you may not'],
  ['EISDIR', 'it is a folder'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['ENOSPC', 'the disk is full'],
  ['EROFS', 'the disk is read-only'],
]);

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return REASONS.get(code) ?? error.message;
}
