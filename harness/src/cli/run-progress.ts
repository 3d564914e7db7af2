import type { ReportedRun } from '../report/run-report.js';
import { formatSeconds } from '../report/run-report.js';
import { oneLine } from './outcome.js';

const CLEAR_LINE = '\r\u001b[K';

/** Tells of runs as they come: a line for each, and on a terminal which one is under way. */
export interface RunProgress {
  started(name: string, entry: string): void;
  ended(run: ReportedRun): void;
}

/** `write` takes the lines that stay; what comes and goes is for terminals, on standard error. */
export function createRunProgress(total: number, write: (text: string) => void): RunProgress {
  const { stderr } = process;
  let count = 0;
  return {
    started: (name, entry) => {
      count += 1;
      if (stderr.isTTY) stderr.write(`${CLEAR_LINE}${count} of ${total}: ${name} [${entry}]`);
    },
    ended: (run) => {
      if (stderr.isTTY) stderr.write(CLEAR_LINE);
      write(`${formatRun(run)}\n`);
    },
  };
}

/** One run as people read it: a line, and below it why it did not hold. */
export function formatRun(run: ReportedRun): string {
  const { scenario, entry, verdict, durationMs, boardMs, failure, file } = run;
  const times = `${formatSeconds(durationMs)} (board: ${formatSeconds(boardMs)})`;
  const mark = { held: '✓', failed: '✗', 'not-run': '-' }[verdict];
  const head = `${mark} ${scenario} [${entry}]  ${times}`;
  if (failure === undefined) return head;
  const { line, column, expected, found, console, replay } = failure;
  return [
    head,
    `  ${file}:${line}:${column}: expected ${oneLine(expected)}`,
    `  found ${oneLine(found)}`,
    ...console.map((text) => `  | ${text}`),
    `  replay: ${replay}`,
  ].join('\n');
}
