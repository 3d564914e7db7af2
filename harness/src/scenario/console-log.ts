import { toList } from './read-step.js';
import type { ConsoleText, OneOrSeveral } from './schema-words.js';

/** The newest lines that are kept; a scenario that prints more loses the oldest. */
export const CONSOLE_LINES_MAX = 2_000;
/** What is longer is cut off: also the bound for what a regular expression is tried on. */
export const CONSOLE_LINE_CHARACTERS_MAX = 400;

const PRINTABLE = /^[\x20-\x7e\t]+$/;

/** What a device printed, line by line, without SMP frames. */
export class ConsoleLog {
  #lines: string[] = [];
  #partial = '';

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Takes bytes as they come. */
  add(bytes: Uint8Array): void {
    const pieces = (this.#partial + Buffer.from(bytes).toString('latin1')).split(/\r?\n/);
    // An SMP frame is one line too, and longer than what is kept of text.
    this.#partial = (pieces.pop() ?? '').slice(0, CONSOLE_LINE_CHARACTERS_MAX);
    for (const line of pieces) {
      if (PRINTABLE.test(line)) this.#lines.push(line.slice(0, CONSOLE_LINE_CHARACTERS_MAX));
    }
    if (this.#lines.length > CONSOLE_LINES_MAX) {
      this.#lines = this.#lines.slice(-CONSOLE_LINES_MAX);
    }
  }

  /** Those of the texts that stand in no line. */
  missing(texts: OneOrSeveral<ConsoleText>): readonly ConsoleText[] {
    return toList(texts).filter((text) => this.find(text) === undefined);
  }

  /** The first line in which a text stands. */
  find(text: ConsoleText): string | undefined {
    if (typeof text === 'string') return this.#lines.find((line) => line.includes(text));
    const pattern = new RegExp(text.matches);
    return this.#lines.find((line) => pattern.test(line));
  }
}

/** A console text as people read it. */
export function describeConsoleText(text: ConsoleText): string {
  return typeof text === 'string' ? JSON.stringify(text) : `/${text.matches}/`;
}
