import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { parseSize } from '@brickproof/agent/node';

/** A verb that others stand below. */
export function addGroup(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description);
}

/** A verb that does something. Its help ends with an example. */
export interface VerbText {
  /** Name and arguments: `upload <file>`. */
  readonly usage: string;
  readonly description: string;
  /** What the flags take, where that is more than a word. */
  readonly notes?: string;
  /** What to type, from `brickproof` on; several where one does not show it all. */
  readonly example: string | readonly string[];
}

/** Adds a verb below another. */
export function addVerb(parent: Command, text: VerbText): Command {
  const notes = text.notes === undefined ? '' : `\n${text.notes}\n`;
  const examples = typeof text.example === 'string' ? [text.example] : text.example;
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return parent
    .command(text.usage)
    .description(text.description)
    .allowExcessArguments(false)
    .addHelpText('after', [`${notes}\n${title}:`, ...examples].join('\n  $ '));
}

/** For flags that take a size or a number: `4096`, `0x1000`, `4KiB`. */
export function sizeArgument(text: string): number {
  const size = parseSize(text);
  if (!size.ok) throw new InvalidArgumentError(`${size.detail}.`);
  return size.value;
}

/** For flags that take a whole number within bounds. */
export function integerArgument(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
  };
}

/** The verbs that lead to the command which these arguments name: `brickproof smp image`. */
export function commandPath(program: Command, args: readonly string[]): string {
  let command = program;
  const path = [program.name()];
  for (const arg of args) {
    const next = command.commands.find((candidate) => candidate.name() === arg);
    if (next === undefined) continue;
    command = next;
    path.push(next.name());
  }
  return path.join(' ');
}
