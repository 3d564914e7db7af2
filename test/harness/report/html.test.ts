import { describe, expect, it } from 'vitest';
import { escapeMarkup, formatHtml, markup } from '@brickproof/harness';
import { HELD, HOSTILE, REPORT } from './some-report.js';

describe('a report as an HTML page', () => {
  const page = formatHtml(REPORT);

  it('says what held and what did not, where, and how to see it again', () => {
    expect(page).toContain('<title>Brickproof: 1 of 3 did not hold, 1 not run</title>');
    expect(page).toContain('<td class="held">held</td><td>12 of 12</td>');
    expect(page).toContain('<td class="failed">did not hold</td><td>3 of 12</td>');
    expect(page).toContain('<td class="not-run">not run</td>');
    expect(page).toContain('<dd>a &quot;b&quot; &lt;c&gt;.yaml:7:5</dd>');
    expect(page).toContain('*** Booting firmware 1.2.0+0 ***');
    expect(page).toContain('--only hang</code>');
    expect(page).toContain('<td class="time">4, at most 3 a sector</td>');
  });

  it('lets no name and no console line out of its place', () => {
    expect(page).not.toContain('<script');
    expect(page).not.toContain('\u0000');
    expect(page).not.toContain('\u001b');
    // In the scenario's name, its description, the entry twice, expected, found and the console.
    const told = page.split('&lt;/pre&gt;&lt;/failure&gt;]]&gt;&lt;script&gt;alert(&quot;1&quot;)');
    expect(told).toHaveLength(8);
    expect(page.match(/<pre>/g)).toHaveLength(1);
    expect(page.match(/<\/pre>/g)).toHaveLength(1);
  });

  it('loads nothing and runs nothing', () => {
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(/\s(src|href|on\w+)=|url\(|@import|https?:/);
  });

  it('has a clean head when everything held', () => {
    const held = formatHtml({ ...REPORT, runs: [HELD] });
    expect(held).toContain('<h1>Brickproof: 1 of 1 held</h1>');
    expect(held).not.toContain('<h3>');
  });
});

describe('markup', () => {
  it('escapes what is put in, and leaves markup as it is', () => {
    const inner = markup`<b>${'<&>"\''}</b>`;
    expect(markup`<p title="${'"'}">${inner}${[1, 'x<', undefined]}</p>`.text).toBe(
      '<p title="&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b>1x&lt;</p>',
    );
  });

  it('has no way to write what XML forbids', () => {
    expect(escapeMarkup(HOSTILE)).toMatch(/&#39;\ufffd\ufffd\[31m\ufffd$/);
    expect(escapeMarkup('a\tb\nc\u{1f600}')).toBe('a\tb\nc\u{1f600}');
  });
});
