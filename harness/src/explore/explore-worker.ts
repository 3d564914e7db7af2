import { parentPort, workerData } from 'node:worker_threads';
import { createHostCrypto } from '@brickproof/agent/node';
import { exploreDump } from './explore-dump.js';
import type { ExploreTask, Explored, WorkerMessage, WorkerStart } from './explore-task.js';
import { runExploration, type ExplorationTools } from './run-exploration.js';

const PROGRESS_INTERVAL_MS = 200;

const { stopFlag } = workerData as WorkerStart;

parentPort?.on('message', (task: ExploreTask) => {
  void answer(task);
});

async function answer(task: ExploreTask): Promise<void> {
  tell({ kind: 'explored', explored: await explore(task) });
}

async function explore(task: ExploreTask): Promise<Explored> {
  const tools: ExplorationTools = { crypto: createHostCrypto(), onProgress: createProgress() };
  return task.kind === 'scene'
    ? runExploration(task.request, tools)
    : exploreDump(task.source, task.bounds, tools);
}

/** Tells of the progress now and then; says whether to go on. */
function createProgress(): NonNullable<ExplorationTools['onProgress']> {
  let toldMs = performance.now();
  return (progress) => {
    const nowMs = performance.now();
    if (nowMs - toldMs >= PROGRESS_INTERVAL_MS) {
      toldMs = nowMs;
      tell({ kind: 'progress', progress });
    }
    return Atomics.load(stopFlag, 0) === 0;
  };
}

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
