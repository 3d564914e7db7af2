import { formatCount } from '../explore/explore-words.js';
import type { ExplorationProgress } from '../explore/run-exploration.js';
import { tell } from './outcome.js';

const CLEAR_LINE = '\r\u001b[K';
const COLUMNS_DEFAULT = 80;
/** Where there is no terminal, a line this often says that it goes on. */
const LINE_INTERVAL_MS = 10_000;

/** Tells on standard error how far explorations are. */
export interface ExploreProgress {
  started(index: number): void;
  progress(index: number, progress: ExplorationProgress): void;
  /** One is over; what stays of it is said, if anything. */
  ended(index: number, say: () => void): void;
}

/** A line that comes and goes on a terminal, a line now and then elsewhere. */
export function createExploreProgress(names: readonly string[]): ExploreProgress {
  return process.stderr.isTTY ? createLiveLine(names) : createLines(names);
}

/** What is under way, in a line that is as long as the terminal is wide. */
function createLiveLine(names: readonly string[]): ExploreProgress {
  const { stderr } = process;
  const running = new Map<number, ExplorationProgress | undefined>();
  let endedCount = 0;
  const draw = (): void => {
    const each = [...running].map(([index, progress]) => describe(names[index] ?? '', progress));
    const line = [`${endedCount} of ${names.length}`, ...each].join(' | ');
    stderr.write(`${CLEAR_LINE}${line.slice(0, (stderr.columns || COLUMNS_DEFAULT) - 1)}`);
  };
  return {
    started: (index) => {
      running.set(index, undefined);
      draw();
    },
    progress: (index, progress) => {
      running.set(index, progress);
      draw();
    },
    ended: (index, say) => {
      running.delete(index);
      endedCount += 1;
      stderr.write(CLEAR_LINE);
      say();
      if (running.size > 0) draw();
    },
  };
}

function createLines(names: readonly string[]): ExploreProgress {
  const toldMs = names.map(() => performance.now());
  return {
    started: (index) => {
      toldMs[index] = performance.now();
    },
    progress: (index, progress) => {
      const nowMs = performance.now();
      if (nowMs - (toldMs[index] ?? 0) < LINE_INTERVAL_MS) return;
      toldMs[index] = nowMs;
      tell(describe(names[index] ?? '', progress));
    },
    ended: (_index, say) => {
      say();
    },
  };
}

function describe(name: string, progress: ExplorationProgress | undefined): string {
  if (progress === undefined) return name;
  const { states, cuts, waiting, boots } = progress;
  const numbers = [
    `${formatCount(states)} states`,
    `${formatCount(cuts)} cuts deep`,
    `${formatCount(waiting)} waiting`,
    `${formatCount(boots)} boots`,
  ];
  return `${name}: ${numbers.join(', ')}`;
}
