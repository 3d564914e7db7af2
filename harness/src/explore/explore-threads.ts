import { totalmem } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ExploreTask, Explored, WorkerMessage, WorkerStart } from './explore-task.js';
import type { ExplorationProgress } from './run-exploration.js';

/** Hears of explorations by the number of their task. */
export interface ExploreListener {
  started(index: number): void;
  progress(index: number, progress: ExplorationProgress): void;
  ended(index: number, explored: Explored): void;
}

/** A worker needs more memory than it may have. */
export class OutOfMemory extends Error {}

/** Of the memory of this machine, for all workers together. */
const MEMORY_SHARE = 0.75;
const BYTES_PER_MEBIBYTE = 1024 * 1024;

/**
 * Explores on so many threads. Answers in the order of the tasks, with undefined for those that
 * were not begun when the signal came; those under way then end, with what they found.
 */
export async function exploreOnThreads(
  tasks: readonly ExploreTask[],
  options: {
    readonly jobs: number;
    readonly signal: AbortSignal;
    readonly listener: ExploreListener;
  },
): Promise<readonly (Explored | undefined)[]> {
  const { signal, listener } = options;
  const jobs = Math.min(options.jobs, tasks.length);
  const stopFlag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const stop = (): void => {
    Atomics.store(stopFlag, 0, 1);
  };
  signal.addEventListener('abort', stop, { once: true });
  const found: (Explored | undefined)[] = tasks.map(() => undefined);
  const waiting = tasks.entries();
  const workOff = async (): Promise<void> => {
    const thread = new ExploreThread(stopFlag, jobs);
    try {
      for (const [index, task] of waiting) {
        if (signal.aborted) return;
        listener.started(index);
        const explored = await thread.explore(task, (progress) => {
          listener.progress(index, progress);
        });
        found[index] = explored;
        listener.ended(index, explored);
      }
    } finally {
      await thread.end();
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, workOff));
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
  return found;
}

/** A thread that explores one task after another. */
class ExploreThread {
  readonly #worker: Worker;

  constructor(stopFlag: WorkerStart['stopFlag'], jobs: number) {
    const shareBytes = (totalmem() * MEMORY_SHARE) / jobs;
    this.#worker = new Worker(new URL('./explore-worker.js', import.meta.url), {
      workerData: { stopFlag } satisfies WorkerStart,
      resourceLimits: { maxOldGenerationSizeMb: Math.floor(shareBytes / BYTES_PER_MEBIBYTE) },
    });
  }

  explore(
    task: ExploreTask,
    onProgress: (progress: ExplorationProgress) => void,
  ): Promise<Explored> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const onMessage = (message: WorkerMessage): void => {
        if (message.kind === 'progress') onProgress(message.progress);
        else
          end(() => {
            resolve(message.explored);
          });
      };
      const onError = (error: unknown): void => {
        end(() => {
          reject(asMistake(error));
        });
      };
      const end = (settle: () => void): void => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        settle();
      };
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.postMessage(task);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function asMistake(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return isMemory ? new OutOfMemory(error.message) : error;
}
