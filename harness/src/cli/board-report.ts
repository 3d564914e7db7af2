import type { Verdict } from '@brickproof/bootloader-sim';
import type { BoardSession } from '../board/board-session.js';
import { summarizeWear, wearRows } from '../fault/wear.js';
import { writeFileBytes, type FileRejectCode } from './files.js';
import { tell } from './outcome.js';
import { formatTable } from './table.js';

/** Shows how worn each flash is: of one board by area, of several in a line each. */
export function tellWear({ boards }: BoardSession): void {
  for (const { board } of boards) {
    if (boards.length > 1) tell(`${board.deviceId}: erases ${summarizeWear(board.wear)}`);
    else process.stderr.write(`Erases by area:\n${formatTable(wearRows(board.wear))}\n`);
  }
}

/** Writes how often each fault has struck, and each sector was erased, as JSON. */
export function writeBoardReport(
  path: string,
  { boards }: BoardSession,
): Verdict<void, FileRejectCode> {
  const json = boards.map(({ board, strikes }) => ({
    device: board.deviceId,
    faults: strikes(),
    wear: board.wear,
  }));
  return writeFileBytes(path, Buffer.from(`${JSON.stringify({ boards: json }, undefined, 2)}\n`));
}
