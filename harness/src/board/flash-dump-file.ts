import { existsSync } from 'node:fs';
import {
  OTP_COUNTERS_MAX,
  accept,
  reject,
  snapshotFromBytes,
  type FlashSnapshot,
  type NorFlash,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { readFileBytes, readFileText, replaceFile, type FileRejectCode } from '../cli/files.js';
import type { BoardDefinition, FactoryCounters } from './board-definition.js';
import { looksLikeIntelHex, readIntelHex } from './intel-hex.js';

/** What a dump tells. */
export interface FlashDump {
  readonly snapshot: FlashSnapshot;
  /** The security counters that were saved beside it; undefined when there are none. */
  readonly counters: FactoryCounters | undefined;
  /** What people should know of how it was read, each a sentence. */
  readonly notes: readonly string[];
}

/** Why a file is no dump of a board's flash. */
export type DumpRejectCode =
  FileRejectCode | 'flash-dump-size' | 'hex-malformed' | 'dump-counters-malformed';

const COUNTER_MAX = 0xffff_ffff;

/** Where the security counters of a dump are kept: they are no part of the flash. */
export function countersPath(dumpPath: string): string {
  return `${dumpPath}.counters.json`;
}

/**
 * Reads a dump of all of a board's flash: raw bytes, or Intel HEX, in which what is not named is
 * erased. With it, the counters that `saveFlashDump` left beside it.
 */
export function readFlashDump(
  path: string,
  board: Pick<BoardDefinition, 'model' | 'baseAddress'>,
): Verdict<FlashDump, DumpRejectCode> {
  const file = readFileBytes(path);
  if (!file.ok) return file;
  const counters = readCounters(countersPath(path));
  if (!counters.ok) return counters;
  const contents = readContents(path, file.value, board);
  if (!contents.ok) return contents;
  const { model } = board;
  const snapshot = snapshotFromBytes(model.geometry, contents.value.bytes);
  if (!snapshot.ok) {
    const sizes = `${path} has ${file.value.byteLength} bytes, the flash of ${model.name} has ${model.geometry.sizeBytes}`;
    const help = 'name the right board with --board, and dump all of its flash from its first byte';
    return reject(snapshot.code, `${sizes}; ${help}`);
  }
  const { notes } = contents.value;
  return accept({ snapshot: snapshot.value, counters: counters.value, notes });
}

/** Writes a dump and, beside it, the counters: each whole or not at all. */
export function saveFlashDump(
  path: string,
  board: { readonly flash: NorFlash; readonly counters: FactoryCounters },
): Verdict<void, FileRejectCode> {
  const { flash, counters } = board;
  const saved = replaceFile(path, flash.read(0, flash.geometry.sizeBytes));
  if (!saved.ok) return saved;
  return replaceFile(countersPath(path), Buffer.from(`${JSON.stringify({ counters })}\n`));
}

interface Contents {
  readonly bytes: Uint8Array;
  readonly notes: readonly string[];
}

function readContents(
  path: string,
  file: Uint8Array,
  { model, baseAddress }: Pick<BoardDefinition, 'model' | 'baseAddress'>,
): Verdict<Contents, 'hex-malformed'> {
  const { sizeBytes, erasedValue } = model.geometry;
  if (!looksLikeIntelHex(file)) return accept({ bytes: file, notes: [] });
  const text = Buffer.from(file).toString('latin1');
  const read = readIntelHex(text, { baseAddress, sizeBytes, erasedValue });
  if (!read.ok) return reject(read.code, `${path}: ${read.detail}`);
  const { bytes, outsideBytes, firstOutside = 0 } = read.value;
  const where = `0x${firstOutside.toString(16)}`;
  const note = `${path}: ${outsideBytes} bytes from ${where} on lie outside of the flash and are left out`;
  return accept({ bytes, notes: outsideBytes === 0 ? [] : [note] });
}

function readCounters(
  path: string,
): Verdict<FactoryCounters | undefined, FileRejectCode | 'dump-counters-malformed'> {
  if (!existsSync(path)) return accept(undefined);
  const text = readFileText(path);
  if (!text.ok) return text;
  const counters = countersOf(text.value);
  if (counters !== undefined) return accept(counters);
  const form = '{"counters":[0]} or {"counters":"none"}';
  return reject('dump-counters-malformed', `${path} does not say ${form}; mend it or remove it`);
}

function countersOf(text: string): FactoryCounters | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const counters: unknown = Reflect.get(document, 'counters');
  if (counters === 'none') return 'none';
  if (!Array.isArray(counters) || counters.length < 1 || counters.length > OTP_COUNTERS_MAX) {
    return undefined;
  }
  return counters.every(isCounter) ? counters : undefined;
}

function isCounter(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= COUNTER_MAX;
}
