import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Agent from '@brickproof/agent';
import type * as BootloaderSim from '@brickproof/bootloader-sim';
import ts from 'typescript';
import { removeFolder } from '../../../remove-folder.js';
import type { Variant, VariantPackage, VariantPatch } from './variant.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/**
 * What lies below a `node_modules` is left to Node by Vite: a copy is imported as it is, and what
 * it imports is what was built, not the sources that tests read.
 */
const COPIES = join(ROOT, '.brickproof/variants/node_modules');

/** The folder of the agent that its entry does not lead to. */
const RIM = join('agent', 'dist', 'node');

/** What each package exports. */
interface PackageExports {
  readonly 'bootloader-sim': typeof BootloaderSim;
  readonly agent: typeof Agent;
}

/**
 * Loads a variant: a copy of what was built of its package, with the patched files compiled anew.
 * Each call loads a copy of its own; nothing of it stays on the disk. Throws when the variant does
 * not fit the sources any more, and when the package was not built.
 */
export async function loadVariant<Package extends VariantPackage>(
  variant: Variant<Package>,
): Promise<PackageExports[Package]> {
  const patched = patchedSources(variant);
  mkdirSync(COPIES, { recursive: true });
  const copy = mkdtempSync(join(COPIES, `${variant.name}-`));
  try {
    copyBuilt(variant.package, copy);
    for (const [file, text] of patched) {
      writeFileSync(join(copy, builtName(file)), compile(file, text));
    }
    const entry = pathToFileURL(join(copy, 'index.js')).href;
    // It was built from the package that the type tells of.
    return (await import(/* @vite-ignore */ entry)) as PackageExports[Package];
  } finally {
    removeFolder(copy);
  }
}

/** The source of each file that a variant patches, with its patches made. */
export function patchedSources(variant: Variant): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const patch of variant.patches) {
    const path = join(ROOT, variant.package, patch.file);
    const text = sources.get(patch.file) ?? readFileSync(path, 'utf8');
    sources.set(patch.file, applyPatch(variant.name, patch, text));
  }
  return sources;
}

function applyPatch(name: string, { file, find, replace }: VariantPatch, text: string): string {
  const parts = text.split(find);
  const [before, after] = parts;
  if (before === undefined || after === undefined || parts.length > 2) {
    throw new Error(
      `variant ${name} does not fit ${file}: ${parts.length - 1} places, expected 1, with ${find}`,
    );
  }
  return before + replace + after;
}

function copyBuilt(name: VariantPackage, copy: string): void {
  cpSync(join(ROOT, name, 'dist'), copy, {
    recursive: true,
    filter: (path) => ['', '.js'].includes(extname(path)) && !path.endsWith(RIM),
  });
  writeFileSync(join(copy, 'package.json'), '{"type":"module"}');
}

function builtName(file: string): string {
  return file.replace(/^src\//, '').replace(/\.ts$/, '.js');
}

/** The project's options; the kind of module is said, since one file alone does not tell it. */
function readCompilerOptions(): ts.CompilerOptions {
  const path = join(ROOT, 'tsconfig.base.json');
  const parsed = ts.getParsedCommandLineOfConfigFile(
    path,
    { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
    {
      ...ts.sys,
      readDirectory: () => [],
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, ' '));
      },
    },
  );
  if (parsed === undefined) throw new Error(`${path} cannot be read`);
  return parsed.options;
}

let compilerOptions: ts.CompilerOptions | undefined;

function compile(file: string, text: string): string {
  compilerOptions ??= readCompilerOptions();
  return ts.transpileModule(text, { fileName: file, compilerOptions }).outputText;
}
