// Makes the daemon one file: bundle/brickproof-agent.mjs, with everything it needs but Node.
import { chmodSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here('package.json'), 'utf8'));
const file = here('bundle/brickproof-agent.mjs');

const bundle = await rolldown({
  input: here('dist/node/main.js'),
  platform: 'node',
  transform: { define: { BRICKPROOF_AGENT_VERSION: JSON.stringify(version) } },
});
await bundle.write({
  file,
  format: 'esm',
  minify: true,
  codeSplitting: false,
  banner: '#!/usr/bin/env node',
});
await bundle.close();
chmodSync(file, 0o755);
