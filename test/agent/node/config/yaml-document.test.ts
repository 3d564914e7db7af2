import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { formatProblem, readYamlDocument, YAML_CHARACTERS_MAX } from '@brickproof/agent/node';

const SCHEMA = v.strictObject({
  name: v.string(),
  slots: v.pipe(
    v.array(v.strictObject({ path: v.string(), size: v.pipe(v.number(), v.minValue(16)) })),
    v.minLength(1),
  ),
  mode: v.optional(v.picklist(['fast', 'safe'])),
  either: v.optional(
    v.union([v.string(), v.strictObject({ path: v.string() }), v.array(v.picklist(['a', 'b']))]),
  ),
  link: v.optional(
    v.strictObject({ url: v.pipe(v.string(), v.regex(/^mqtts:/, 'an mqtts:// address')) }),
  ),
});

function problemsOf(text: string): readonly string[] {
  const document = readYamlDocument(text, SCHEMA);
  return document.ok ? [] : document.problems.map((problem) => formatProblem('f.yaml', problem));
}

describe('a YAML document', () => {
  it('is read, and knows where everything is written', () => {
    const text = 'name: board\nslots:\n  - path: a\n    size: 64\n  - { path: b, size: 32 }\n';
    const document = readYamlDocument(text, SCHEMA);
    if (!document.ok) throw new Error(problemsOf(text).join());
    expect(document.value).toEqual({
      name: 'board',
      slots: [
        { path: 'a', size: 64 },
        { path: 'b', size: 32 },
      ],
    });
    expect(document.placeOf(['name'])).toEqual({ line: 1, column: 1 });
    expect(document.placeOf(['slots', 0, 'size'])).toEqual({ line: 4, column: 5 });
    expect(document.placeOf(['slots', 1])).toEqual({ line: 5, column: 5 });
    // What is not there is where its parent is.
    expect(document.placeOf(['slots', 1, 'other'])).toEqual({ line: 5, column: 5 });
  });

  it.each([
    ['name: 3\nslots: [{ path: a, size: 64 }]', 'f.yaml:1:1: "name" is 3, expected text'],
    ['slots: [{ path: a, size: 64 }]', 'f.yaml:1:1: "name" is missing'],
    [
      'name: b\nslots:\n  - path: a\n    siz: 64\n    size: 64',
      'f.yaml:4:5: "slots[0].siz" is not a known key; did you mean size?',
    ],
    [
      'name: b\nslots:\n  - path: a\n    size: 1',
      'f.yaml:4:5: "slots[0].size" is 1, expected at least 16',
    ],
    ['name: b\nslots: 4', 'f.yaml:2:1: "slots" is 4, expected a list'],
    [
      'name: b\nslots: [{ path: a, size: 64 }]\nmode: quick',
      'f.yaml:3:1: "mode" is "quick", expected "fast" or "safe"',
    ],
    [
      'name: b\nslots: [{ path: a, size: 64 }]\nlink:\n  url: http://x',
      'f.yaml:4:3: "link.url" is "http://x", expected an mqtts:// address',
    ],
    [
      'name: b\nslots: [{ path: a, size: 64 }]\nelsewhere: 1',
      'f.yaml:3:1: "elsewhere" is not a known key; known are name, slots, mode, either, link',
    ],
    ['name: b\nslots: []', 'f.yaml:2:1: "slots" is a list of 0, expected at least 1'],
    [
      'name: b\nslots: [{ path: a, size: 64 }]\neither: 4',
      'f.yaml:3:1: "either" is 4, expected text or a mapping or a list',
    ],
    [
      'name: b\nslots: [{ path: a, size: 64 }]\neither: { pth: a, path: b }',
      'f.yaml:3:11: "either.pth" is not a known key; did you mean path?',
    ],
    [
      'name: b\nslots: [{ path: a, size: 64 }]\neither: [a, c]',
      'f.yaml:3:13: "either[1]" is "c", expected "a" or "b"',
    ],
    ['name: b\nname: c\nslots: [{ path: a, size: 64 }]', 'f.yaml:2:1: map keys must be unique'],
    ['', 'f.yaml:1:1: the document is empty, expected a mapping'],
    ['- 1', 'f.yaml:1:1: the document is a list, expected a mapping'],
  ])('says in one line what is wrong with %j', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it('tells every problem, in the order of the text', () => {
    const problems = problemsOf('slots:\n  - path: 1\n    size: 2\nmode: no\n');
    expect(problems.map((line) => line.slice(0, 9))).toEqual([
      'f.yaml:1:',
      'f.yaml:2:',
      'f.yaml:3:',
      'f.yaml:4:',
    ]);
  });

  it.each([
    ['a tab in the indentation', 'name: b\nslots:\n\t- 1'],
    ['an open bracket', 'name: [b'],
    ['an unknown tag', 'name: !secret b\nslots: [{ path: a, size: 64 }]'],
    [
      'aliases that grow',
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nname: [*c,*c,*c,*c,*c,*c]`,
    ],
    ['too much text', '#'.repeat(YAML_CHARACTERS_MAX + 1)],
  ])('refuses %s without throwing', (_, text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0);
  });
});
