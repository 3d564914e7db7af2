import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SCENARIOS_FOLDER } from '@brickproof/harness';
import { runText } from './scenario-text.js';

const DEVICE = 'device:\n';

function read(name: string): string {
  return readFileSync(join(SCENARIOS_FOLDER, `${name}.yaml`), 'utf8');
}

/** The text with one thing made wrong, which has to be there. */
function twinOf(name: string, right: string, wrong: string): string {
  const text = read(name);
  expect(text).toContain(right);
  return text.replace(right, wrong);
}

/** The number of the line in which a text first stands. */
function lineOf(text: string, part: string): number {
  const lines = text.split('\n');
  const index = lines.findIndex((line) => line.includes(part));
  expect(index).toBeGreaterThanOrEqual(0);
  return index + 1;
}

interface Twin {
  readonly name: string;
  /** What is made wrong: a board that behaves otherwise, or a step that is left out. */
  readonly right: string;
  readonly wrong: string;
  /** A part of the line that has to be red, and of what is said. */
  readonly line: string;
  readonly found: string;
}

const TWINS: readonly Twin[] = [
  {
    name: 'good-update',
    right: DEVICE,
    wrong: `${DEVICE}  behaviour: self-test-fails\n`,
    line: 'wait-until: { version: 1.1.0',
    found: 'version 1.0.0',
  },
  {
    name: 'failed-self-test',
    right: DEVICE,
    wrong: `${DEVICE}  behaviour: healthy\n`,
    line: 'wait-until: { version: 1.0.0',
    found: 'version 1.2.0',
  },
  {
    name: 'hang',
    right: DEVICE,
    wrong: `${DEVICE}  behaviour: healthy\n`,
    line: 'wait-until: { version: 1.0.0',
    found: 'version 1.2.0',
  },
  {
    name: 'reset-loop',
    right: DEVICE,
    wrong: `${DEVICE}  behaviour: healthy\n`,
    line: 'wait-until: { version: 1.0.0',
    found: 'version 1.2.0',
  },
  {
    name: 'cut-during-upload',
    right: 'operation: 60',
    wrong: 'operation: 60000',
    line: 'refused: unreachable',
    found: 'that it was done',
  },
  {
    name: 'cut-during-boot',
    right: 'write: applied',
    wrong: 'write: untouched',
    line: 'power: running',
    found: 'version 1.1.0',
  },
  {
    name: 'same-version',
    right: 'start: good-1.1.0-imgtool.bin',
    wrong: 'start: good-1.0.0-imgtool.bin',
    line: 'refused: image:current-version-is-newer',
    found: 'that it was done',
  },
  {
    name: 'downgrade',
    right: 'image: good-0.9.0-downgrade.bin',
    wrong: 'image: good-1.1.0-imgtool.bin',
    line: 'refused: image:current-version-is-newer',
    found: 'that it was done',
  },
  {
    name: 'wrong-key',
    right: DEVICE,
    wrong: `${DEVICE}  agent: trusting\n`,
    line: 'test: { image: uploaded, refused: image:confirmation-denied }',
    found: 'that it was done',
  },
  {
    name: 'truncated-upload',
    right: ', truncate: 200KiB',
    wrong: '',
    line: 'other-version: none',
    found: 'other-version 1.1.0',
  },
  {
    name: 'resumed-upload',
    right: 'link: down',
    wrong: 'note: nothing happens',
    line: 'refused: unreachable',
    found: 'image:hash-not-found',
  },
  {
    name: 'failing-writes',
    right: 'at: slot1, write: one-bit-short',
    wrong: 'at: slot0, write: one-bit-short',
    line: 'refused: image:flash-write-failed',
    found: 'that it was done',
  },
  {
    name: 'worn-out-sector',
    right: 'erases: 1 }',
    wrong: 'erases: 9 }',
    line: 'refused: image:flash-write-failed',
    found: 'that it was done',
  },
  {
    name: 'bit-rot',
    right: DEVICE,
    wrong: `${DEVICE}  agent: trusting\n`,
    line: 'refused: image:confirmation-denied',
    found: 'that it was done',
  },
  {
    name: 'unstable-flash',
    right: 'on: write, at: slot1, write: unstable',
    wrong: 'on: write, at: slot1, write: applied',
    line: 'pending: false',
    found: 'version 1.1.0',
  },
  {
    name: 'cut-during-copy',
    right: 'operation: 1, during: boot, on: erase',
    wrong: 'operation: 1000, during: boot, on: erase',
    line: 'expect: { power: off }',
    found: 'power running',
  },
  {
    name: 'cut-during-swap',
    right: 'operation: 12, during: boot',
    wrong: 'operation: 10000, during: boot',
    line: 'expect: { power: off }',
    found: 'power running',
  },
  {
    name: 'same-version-swap',
    right: 'good-1.1.0-custom-tlv-imgtool.bin\n  - test: uploaded',
    wrong: 'good-1.0.0-imgtool.bin\n  - test: uploaded',
    line: 'test: uploaded',
    found: 'image:current-version-is-newer',
  },
  {
    name: 'two-images',
    right: DEVICE,
    wrong: `${DEVICE}  second-image: good-1.1.0-image1-imgtool.bin\n`,
    line: 'second-version: 1.0.0 }',
    found: 'second-version 1.1.0',
  },
  {
    name: 'two-images-rolled-back',
    right: DEVICE,
    wrong: `${DEVICE}  behaviour: healthy\n`,
    line: 'wait-until: { version: 1.0.0',
    found: 'version 1.2.0',
  },
  {
    name: 'second-update-during-trial',
    right: 'settle: 30 s',
    wrong: 'settle: 100 ms',
    line: 'refused: image:no-free-slot',
    found: 'that it was done',
  },
];

describe('a scenario that comes with Brickproof fails', () => {
  it.each(TWINS)('on a board that is not as it should be: $name', async (twin) => {
    const text = twinOf(twin.name, twin.right, twin.wrong);
    const runs = await runText(text, { link: 'mqtt' });
    expect(runs.map(({ verdict }) => verdict)).toContain('failed');
    for (const { failure } of runs) {
      expect(failure?.found).toContain(twin.found);
      expect(failure?.line).toBe(lineOf(text, twin.line));
    }
  });

  it.each(TWINS.map(({ name }) => name))('when its last expectation is wrong: %s', async (name) => {
    const right = read(name);
    const at = right.lastIndexOf('version: ');
    const end = /[,\s}]/.exec(right.slice(at + 'version: '.length))?.index ?? 0;
    const tail = right.slice(at + 'version: '.length + end);
    const text = `${right.slice(0, at)}version: 9.9.9${tail}`.replace(
      'within: 10 s',
      'within: 2 s',
    );
    const [run] = await runText(text, { link: 'serial' });
    expect(run?.failure?.expected).toContain('version 9.9.9');
    expect(run?.failure?.line).toBe(lineOf(text, 'version: 9.9.9'));
  });
});
