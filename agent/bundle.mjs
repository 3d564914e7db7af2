// Makes the daemon one file: bundle/brickproof-agent.mjs, with everything it needs but Node, and
// beside it the licences of what is in it.
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here('package.json'), 'utf8'));

const bundle = await rolldown({
  input: here('dist/node/main.js'),
  platform: 'node',
  transform: { define: { BRICKPROOF_AGENT_VERSION: JSON.stringify(version) } },
});
const { output } = await bundle.write({
  file: here('bundle/brickproof-agent.mjs'),
  format: 'esm',
  minify: true,
  codeSplitting: false,
  banner: '#!/usr/bin/env node',
});
await bundle.close();
chmodSync(here('bundle/brickproof-agent.mjs'), 0o755);

/** The folder of the package that a module belongs to. */
function packageOf(module) {
  for (let folder = dirname(module); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version !== undefined) {
      return folder;
    }
  }
  return undefined;
}

function licenceOf(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${text}\n`;
}

const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
const packages = new Set(modules.filter((id) => id.includes('node_modules')).map(packageOf));
packages.delete(undefined);
const licences = [...packages].toSorted().map(licenceOf);
writeFileSync(here('bundle/LICENSES.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));
