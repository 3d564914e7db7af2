/** What a piece of text is, for those who see colours. */
export interface Paint {
  heading(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
}

/** Text as it is: for files, pipes and programs. */
export const PLAIN: Paint = {
  heading: (text) => text,
  good: (text) => text,
  bad: (text) => text,
  faint: (text) => text,
};

/** Select Graphic Rendition (ECMA-48 §8.3.117): the numbers that turn a look on and off again. */
function look(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Text with the terminal's own colours. */
export const COLOURED: Paint = {
  heading: look(1, 22),
  good: look(32, 39),
  bad: look(31, 39),
  faint: look(2, 22),
};

/** Colours on a terminal whose user has not asked for none (no-color.org). */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const isUnwanted = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return stream.isTTY === true && !isUnwanted ? COLOURED : PLAIN;
}
