import { toList } from './read-step.js';
import type { ConsoleText, OneOrSeveral } from './schema-words.js';

/** The newest lines that are kept; a scenario that prints more loses the oldest. */
export const CONSOLE_LINES_MAX = 2_000;
/** What is longer is cut off: also the bound for what a regular expression is tried on. */
export const CONSOLE_LINE_CHARACTERS_MAX = 400;

/** The most bytes of a line that is still coming: text of full length, coloured letter by letter. */
const LINE_BYTES_MAX = 8 * CONSOLE_LINE_CHARACTERS_MAX;
/** An SMP frame begins so, and goes on to the end of the line. */
// eslint-disable-next-line no-control-regex -- the marks of frames are control characters
const FRAME = /(?:\x06\x09|\x04\x14).*$/s;
/** What terminals do not show: colours and cursors (CSI), titles (OSC), and shorter sequences. */
const ESCAPES =
  // eslint-disable-next-line no-control-regex -- escape sequences begin and end with them
  /\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|[ -/]*(?:[0-Z\\^-~]|$))/g;
/** What is left of control characters, and of bytes that are no text. */
const UNPRINTABLE = /[^\P{Cc}\t]|\ufffd/gu;

/** What a device printed, line by line, without SMP frames. */
export class ConsoleLog {
  #lines: string[] = [];
  #partial = '';

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Takes bytes as they come. */
  add(bytes: Uint8Array): void {
    const pieces = (this.#partial + Buffer.from(bytes).toString('latin1')).split('\n');
    this.#partial = (pieces.pop() ?? '').slice(0, LINE_BYTES_MAX);
    for (const piece of pieces) {
      const line = readableLine(piece.slice(0, LINE_BYTES_MAX));
      if (line !== '') this.#lines.push(line);
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

/** What a person would read on a terminal; what is not text stays as a question mark. */
function readableLine(latin1: string): string {
  const bytes = Buffer.from(latin1.replace(FRAME, '').replace(ESCAPES, ''), 'latin1');
  const text = bytes.toString('utf8').replace(/^\r+|\r+$/g, '');
  return text.replace(UNPRINTABLE, '?').slice(0, CONSOLE_LINE_CHARACTERS_MAX);
}

/** A console text as people read it. */
export function describeConsoleText(text: ConsoleText): string {
  return typeof text === 'string' ? JSON.stringify(text) : `/${text.matches}/`;
}
