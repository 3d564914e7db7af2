import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { formatExplorePage } from '@brickproof/harness';
import {
  BROKEN,
  DRAINED,
  UNFINISHED,
  brokenWithSectors,
  brokenWithText,
} from './exploration-fixture.js';

const HOSTILE = `</script></style></title><b onclick="x">"'<img src=https://example.com/a>]]>\u0000`;

describe('explorations as an HTML page', () => {
  const page = formatExplorePage([DRAINED, UNFINISHED, BROKEN]);

  it('says on top what was found, with the numbers of each', () => {
    expect(page).toContain('<title>Brickproof explore: 1 broken, 1 not drained, 1 drained</title>');
    const rows = section(page, '<table class="overview">', '</table>').split('<tr>').slice(2);
    expect(rows.map(textOf)).toEqual([
      'update-and-revert, swap-using-move|✓ drained, all holds|6,947|10,412,007|10,405,061|7|6,950|18,211|3|41.3 s|313 MiB',
      'update-and-revert, swap-using-scratch|! not drained|100,000|10,412,007|10,405,061|7|6,950|18,211|3|41.3 s|313 MiB',
      'update-and-revert, swap-using-move|✗ broken|1,204|88,310|87,107|2|1,210|902|3|1.9 s|313 MiB',
    ]);
  });

  it('says of each what its settings were, and how often each invariant was broken', () => {
    const broken = section(page, 'id="exploration-3"', 'class="trace"');
    expect(textOf(section(broken, '<table class="settings">', '</table>'))).toContain(
      'slot|32 KiB|sector|4 KiB|write alignment|8 bytes|erased value|0xff|image|17,000 bytes|power cuts|any number|tears|untouched, prefix, one-bit-short',
    );
    const invariants = textOf(section(broken, '<table class="invariants">', '</table>'));
    expect(invariants).toContain('boots-something|there is always an image that can run|1 time');
    expect(invariants.match(/\|never/g)).toHaveLength(BROKEN.invariants.length - 1);
  });

  it('has every step of a trace, and a link to each', () => {
    const ids = [...page.matchAll(/<section class="step" id="([^"]+)"/g)].map(([, id]) => id);
    const boots = BROKEN.counterexample?.boots ?? [];
    expect(ids).toEqual(['start', ...boots].map((_, step) => `trace-3-step-${step}`));
    for (const id of ids) expect(page).toContain(`<a href="#${id ?? ''}">`);
    expect(page).toContain('brickproof explore --replay update-and-revert/swap-using-move/');
  });

  it('tells of a boot what was read, what ran, what was cut and what is left of it', () => {
    const step = section(page, 'id="trace-3-step-3"', '</section>');
    expect(textOf(section(step, '<dl>', '</dl>'))).toBe(
      'read where the last cut was|slot0+0x7ff0: 77 c2 95 f3 60 d2 ef 7f ff ff ff ff ff ff ff ff|' +
        'ran|nothing|cut|erase of 4,096 bytes at slot0+0x3000: sector 3 of slot0|' +
        'left of it|erased but for one bit|operations|3',
    );
    expect(textOf(section(step, '<tr class="cut">', '</tr>'))).toBe(
      '2|erase|slot0+0x3000|4096|sector 3 of slot0|✂ cut',
    );
    expect(section(step, '<pre>', '</pre>')).toContain('\nerasing what the swap left behind');
    expect(textOf(section(page, 'id="trace-3-step-1"', '</section>'))).toContain(
      'ran|1.1.0, which resets without confirming',
    );
    expect(textOf(section(page, 'id="trace-3-step-4"', '</section>'))).toContain(
      'found broken|slot0 holds no image that verifies',
    );
  });

  it('draws a sector by letter and number, and says in words what it is', () => {
    const step = section(page, 'id="trace-3-step-3"', '</section>');
    expect(step).toContain(
      '<span class="cell torn changed cut" title="sector 3: torn 1.1.0 sector 3, changed, cut here">~B<small>3</small></span>',
    );
    expect(step).toContain('title="sector 7: torn, part of the trailer">~</span>');
    expect(step).toContain('aria-label="slot1: 1.0.0 sectors 0 to 4; 3 sectors erased"');
    const cells = [...step.matchAll(/<span class="cell ([^ "]+)/g)].map(([, look]) => look);
    const image = (look: string): readonly string[] => Array.from({ length: 5 }, () => look);
    expect(cells).toEqual([
      ...image('image-1').with(3, 'torn'),
      ...['erased', 'erased', 'torn'],
      ...image('image-0'),
      ...['erased', 'erased', 'erased'],
    ]);
  });

  it('says of a field of a trailer what it was before, when it changed', () => {
    const step = section(page, 'id="trace-3-step-2"', '</section>');
    const trailers = section(step, '<table class="trailers">', '</table>').split('<tr>').slice(2);
    expect(trailers.map(textOf)).toEqual([
      'magic|bad|was good|unset',
      'swap type|none|was test|none',
      'copy-done|unset|was set|unset',
      'image-ok|unset|unset',
      'status entries|0 written|was 15 written|0 written',
    ]);
  });

  it('draws hundreds of sectors', () => {
    const wide = formatExplorePage([brokenWithSectors(512)]);
    const step = section(wide, 'id="trace-1-step-4"', '</section>');
    expect(step.match(/class="cell /g)).toHaveLength(2 * 512);
    expect(step).toContain('class="sectors small"');
    expect(page).not.toContain('class="sectors small"');
  });

  it('lets in its own style and script alone, by their hashes', () => {
    const policy = section(page, 'Content-Security-Policy" content="', '">');
    expect(policy.replaceAll('&#39;', "'")).toBe(
      [
        "default-src 'none'",
        `style-src '${hashOf(section(page, '<style>', '</style>'))}'`,
        `script-src '${hashOf(section(page, '<script>', '</script>'))}'`,
        "base-uri 'none'",
        "form-action 'none'",
      ].join('; '),
    );
    expect(page).not.toMatch(/\s(style|src|on\w+)=|url\(|@import|https?:/);
    expect(page.match(/<(style|script)\b/g)).toHaveLength(2);
  });

  it('has a script that can be compiled', () => {
    expect(() => new Script(section(page, '<script>', '</script>'))).not.toThrow();
  });

  it('lets no text out of its place', () => {
    const hostile = formatExplorePage([brokenWithText(HOSTILE)]);
    expect(hostile).not.toContain('\u0000');
    expect(tagsOf(hostile)).toEqual(tagsOf(formatExplorePage([brokenWithText('harmless')])));
    expect(hostile).toContain('&lt;/script&gt;&lt;/style&gt;&lt;/title&gt;&lt;b onclick');
  });

  it('is well-formed, with no id twice and no link to nowhere', () => {
    const ids: string[] = [];
    const links: string[] = [];
    for (const { name, attributes } of tagsOf(page)) {
      const { id, href } = attributes;
      if (id !== undefined) ids.push(id);
      if (name === 'a' && href !== undefined) links.push(href.slice(1));
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(links.filter((link) => !ids.includes(link))).toEqual([]);
    expect(links).toContain('trace-3-step-4');
  });

  it('says so when nothing was explored', () => {
    expect(formatExplorePage([])).toContain('<h1>Brickproof explore: nothing was explored</h1>');
  });
});

/** What stands between two texts, the first of which must be there. */
function section(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  expect(start, from).toBeGreaterThanOrEqual(0);
  const end = text.indexOf(to, start + from.length);
  expect(end, to).toBeGreaterThanOrEqual(0);
  return text.slice(start + from.length, end);
}

/** The texts of a piece of markup, told apart by bars. */
function textOf(piece: string): string {
  const texts = piece.slice(piece.startsWith('<') ? 0 : piece.indexOf('>') + 1).split(/<[^>]*>/);
  return texts
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .join('|');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Attributes that hold texts of others. */
const TEXT_ATTRIBUTES: readonly string[] = ['title', 'aria-label'];

/**
 * The elements of a page, in order, by an XML parser, which throws where one is not closed in its
 * turn. The few things that only HTML may leave out are put in before.
 */
function tagsOf(page: string): readonly Tag[] {
  const tags: Tag[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const own = Object.entries(attributes).filter(([key]) => !TEXT_ATTRIBUTES.includes(key));
    tags.push({ name, attributes: Object.fromEntries(own) });
  });
  const xml = page
    .replace(/^<!doctype html>/, '')
    .replaceAll(/<meta\b([^>]*)>/g, '<meta$1/>')
    .replaceAll('<div class="controls" hidden>', '<div class="controls">')
    .replace('<script>', '<script><![CDATA[')
    .replace('</script>', ']]></script>');
  parser.write(xml).close();
  return tags;
}
