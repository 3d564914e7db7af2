/** Characters that XML 1.0 §2.2 allows in no document, not even escaped. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

/** A text as the contents of an element, or between quotes in an attribute, of XML or HTML. */
export function escapeMarkup(text: string): string {
  return text
    .replace(FORBIDDEN, '\u{fffd}')
    .replace(/[&<>"']/g, (character) => ENTITIES.get(character) ?? character);
}

/** Markup that is put in as it is: made by `markup`, and so escaped already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: texts and numbers are escaped, lists are joined. */
export type MarkupValue = string | number | Markup | undefined | readonly MarkupValue[];

/** A template of XML or HTML. Whatever is put into it is escaped, unless it is markup itself. */
export function markup(pieces: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  const text = pieces.map((piece, index) => piece + render(values[index])).join('');
  return new Markup(text);
}

function render(value: MarkupValue): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escapeMarkup(`${value}`);
  return value.map(render).join('');
}
