import type { BoardSession } from '../board/board-session.js';

/** Prints what the boards print, without SMP frames, each line after its board's name. */
export function showConsole(session: BoardSession): void {
  for (const { board } of session.boards) {
    let partial = '';
    const name = session.boards.length > 1 ? `${board.deviceId}: ` : '';
    board.listen({
      uart: (bytes) => {
        const lines = (partial + Buffer.from(bytes).toString('latin1')).split(/\r?\n/);
        partial = lines.pop() ?? '';
        for (const line of lines) {
          if (/^[\x20-\x7e]+$/.test(line)) process.stderr.write(`${name}${line}\n`);
        }
      },
    });
  }
}
