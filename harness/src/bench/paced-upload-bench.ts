import { BoardHost } from '../board/board-host.js';
import type { VirtualBoard } from '../board/virtual-board.js';
import { SmpClient } from '../client/smp-client.js';
import { ConsoleConnection } from '../target/console-connection.js';
import { benchUpload, must } from './bench-image.js';
import { goal, type Goal } from './goal.js';
import type { LineUsage } from './line-direction.js';
import { PacedLine } from './paced-line.js';

const PAYLOAD_BYTES = 64 * 1024;
const BAUD_RATE = 115_200;
/** Start bit, eight data bits, stop bit. */
const BITS_PER_BYTE = 10;
const GOAL_IDLE_PERCENT = 2;
const GOAL_IMAGE_PERCENT = 70;

/**
 * Uploads over a line of 115,200 baud. The line stands directly between the client's console
 * connection and the board's UART, without a pty: the pty's buffers would hide when the client
 * has nothing to send. The board's flash takes no time.
 */
export async function benchPacedUpload(): Promise<readonly Goal[]> {
  const { image, createBoard } = benchUpload(PAYLOAD_BYTES);
  const { usage, durationMs } = await uploadPaced(createBoard(), image);
  const note = `${image.byteLength} bytes at ${BAUD_RATE} baud, ${usage.bytes} on the line`;
  return [
    goal({
      name: 'paced upload: host line idle',
      measured: (100 * usage.idleMs) / usage.spanMs,
      unit: '%',
      bound: 'at-most',
      limit: GOAL_IDLE_PERCENT,
      note: `${usage.idleMs.toFixed(1)} of ${usage.spanMs.toFixed(1)} ms; the upload took ${durationMs.toFixed(1)} ms`,
    }),
    goal({
      name: 'paced upload: image bytes on host line',
      measured: (100 * image.byteLength) / usage.bytes,
      unit: '%',
      bound: 'at-least',
      limit: GOAL_IMAGE_PERCENT,
      note,
    }),
  ];
}

interface PacedUpload {
  /** From the first byte of the upload's first request to the last byte of its last. */
  readonly usage: LineUsage;
  /** On the clock, from the first chunk on, with the way back of the last answer. */
  readonly durationMs: number;
}

async function uploadPaced(board: VirtualBoard, image: Uint8Array): Promise<PacedUpload> {
  const bytesPerSecond = BAUD_RATE / BITS_PER_BYTE;
  const line: PacedLine = new PacedLine({
    bytesPerSecond,
    toDevice: (bytes) => {
      board.uartReceive(bytes);
    },
    toHost: (bytes) => {
      connection.receive(bytes);
    },
  });
  const connection = new ConsoleConnection({
    name: `paced line, ${BAUD_RATE} baud`,
    lineBytesPerSecond: bytesPerSecond,
    wire: {
      write: (bytes) => {
        line.sendToDevice(bytes);
        return Promise.resolve();
      },
      close: () => {
        line.close();
        return Promise.resolve();
      },
    },
  });
  board.listen({
    uart: (bytes) => {
      line.sendToHost(bytes);
    },
  });
  const host = new BoardHost(board);
  host.start();
  const client = new SmpClient(connection);
  try {
    must(await client.echo('ready'));
    line.restartUsage();
    const report = must(await client.imageUpload(image));
    if (report.resumedFrom !== 0 || report.match !== true) throw new Error('not a whole upload');
    return { usage: line.usageToDevice, durationMs: report.durationMs };
  } finally {
    await client.close();
    host.stop();
  }
}
