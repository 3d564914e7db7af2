import { rmSync } from 'node:fs';

const TRIES_MAX = 40;
const PAUSE_MS = 50;

/**
 * Removes a folder that a program which is just ending may still write into. `rmSync` by itself
 * tries only the folder again, not what appeared in it meanwhile.
 */
export function removeFolder(path: string): void {
  for (let triesLeft = TRIES_MAX; ; triesLeft -= 1) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      const isNotEmpty = error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY';
      if (!isNotEmpty || triesLeft === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}
