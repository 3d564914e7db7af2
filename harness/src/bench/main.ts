import { parseArgs } from 'node:util';
import { benchDaemon } from './daemon-bench.js';
import { formatGoals, goalsToJson } from './bench-report.js';
import type { Goal } from './goal.js';
import { benchExplore } from './explore-bench.js';
import { benchIdleBoards } from './idle-board-bench.js';
import { benchPacedUpload } from './paced-upload-bench.js';
import { benchPtyUpload } from './pty-upload-bench.js';
import { benchSwaps } from './swap-bench.js';
import { benchVerify } from './verify-bench.js';

const EXIT_MISSED = 1;
const EXIT_USAGE = 2;

/** Runs the benchmarks and answers the exit status. */
async function main(): Promise<number> {
  const json = readJsonFlag();
  if (json === undefined) return usage('the only flag is --json');
  const collectGarbage = globalThis.gc;
  if (collectGarbage === undefined) return usage('start node with --expose-gc');
  const goals = await measure(() => {
    collectGarbage();
  });
  process.stdout.write(`${json ? goalsToJson(goals) : formatGoals(goals)}\n`);
  return goals.every((goal) => goal.held) ? 0 : EXIT_MISSED;
}

async function measure(collectGarbage: () => void): Promise<readonly Goal[]> {
  say('idle boards ...');
  const idle = benchIdleBoards(collectGarbage);
  say('verifying ...');
  const verify = benchVerify();
  say('swapping ...');
  const swaps = benchSwaps(collectGarbage);
  const explored = benchExplore(say);
  say('uploading over a pty ...');
  const upload = await benchPtyUpload();
  say('uploading at 115200 baud, about 8 seconds ...');
  const paced = await benchPacedUpload();
  const daemon = await benchDaemon(say);
  return [...upload, ...paced, ...verify, ...swaps, ...explored, ...idle, ...daemon];
}

function readJsonFlag(): boolean | undefined {
  try {
    return parseArgs({ options: { json: { type: 'boolean', default: false } } }).values.json;
  } catch {
    return undefined;
  }
}

function usage(what: string): number {
  say(`bench: ${what}`);
  return EXIT_USAGE;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

process.exitCode = await main();
