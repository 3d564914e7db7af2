import { InvalidArgumentError, Option, type Command } from 'commander';
import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import type { DumpSource } from '../explore/explore-task.js';
import { SCENE_NAMES, type SceneName } from '../explore/scene-catalog.js';
import { STEADY_TEARS, TEAR_KINDS, type TearKind } from '../explore/tears.js';
import { boardOption } from './board-flag.js';
import { integerArgument, sizeArgument } from './command-tree.js';

/** What people may say of an exploration. A list that is absent is a default's. */
export interface ExploreFlags {
  readonly strategy?: readonly StrategyName[];
  readonly scene?: readonly SceneName[];
  readonly slotSize?: readonly number[];
  readonly sectorSize?: readonly number[];
  readonly align?: readonly WriteAlign[];
  readonly erased?: readonly Erased[];
  readonly imageSize?: readonly number[];
  readonly hardened?: boolean;
  readonly cuts?: number | 'any';
  readonly tears?: readonly TearKind[];
  readonly flickers?: number;
  readonly statesMax: number;
  readonly jobs?: number;
  readonly html?: string;
  readonly replay?: string;
  readonly flash?: string;
  readonly board?: string;
  readonly key?: readonly string[];
  readonly decrypt?: string;
}

/** What can be programmed at once. */
export type WriteAlign = (typeof WRITE_ALIGNS)[number];

/** What an erased byte reads as. */
export type Erased = (typeof ERASED_VALUES)[number];

const WRITE_ALIGNS = [1, 2, 4, 8, 16, 32] as const;
const ERASED_VALUES = [0xff, 0x00] as const;

const CUTS_MAX = 1_000;
const FLICKERS_MAX = 64;
const STATES_MAX = 1_000_000_000;
const STATES_MAX_DEFAULT = 5_000_000;
const JOBS_MAX = 256;

/** The dump that flags name, and what it is read with. */
export function dumpSourceOf(
  { strategy, key, decrypt }: ExploreFlags,
  named: Pick<DumpSource, 'dumpPath' | 'board'>,
): DumpSource {
  return { ...named, strategy: strategy?.[0], keyPaths: key ?? [], decryptionKeyPath: decrypt };
}

/** Adds the flags of `explore`. */
export function addExploreFlags(command: Command): Command {
  return addReportFlags(addBoundFlags(addSceneFlags(command)));
}

function addSceneFlags(command: Command): Command {
  const scenes: Named<SceneName> = { all: SCENE_NAMES, named: SCENE_NAMES };
  const strategies: Named<StrategyName> = { all: STRATEGY_NAMES, named: STRATEGY_NAMES };
  return command
    .option(
      '--scene <names>',
      `what happens to the device: all, or of ${SCENE_NAMES.join(', ')} (default: upgrade, revert)`,
      listOf(chosenFrom(scenes)),
    )
    .option(
      '--strategy <names>',
      `how it upgrades: all (the default), or of ${STRATEGY_NAMES.join(', ')}`,
      listOf(chosenFrom(strategies)),
    )
    .option('--slot-size <sizes>', 'of each slot (default: 32KiB)', listOf(sizes))
    .option('--sector-size <sizes>', 'of what is erased at once (default: 4KiB)', listOf(sizes))
    .option(
      '--align <bytes>',
      `what is programmed at once: of ${WRITE_ALIGNS.join(', ')} (default: 8)`,
      listOf(numberFrom(WRITE_ALIGNS)),
    )
    .option(
      '--erased <values>',
      'what an erased byte reads as: 0xff, 0x00, or both (default: 0xff)',
      listOf(numberFrom(ERASED_VALUES, (value) => (value === 0 ? '0x00' : '0xff'))),
    )
    .option(
      '--image-size <sizes>',
      'of header, body and signature (default: what fits, less a sector)',
      listOf(sizes),
    );
}

function addBoundFlags(command: Command): Command {
  return command
    .option('--hardened', 'mend what MCUboot may lose when the power goes twice')
    .option('--cuts <n>', 'at most so many power cuts (default: any number)', cutsArgument)
    .option(
      '--tears <kinds>',
      `what may be left of an operation that was cut: none, steady (all but what a flash says differently each time, or does not take), all, or of ${TEAR_KINDS.join(', ')} (default: prefix)`,
      listOf(
        chosenFrom<TearKind>({
          all: TEAR_KINDS,
          steady: STEADY_TEARS,
          none: [],
          named: TEAR_KINDS,
        }),
      ),
    )
    .option(
      '--flickers <n>',
      'how often the same cells may read differently in one boot (default: 2)',
      integerArgument(0, FLICKERS_MAX),
    )
    .option(
      '--states-max <n>',
      'give up after so many states',
      integerArgument(1, STATES_MAX),
      STATES_MAX_DEFAULT,
    )
    .option(
      '--jobs <n>',
      'explorations at a time (default: one for each core)',
      integerArgument(1, JOBS_MAX),
    );
}

function addReportFlags(command: Command): Command {
  return command
    .option('--html <file>', 'write what was found as one HTML page')
    .option('--replay <id>', 'go the way to something that was found, once more')
    .option('--flash <dump>', 'begin with the flash of your own board; needs --board')
    .addOption(boardOption())
    .option(
      '--key <pem>',
      'a key that your board trusts; may be given again (default: the test keys of the samples)',
      (path: string, others: readonly string[] | undefined) => [...(others ?? []), path],
    )
    .addOption(new Option('--decrypt <pem>', 'the key that your board decrypts images with'));
}

/** Words that stand for several, and those that stand for themselves. */
interface Named<Name extends string> {
  readonly named: readonly Name[];
  readonly all: readonly Name[];
  readonly steady?: readonly Name[];
  readonly none?: readonly Name[];
}

/** A list, separated by commas; the flag may be given again. Nothing is in it twice. */
function listOf<Item>(
  read: (word: string) => readonly Item[],
): (text: string, others: readonly Item[] | undefined) => readonly Item[] {
  return (text, others = []) => {
    const items = text.split(',').flatMap((word) => read(word.trim()));
    return [...new Set([...others, ...items])];
  };
}

function chosenFrom<Name extends string>(names: Named<Name>): (word: string) => readonly Name[] {
  return (word) => {
    if (word === 'all') return names.all;
    if (word === 'steady' && names.steady !== undefined) return names.steady;
    if (word === 'none' && names.none !== undefined) return names.none;
    const found = names.named.find((name) => name === word);
    if (found !== undefined) return [found];
    const groups = Object.keys(names).filter((key) => key !== 'named');
    throw new InvalidArgumentError(`Choose of ${[...groups, ...names.named].join(', ')}.`);
  };
}

function numberFrom<Value extends number>(
  values: readonly Value[],
  words: (value: Value) => string = String,
): (word: string) => readonly Value[] {
  return (word) => {
    const found = values.find((value) => /^(0x)?[0-9a-f]+$/i.test(word) && Number(word) === value);
    if (found !== undefined) return [found];
    throw new InvalidArgumentError(`Choose of ${values.map(words).join(', ')}.`);
  };
}

function sizes(word: string): readonly number[] {
  return [sizeArgument(word)];
}

function cutsArgument(text: string): number | 'any' {
  return text === 'any' ? text : integerArgument(0, CUTS_MAX)(text);
}
