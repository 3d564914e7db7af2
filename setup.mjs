// Does what `npm start` and `npm test` need first, and nothing when nothing is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const packages = ['bootloader-sim', 'agent', 'harness'];

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) {
      latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
    }
  }
  return latest;
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function run(what, command, args) {
  process.stderr.write(`${what}\n`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    process.stderr.write(`"${command} ${args.join(' ')}" failed; see above\n`);
    process.exit(1);
  }
}

const installed = join(root, 'node_modules', '.package-lock.json');
if (modified(installed) < modified(join(root, 'package-lock.json'))) {
  run('Installing dependencies (once) ...', 'npm', ['ci', '--no-audit', '--no-fund']);
}

const built = join(root, 'node_modules', '.brickproof-built');
const inputs = [
  ...packages.map((name) => newest(join(root, name, 'src'))),
  modified(join(root, 'tsconfig.base.json')),
  modified(installed),
];
const outputs = packages.map((name) => join(root, name, 'dist', 'index.js'));
if (modified(built) < Math.max(...inputs) || !outputs.every((path) => existsSync(path))) {
  run('Building ...', process.execPath, [
    join('node_modules', 'typescript', 'bin', 'tsc'),
    '-b',
    '--pretty',
  ]);
  writeFileSync(built, '');
}
