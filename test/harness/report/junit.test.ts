import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { formatJunit } from '@brickproof/harness';
import { FAILED, HOSTILE, REPORT } from './some-report.js';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** What an XML parser makes of it, which throws when it is not well-formed. */
function parseXml(text: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const stack = [root];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes, children: [], text: '' };
    stack.at(-1)?.children.push(element);
    stack.push(element);
  });
  parser.on('text', (piece) => {
    const top = stack.at(-1);
    if (top !== undefined) top.text += piece;
  });
  parser.on('closetag', () => {
    stack.pop();
  });
  parser.write(text).close();
  const [document] = root.children;
  if (document === undefined) throw new Error('no document');
  return document;
}

/** What XML cannot say becomes a replacement character. */
const TOLD = HOSTILE.replace('\u0000', '\ufffd')
  .replace('\u001b', '\ufffd')
  .replace('\ud800', '\ufffd');

describe('a report as JUnit XML', () => {
  const suites = parseXml(formatJunit(REPORT));

  it('is well-formed, and counts what was run', () => {
    expect(suites.name).toBe('testsuites');
    expect(suites.attributes).toEqual({
      name: 'brickproof run',
      tests: '3',
      failures: '1',
      errors: '0',
      skipped: '1',
      time: '4.568',
    });
  });

  it('has a suite for each scenario and a case for each entry', () => {
    expect(suites.children.map(({ attributes }) => attributes)).toMatchObject([
      {
        name: 'good-update',
        tests: '2',
        failures: '0',
        skipped: '1',
        timestamp: '2026-02-03T04:05:06',
      },
      { name: `hang ${TOLD}`, tests: '1', failures: '1', skipped: '0', file: 'a "b" <c>.yaml' },
    ]);
    const [good] = suites.children;
    expect(good?.children.map(({ attributes }) => attributes)).toEqual([
      {
        name: 'nrf-equal, serial',
        classname: 'good-update',
        time: '0.123',
        file: 'scenarios/good-update.yaml',
      },
      {
        name: 'nrf-equal, mqtt',
        classname: 'good-update',
        time: '0.123',
        file: 'scenarios/good-update.yaml',
      },
    ]);
    expect(good?.children[0]?.children).toEqual([]);
    expect(good?.children[1]?.children[0]?.name).toBe('skipped');
  });

  it('says of a failure where it is, what was expected and found, and how to see it again', () => {
    const [failed] = suites.children[1]?.children ?? [];
    expect(failed?.attributes).toMatchObject({ name: TOLD, line: '7' });
    const [failure] = failed?.children ?? [];
    expect(failure?.name).toBe('failure');
    // A parser normalizes white space in attributes; there is none here but spaces.
    expect(failure?.attributes['message']).toBe(`expected version 1.0.0 ${TOLD}, found ${TOLD}`);
    expect(failure?.text.split('\n')).toEqual([
      `a "b" <c>.yaml:7:5: expected version 1.0.0 ${TOLD}`,
      `found ${TOLD}`,
      '| *** Booting firmware 1.2.0+0 ***',
      `| ${TOLD}`,
      `replay: ${FAILED.failure?.replay ?? ''}`,
    ]);
  });

  it('is well-formed when nothing was run', () => {
    expect(parseXml(formatJunit({ ...REPORT, runs: [] })).children).toEqual([]);
  });
});
