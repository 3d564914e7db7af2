import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { SERIAL_LOCK_FOLDER_DEFAULT, findSerialLockOwner } from '@brickproof/agent/node';

/** How much of /proc is looked through. */
const PROCESSES_MAX = 8_192;
const DESCRIPTORS_MAX = 1_024;
const PTY_MASTERS: ReadonlySet<string> = new Set(['/dev/ptmx', '/dev/pts/ptmx']);

/** A process that has a port open. */
export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

/**
 * Another process that has this port open, as far as this system lets us see: by /proc, or by the
 * lock file that terminal programs leave.
 */
export function findPortHolder(path: string): PortHolder | undefined {
  const device = realPath(path);
  const pid = findByDescriptor(device) ?? findByLock(path);
  return pid === undefined ? undefined : { pid, name: nameOf(pid) };
}

function findByLock(path: string): number | undefined {
  const pid = findSerialLockOwner({ path, folder: SERIAL_LOCK_FOLDER_DEFAULT });
  return pid === process.pid ? undefined : pid;
}

function findByDescriptor(device: string): number | undefined {
  const pids = list('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids
    .slice(0, PROCESSES_MAX)
    .map(Number)
    .find((pid) => holds(pid, device));
}

/** Who serves a pty has it open as well, but takes nothing from us: it has the other side too. */
function holds(pid: number, device: string): boolean {
  const folder = `/proc/${pid}/fd`;
  const files = list(folder).slice(0, DESCRIPTORS_MAX);
  const places = files.map((file) => linkTarget(`${folder}/${file}`));
  return places.includes(device) && !places.some((place) => PTY_MASTERS.has(place));
}

/** Empty for a process that has ended, or is not ours to look into, or where there is no /proc. */
function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkTarget(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'a program';
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
