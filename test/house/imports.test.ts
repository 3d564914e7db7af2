import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** From the ground up; a package may import what stands before it. */
const HOUSE = ['bootloader-sim', 'agent', 'harness'] as const;

function sources(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name));
}

function imports(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

function offences(folder: string, forbidden: (specifier: string) => boolean): readonly string[] {
  return sources(folder).flatMap((file) =>
    imports(file)
      .filter(forbidden)
      .map((specifier) => `${relative(ROOT, file)} imports ${specifier}`),
  );
}

describe('the house', () => {
  it('finds the sources of every package', () => {
    for (const name of HOUSE) expect(sources(`${name}/src`).length).toBeGreaterThan(5);
  });

  it.each(HOUSE)('%s imports only what stands below it', (name) => {
    const above = HOUSE.slice(HOUSE.indexOf(name)).map((other) => `@brickproof/${other}`);
    expect(
      offences(`${name}/src`, (specifier) => above.some((a) => specifier.startsWith(a))),
    ).toEqual([]);
  });

  it.each(HOUSE)('%s does not reach past the exports of a package below', (name) => {
    const deep = /^@brickproof\/[^/]+\/(?!node$)/;
    expect(offences(`${name}/src`, (specifier) => deep.test(specifier))).toEqual([]);
  });

  it.each(HOUSE)('%s reaches no other package by a path', (name) => {
    const other = HOUSE.filter((candidate) => candidate !== name);
    expect(
      offences(`${name}/src`, (specifier) =>
        other.some(
          (candidate) => specifier.startsWith('.') && specifier.includes(`/${candidate}/`),
        ),
      ),
    ).toEqual([]);
  });

  it.each(['bootloader-sim/src', 'agent/src'])(
    '%s uses nothing of Node below the rim',
    (folder) => {
      const rim = join(ROOT, 'agent/src/node');
      const found = sources(folder)
        .filter((file) => !file.startsWith(rim))
        .flatMap((file) => imports(file).filter((specifier) => specifier.startsWith('node:')));
      expect(found).toEqual([]);
    },
  );
});
