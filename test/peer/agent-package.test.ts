import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceFolder, must, sampleImage } from '../agent/node/daemon/device-folder.js';
import { lastUpdate, resetInto, runningImage, upload } from '../agent/node/daemon/device-update.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUNDLE_BYTES_MAX = 640 * 1024;
const TARBALL_BYTES_MAX = 224 * 1024;
/** Shorter texts than this may be in anybody's code by chance. */
const PHRASE_CHARACTERS_MIN = 24;
const LICENCE_CHARACTERS_MIN = 300;
const LICENCES_TAKEN: readonly string[] = ['Apache-2.0', 'ISC', 'MIT'];

let project = '';
let tarball = '';

beforeAll(() => {
  project = mkdtempSync(join(realpathSync(tmpdir()), 'brickproof-project-'));
  const npm = (cwd: string, ...args: readonly string[]): string =>
    execFileSync('npm', [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  npm(ROOT, 'pack', '-w', '@brickproof/agent', '--pack-destination', project);
  tarball = join(project, readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '');
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  // Neither the network nor what npm has kept from it.
  npm(project, 'install', '--offline', '--cache', join(project, 'empty-cache'), tarball);
});

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

function installed(...names: readonly string[]): string {
  return join(project, 'node_modules', '@brickproof', 'agent', ...names);
}

function bundle(): string {
  return readFileSync(installed('bundle', 'brickproof-agent.mjs'), 'utf8');
}

/** The texts in quotes of a folder's sources, as far as they are phrases. */
function phrases(folder: string, extension: string): readonly string[] {
  const path = join(ROOT, folder);
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith(extension))
    .flatMap((name) => [...readFileSync(join(path, name), 'utf8').matchAll(/'([^'`"\\\n$]+)'/g)])
    .map(([, text = '']) => text)
    .filter((text) => text.length >= PHRASE_CHARACTERS_MIN && / .* /.test(text));
}

/** All that was built of a package, as one text. */
function sources(folder: string): string {
  const path = join(ROOT, folder);
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  const built = files.filter((name) => name.endsWith('.js'));
  return built.map((name) => readFileSync(join(path, name), 'utf8')).join('\n');
}

describe('the package of the agent', () => {
  it('installs nothing but itself, and no other file than it needs', () => {
    expect(readdirSync(join(project, 'node_modules', '@brickproof'))).toEqual(['agent']);
    const packages = readdirSync(join(project, 'node_modules'));
    expect(packages.filter((name) => !name.startsWith('.'))).toEqual(['@brickproof']);
    const files = readdirSync(installed(), { recursive: true, encoding: 'utf8' });
    expect(files.toSorted()).toEqual([
      'board',
      'board/brickproof-agent.service',
      'board/brickproof-reboot.path',
      'board/brickproof-reboot.service',
      'board/device.yaml',
      'bundle',
      'bundle/LICENSES.txt',
      'bundle/brickproof-agent.mjs',
      'package.json',
    ]);
    expect(statSync(tarball).size).toBeLessThan(TARBALL_BYTES_MAX);
    expect(Buffer.byteLength(bundle())).toBeLessThan(BUNDLE_BYTES_MAX);
  });

  it('needs no module but those of Node.js', () => {
    const modules = importedModules(installed('bundle', 'brickproof-agent.mjs'));
    // One in an import statement, and one that only a CommonJS library asks for.
    expect(modules).toEqual(expect.arrayContaining(['node:fs', 'util']));
    expect(modules.filter((name) => !isBuiltin(name))).toEqual([]);
  });

  it('holds no code of the harness or of tests', () => {
    // A test may quote a part of what the agent says.
    const ours = sources('agent/dist') + sources('bootloader-sim/dist');
    const foreign = [...phrases('harness/dist', '.js'), ...phrases('test', '.ts')];
    const telling = foreign.filter((text) => !ours.includes(text));
    expect(telling.length).toBeGreaterThan(500);
    const text = bundle();
    expect(telling.filter((phrase) => text.includes(phrase))).toEqual([]);
    const names = [
      'aedes',
      'serialport',
      'commander',
      'vitest',
      'fast-check',
      '@brickproof/harness',
    ];
    expect(names.filter((name) => text.includes(name))).toEqual([]);
  });

  it.each(['bundle/brickproof-agent.mjs', 'bundle/LICENSES.txt', 'package.json'])(
    'names no folder of the machine that made it in %s',
    (file) => {
      const text = readFileSync(installed(file), 'utf8');
      const folders = [ROOT, `${homedir()}/`, project, 'node_modules/'];
      expect(folders.filter((folder) => text.includes(folder))).toEqual([]);
    },
  );

  it('carries the licence of everything that is in it', async () => {
    const text = readFileSync(installed('bundle', 'LICENSES.txt'), 'utf8');
    const entries = text.split(`\n${'-'.repeat(80)}\n\n`).map((entry) => {
      const [, name = '', licence = ''] = /^(\S+) \S+ \(([^)]+)\)\n/.exec(entry) ?? [];
      return { name, licence, characters: entry.length };
    });
    expect(entries[0]).toMatchObject({ name: '@brickproof/agent', licence: 'Apache-2.0' });
    const names = entries.slice(1).map(({ name }) => name);
    expect(names.toSorted()).toEqual(await bundledPackages());
    for (const entry of entries) {
      expect(LICENCES_TAKEN).toContain(entry.licence);
      expect(entry.characters).toBeGreaterThan(LICENCE_CHARACTERS_MIN);
    }
  });

  it('is a daemon that is provisioned and updated', async () => {
    const device = new DeviceFolder();
    device.command = [join(project, 'node_modules', '.bin', 'brickproof-agent')];
    try {
      const forged = await device.run(
        'provision',
        '--image',
        sampleImage('bad-signature-1.1.0.bin'),
      );
      expect(forged.status).toBe(17);
      await device.provision();
      const first = await device.start();
      const client = await first.client();
      expect(must(await client.echo('packed'))).toBe('packed');
      await upload(client, sampleImage('good-1.1.0-imgtool.bin'));
      const second = await resetInto(device, first);
      await second.says(/image confirmed/);
      expect(await runningImage(second)).toMatchObject({ version: '1.1.0', confirmed: true });
      expect(await lastUpdate(second)).toBe('confirmed');
    } finally {
      await device.dispose();
    }
  });
});

/**
 * What a module imports, in every way there is: statements, `import()`, and what `createRequire`
 * made, by whatever name.
 */
function importedModules(path: string): readonly string[] {
  const program = ts.createProgram([path], { allowJs: true, noLib: true, noResolve: true });
  const checker = program.getTypeChecker();
  const found = new Set<string>();
  const take = (name: ts.Node | undefined): void => {
    if (name !== undefined && ts.isStringLiteralLike(name)) found.add(name.text);
    else found.add('not known before it runs');
  };
  const requires = new Set<ts.Symbol | undefined>();
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) take(node.moduleSpecifier);
    if (ts.isVariableDeclaration(node) && makesRequire(node.initializer)) {
      requires.add(checker.getSymbolAtLocation(node.name));
    }
    if (ts.isCallExpression(node)) {
      const { expression: callee } = node;
      const isImport = callee.kind === ts.SyntaxKind.ImportKeyword;
      const isRequire =
        ts.isIdentifier(callee) && requires.has(checker.getSymbolAtLocation(callee));
      if (isImport || isRequire) take(node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  program.getSourceFile(path)?.forEachChild(visit);
  return [...found];
}

/** Whether this is `createRequire(import.meta.url)`. */
function makesRequire(node: ts.Expression | undefined): boolean {
  if (node === undefined || !ts.isCallExpression(node)) return false;
  return node.arguments[0]?.getText() === 'import.meta.url';
}

/** The packages of others in the bundle, as the bundler's source map has them. */
async function bundledPackages(): Promise<readonly string[]> {
  const made = await rolldown({ input: join(ROOT, 'agent/dist/node/main.js'), platform: 'node' });
  const { output } = await made.generate({ format: 'esm', sourcemap: true });
  await made.close();
  const sources = output.flatMap((part) =>
    part.type === 'chunk' ? (part.map?.sources ?? []) : [],
  );
  const names = sources.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}
