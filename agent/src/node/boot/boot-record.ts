import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DONE, accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { describeSystemError, systemErrorCode } from '../system-error.js';

/** Why it is not known which boot this is, or why its choice cannot be noted. */
export type BootRecordRejectCode = 'boot-id-unreadable' | 'boot-state-unwritable';

/** Which slot a boot chose, and whether this boot is to end. */
export interface BootRecord {
  readonly bootId: string;
  readonly slot: number;
  /** A reboot was promised; whoever starts in the same boot keeps the promise. */
  readonly isRebootAsked: boolean;
  /** How often the agent has been started in this boot. */
  readonly starts: number;
}

const FORMAT_VERSION = 1;
const BOOT_ID_CHARACTERS_MAX = 128;
const SLOTS_MAX = 2;

/** The name of this boot: a text that is another one after each boot. */
export function readBootId(file: string): Verdict<string, BootRecordRejectCode> {
  try {
    const bootId = readFileSync(file, 'utf8').trim();
    if (bootId !== '' && bootId.length <= BOOT_ID_CHARACTERS_MAX) return accept(bootId);
    return reject('boot-id-unreadable', `${file} holds no boot id; correct boot-id-file`);
  } catch (error) {
    const why = describeSystemError(error);
    return reject('boot-id-unreadable', `cannot read ${file}: ${why}; correct boot-id-file`);
  }
}

/** What an earlier start of this or another boot noted; undefined when there is nothing usable. */
export function readBootRecord(file: string): BootRecord | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof record !== 'object' || record === null) return undefined;
    const { format, bootId, slot, ...rest } = record as Partial<Record<string, unknown>>;
    const isSlot = Number.isInteger(slot) && Number(slot) >= 0 && Number(slot) < SLOTS_MAX;
    if (format !== FORMAT_VERSION || typeof bootId !== 'string' || !isSlot) return undefined;
    const starts = Number.isInteger(rest['starts']) ? Number(rest['starts']) : 1;
    return { bootId, slot: Number(slot), isRebootAsked: rest['isRebootAsked'] === true, starts };
  } catch {
    return undefined;
  }
}

/** Notes that a boot is about to choose: no record yet, but the place for one. */
export function noteBootBegun(file: string, bootId: string): Verdict<void, BootRecordRejectCode> {
  return writeNote(file, { bootId, slot: null });
}

/** Notes what a boot chose; a reader sees the old note or the new one. */
export function writeBootRecord(
  file: string,
  record: BootRecord,
): Verdict<void, BootRecordRejectCode> {
  return writeNote(file, record);
}

function writeNote(file: string, record: object): Verdict<void, BootRecordRejectCode> {
  const unfinished = `${file}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(unfinished, `${JSON.stringify({ format: FORMAT_VERSION, ...record })}\n`);
    renameSync(unfinished, file);
    return DONE;
  } catch (error) {
    const detail = `cannot write ${file}: ${describeSystemError(error)}; correct state-file`;
    return reject('boot-state-unwritable', detail);
  }
}

/** Notes that this boot is to end. A note that cannot be made keeps nobody from rebooting. */
export function noteRebootAsked(file: string): Verdict<void, BootRecordRejectCode> {
  const record = readBootRecord(file);
  if (record === undefined || record.isRebootAsked) return DONE;
  return writeBootRecord(file, { ...record, isRebootAsked: true });
}

/** Forgets the choice, so that the next start makes a new one. */
export function removeBootRecord(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOTDIR') throw error;
  }
}
