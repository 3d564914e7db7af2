// Makes the daemon one file: bundle/brickproof-agent.mjs, with everything it needs but Node, and
// beside it the licences of what is in it.
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const own = JSON.parse(readFileSync(here('package.json'), 'utf8'));

/** Libraries that read their own manifest ask for their version; the rest of it stays out. */
const manifestsCutShort = {
  name: 'manifests-cut-short',
  transform: {
    filter: { id: /node_modules\/.*package\.json$/ },
    handler: (code) => {
      const { name, version } = JSON.parse(code);
      return { code: JSON.stringify({ name, version }), map: null };
    },
  },
};

/** What a library would use if it were installed: nothing is installed beside one file. */
const optionalPackagesLeftOut = {
  name: 'optional-packages-left-out',
  resolveId: { filter: { id: /^supports-color$/ }, handler: () => '\0left-out' },
  load: { filter: { id: /^\0left-out$/ }, handler: () => 'module.exports = {};' },
};

const bundle = await rolldown({
  input: here('dist/node/main.js'),
  platform: 'node',
  plugins: [manifestsCutShort, optionalPackagesLeftOut],
  transform: { define: { BRICKPROOF_AGENT_VERSION: JSON.stringify(own.version) } },
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
  if (file === undefined) throw new Error(`${manifest.name} comes without its licence`);
  return licenceEntry(manifest, join(folder, file));
}

function licenceEntry({ name, version, license }, file) {
  return `${name} ${version} (${license})\n\n${readFileSync(file, 'utf8').trim()}\n`;
}

const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
const packages = new Set(modules.filter((id) => id.includes('node_modules')).map(packageOf));
packages.delete(undefined);
const others = [...packages].toSorted().map(licenceOf);
const licences = [licenceEntry(own, here('../LICENSE')), ...others];
writeFileSync(here('bundle/LICENSES.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));
