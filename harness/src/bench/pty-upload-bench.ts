import { BoardHost } from '../board/board-host.js';
import { serveOnPty } from '../board/serve-uart.js';
import type { VirtualBoard } from '../board/virtual-board.js';
import { SmpClient } from '../client/smp-client.js';
import { openTarget } from '../target/open-target.js';
import { parseTarget } from '../target/target.js';
import { benchUpload, must } from './bench-image.js';
import { goal, median, type Goal } from './goal.js';

const PAYLOAD_BYTES = 448 * 1024;
const RUNS = 7;
const GOAL_MB_PER_SECOND = 1;
const BYTES_PER_MB = 1_000_000;
const MS_PER_SECOND = 1_000;

/**
 * Uploads over a pty as fast as it goes; board and client share this process and its one thread.
 * The time is the whole upload's, from the first request to the board's check of what it stored.
 */
export async function benchPtyUpload(): Promise<readonly Goal[]> {
  const { image, createBoard } = benchUpload(PAYLOAD_BYTES);
  const rates: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const durationMs = await uploadOverPty(createBoard(), image);
    rates.push((image.byteLength * MS_PER_SECOND) / durationMs / BYTES_PER_MB);
  }
  const slowest = Math.min(...rates).toFixed(2);
  return [
    goal({
      name: 'upload over a pty, unpaced',
      measured: median(rates),
      unit: 'MB/s',
      bound: 'at-least',
      limit: GOAL_MB_PER_SECOND,
      note: `median of ${RUNS} uploads of ${image.byteLength} bytes, the slowest ${slowest}`,
    }),
  ];
}

async function uploadOverPty(board: VirtualBoard, image: Uint8Array): Promise<number> {
  const host = new BoardHost(board);
  const served = must(await serveOnPty(board));
  host.start();
  try {
    const client = new SmpClient(must(await openTarget(must(parseTarget(served.target)))));
    try {
      must(await client.echo('ready'));
      const report = must(await client.imageUpload(image));
      if (report.resumedFrom !== 0 || report.match !== true) throw new Error('not a whole upload');
      return report.durationMs;
    } finally {
      await client.close();
    }
  } finally {
    served.close();
    host.stop();
  }
}
