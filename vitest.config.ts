import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests read the packages' sources; only tests that start a process use what was built. */
const resolve = {
  alias: {
    '@brickproof/bootloader-sim': source('bootloader-sim/src/index.ts'),
    '@brickproof/agent/node': source('agent/src/node/index.ts'),
    '@brickproof/agent': source('agent/src/index.ts'),
    '@brickproof/harness': source('harness/src/index.ts'),
  },
};

/** Explorations of many scenes and of many faults take a minute or two. */
const EXPLORATIONS = [
  'test/harness/explore/scenes/**/*.test.ts',
  'test/harness/explore/variants/**/*.test.ts',
  'test/harness/explore/explorer-finds*.test.ts',
];

export default defineConfig({
  test: {
    // Many tests wait for processes of their own; a worker for each core but one would wait too.
    maxWorkers: 3,
    projects: [
      {
        resolve,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/peer/**', ...EXPLORATIONS],
          testTimeout: 20_000,
          // Nothing has global state, so that files may share what they load: a quarter of the time.
          isolate: false,
        },
      },
      {
        resolve,
        test: {
          name: 'explore',
          include: EXPLORATIONS,
          testTimeout: 60_000,
          isolate: false,
        },
      },
      {
        resolve,
        test: {
          name: 'peer',
          include: ['test/peer/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
