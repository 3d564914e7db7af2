import { DONE, reject, type Verdict } from '@brickproof/bootloader-sim';
import type { BoardSession } from '../board/board-session.js';
import { summarizeWear, wearRows } from '../fault/wear.js';
import { countersPath, saveFlashDump } from '../board/flash-dump-file.js';
import { checkReplaceable, writeFileBytes, type FileRejectCode } from './files.js';
import { tell } from './outcome.js';
import { formatTable } from './table.js';

/** Shows how worn each flash is: of one board by area, of several in a line each. */
export function tellWear({ boards }: BoardSession): void {
  for (const { board } of boards) {
    if (boards.length > 1) tell(`${board.deviceId}: erases ${summarizeWear(board.wear)}`);
    else process.stderr.write(`Erases by area:\n${formatTable(wearRows(board.wear))}\n`);
  }
}

/** The files that boards leave when they are stopped. */
export interface LeftFiles {
  /** How often each fault struck, and each sector was erased. */
  readonly report?: string;
  /** The flash of the board, of which there is one then. */
  readonly save?: string;
}

/**
 * Finds out now what would be found out when the boards are stopped. Refuses `file-unwritable`, and
 * `board-option-invalid` for several boards of which one flash is to be saved.
 */
export function checkLeftFiles({
  report,
  save,
  count,
}: LeftFiles & { readonly count: number }): Verdict<void, FileRejectCode | 'board-option-invalid'> {
  if (save !== undefined && count > 1) {
    const sentence = `--save keeps the flash of one board, not of ${count}; leave --count out`;
    return reject('board-option-invalid', sentence);
  }
  const saved = save === undefined ? DONE : checkReplaceable(save);
  if (!saved.ok || report === undefined) return saved;
  return writeFileBytes(report, new Uint8Array(0));
}

/** Writes what stopped boards leave, and tells where the flash is. */
export function leaveFiles(
  { report, save }: LeftFiles,
  session: BoardSession,
): readonly Verdict<void, FileRejectCode>[] {
  const left = report === undefined ? [] : [writeBoardReport(report, session)];
  const [first] = session.boards;
  if (save === undefined || first === undefined) return left;
  const { flash, securityCounters: counters } = first.board;
  const saved = saveFlashDump(save, { flash, counters });
  if (saved.ok) tell(`The flash is in ${save}, its security counters in ${countersPath(save)}.`);
  return [...left, saved];
}

/** Writes how often each fault has struck, and each sector was erased, as JSON. */
function writeBoardReport(path: string, { boards }: BoardSession): Verdict<void, FileRejectCode> {
  const json = boards.map(({ board, strikes }) => ({
    device: board.deviceId,
    faults: strikes(),
    wear: board.wear,
  }));
  return writeFileBytes(path, Buffer.from(`${JSON.stringify({ boards: json }, undefined, 2)}\n`));
}
