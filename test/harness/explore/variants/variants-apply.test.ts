import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openLogStore, Trial } from '@brickproof/agent';
import { boot, verifyImage } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { HISTORICAL_VARIANTS } from './historical.js';
import { loadVariant, patchedSources } from './load-variant.js';
import { AGENT_MUTANTS, BOOTLOADER_MUTANTS } from './mutants.js';
import type { Variant } from './variant.js';

const BOOTLOADERS = [...HISTORICAL_VARIANTS, ...BOOTLOADER_MUTANTS];
const ALL: readonly Variant[] = [...BOOTLOADERS, ...AGENT_MUTANTS];

/** A variant whose patch can be told apart once it is loaded. */
const MARKED: Variant<'bootloader-sim'> = {
  name: 'marked',
  about: 'Greets with another name.',
  package: 'bootloader-sim',
  strategies: [],
  scenes: [],
  patches: [
    {
      file: 'src/boot/bootloader.ts',
      find: "export const STRATEGY_NAMES: readonly StrategyName[] = [\n  'direct-xip',",
      replace:
        "export const STRATEGY_NAMES: readonly StrategyName[] = [\n  'broken' as 'direct-xip',",
    },
  ],
};

describe('variants', () => {
  it.each(BOOTLOADERS)('$name loads', async (variant) => {
    const loaded = await loadVariant(variant);
    expect(loaded.boot).not.toBe(boot);
    expect(loaded.verifyImage).not.toBe(verifyImage);
  });

  it.each(AGENT_MUTANTS)('$name loads', async (variant) => {
    const loaded = await loadVariant(variant);
    expect(loaded.openLogStore).not.toBe(openLogStore);
    expect(loaded.Trial).not.toBe(Trial);
  });

  it('have names of their own, and scenes in which they are to be found', () => {
    expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length);
    for (const { name, scenes } of ALL) expect(scenes, name).not.toEqual([]);
  });
});

describe('loading a variant', () => {
  it('gives the patched code, and leaves the package as it is', async () => {
    expect((await loadVariant(MARKED)).STRATEGY_NAMES[0]).toBe('broken');
    const [, ...others] = (await loadVariant({ ...MARKED, patches: [] })).STRATEGY_NAMES;
    expect((await loadVariant(MARKED)).STRATEGY_NAMES.slice(1)).toEqual(others);
    expect((await loadVariant({ ...MARKED, patches: [] })).STRATEGY_NAMES[0]).toBe('direct-xip');
  });

  it('leaves nothing on the disk', async () => {
    await loadVariant({ ...MARKED, name: 'left' });
    const copies = fileURLToPath(
      new URL('../../../../.brickproof/variants/node_modules', import.meta.url),
    );
    const found = existsSync(copies) ? readdirSync(copies) : [];
    expect(found.filter((name) => name.startsWith('left-'))).toEqual([]);
  });

  it.each([
    ['does not occur', 'no such line', '0 places'],
    ['occurs more than once', 'export', 'places, expected 1'],
  ])('refuses a patch whose place %s', (_, find, expected) => {
    const variant: Variant = {
      ...MARKED,
      patches: [{ file: 'src/index.ts', find, replace: '' }],
    };
    expect(() => patchedSources(variant)).toThrow(`variant marked does not fit src/index.ts`);
    expect(() => patchedSources(variant)).toThrow(expected);
  });
});
