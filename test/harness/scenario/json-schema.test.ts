import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SCENARIOS_FOLDER, readScenario, scenarioJsonSchema } from '@brickproof/harness';
import { scenarioOf } from './scenario-text.js';

const SCHEMA: unknown = JSON.parse(JSON.stringify(scenarioJsonSchema()));
const validate = new Ajv({ allErrors: true }).compile(SCHEMA as object);
const START = '- start: good-1.0.0-imgtool.bin';

function isValid(text: string): boolean {
  return validate(parse(text)) === true;
}

interface Node {
  readonly path: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Every property of the schema, wherever it stands. */
function properties(value: unknown, path = ''): readonly Node[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = properties(inner, `${path}/${key}`);
    if (key !== 'properties') return below;
    const named = Object.entries(inner as Readonly<Record<string, Node['schema']>>).map(
      ([name, schema]) => ({ path: `${path}/${name}`, schema }),
    );
    return [...named, ...below];
  });
}

describe('the JSON schema of scenarios', () => {
  it('is draft-07, and describes every key', () => {
    expect(SCHEMA).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: 'Brickproof scenario',
      additionalProperties: false,
      required: ['name', 'steps'],
    });
    const all = properties(SCHEMA);
    expect(all.length).toBeGreaterThan(60);
    const silent = all.filter(({ schema }) => typeof schema['description'] !== 'string');
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('stands beside the scenarios that come with Brickproof, as it is printed', () => {
    const file = readFileSync(join(SCENARIOS_FOLDER, 'scenario.schema.json'), 'utf8');
    expect(JSON.parse(file)).toEqual(SCHEMA);
  });

  const shipped = readdirSync(SCENARIOS_FOLDER).filter((name) => name.endsWith('.yaml'));
  it.each(shipped)('takes %s, which names it', (name) => {
    const text = readFileSync(join(SCENARIOS_FOLDER, name), 'utf8');
    expect(text).toContain('# yaml-language-server: $schema=./scenario.schema.json');
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    scenarioOf(START),
    scenarioOf(`${START}\n- upload: { image: a, truncate: 0x100, resumes: 64KiB, refused: any }`),
    scenarioOf(`${START}\n- power: { cut: { operation: 3, during: boot } }\n- power: on`),
    scenarioOf(`${START}\n- wait-until: { console: { matches: a }, within: 500 ms }`),
    scenarioOf(`${START}\n- erase: { refused: ['64:1', smp-timeout] }`),
    scenarioOf(`${START}\n- power: { cut: { rate: 0.5, on: write, at: slot1, write: prefix:3 } }`),
    scenarioOf(`${START}\n- fault: { failure: { operation: 2, at: 0x82000, length: 4KiB } }`),
    scenarioOf(`${START}\n- fault: { worn-out: { at: slot1+0x1000, erases: 3 } }\n- fault: off`),
    scenarioOf(START, 'device: { faults: [{ flipped-bit: { at: store+1KiB, bit: 7 } }] }'),
  ])('takes what our reader takes: %j', (text) => {
    expect(readScenario(text, 's.yaml').ok).toBe(true);
    expect(isValid(text)).toBe(true);
  });

  it.each([
    ['no name', `steps:\n  ${START}`],
    ['no steps', 'name: a\nsteps: []'],
    ['a bad name', `name: A b\nsteps:\n  ${START}`],
    ['an unknown key', `name: a\nmore: 1\nsteps:\n  ${START}`],
    ['an unknown model', scenarioOf(START, 'device: { model: nrf52 }')],
    ['an empty list of links', scenarioOf(START, 'device: { link: [] }')],
    ['a seed that is text', scenarioOf(START, 'device: { seed: one }')],
    ['an unknown step', scenarioOf(`${START}\n- uplaod: a`)],
    ['an empty step', scenarioOf(`${START}\n- {}`)],
    ['two steps in one', scenarioOf(`${START}\n- power: off\n  link: down`)],
    ['an unknown option', scenarioOf(`${START}\n- upload: { image: a, truncat: 4 }`)],
    ['an upload of nothing', scenarioOf(`${START}\n- upload: { truncate: 4 }`)],
    ['a size that is none', scenarioOf(`${START}\n- upload: { image: a, truncate: 4kB }`)],
    ['a refusal that does not exist', scenarioOf(`${START}\n- erase: { refused: nope }`)],
    ['a duration without a unit', scenarioOf(`${START}\n- wait: 5`)],
    ['a version that is a number', scenarioOf(`${START}\n- expect: { version: 1.1 }`)],
    ['a slot there is not', scenarioOf(`${START}\n- expect: { slot: 2 }`)],
    ['a cut that is two', scenarioOf(`${START}\n- power: { cut: { operation: 1, after: 2 s } }`)],
    ['a cut that is none', scenarioOf(`${START}\n- power: { cut: {} }`)],
    [
      'a phase that does not exist',
      scenarioOf(`${START}\n- power: { cut: { operation: 1, during: lunch } }`),
    ],
    ['no fault', scenarioOf(`${START}\n- fault: {}`)],
    ['a failure of no moment', scenarioOf(`${START}\n- fault: { failure: { at: slot1 } }`)],
    [
      'a failure of two moments',
      scenarioOf(`${START}\n- fault: { failure: { operation: 1, rate: 1 } }`),
    ],
    [
      'two faults in one',
      scenarioOf(`${START}\n- fault: { worn-out: { at: slot1 }, flipped-bit: { at: slot1 } }`),
    ],
    ['wear nowhere', scenarioOf(`${START}\n- fault: { worn-out: {} }`)],
    ['a place that is none', scenarioOf(`${START}\n- fault: { worn-out: { at: slot 1 } }`)],
    [
      'a length of nothing',
      scenarioOf(`${START}\n- fault: { failure: { rate: 1, length: 4KiB } }`),
    ],
    [
      'an effect that is none',
      scenarioOf(`${START}\n- power: { cut: { operation: 1, write: weak } }`),
    ],
    ['an expectation of nothing', scenarioOf(`${START}\n- expect: {}`)],
    ['a wait for nothing', scenarioOf(`${START}\n- wait-until: { within: 3 s }`)],
    ['a refusal to wait for', scenarioOf(`${START}\n- wait-until: { refused: any }`)],
    ['a step without a value', scenarioOf(`${START}\n- confirm:`)],
  ])('refuses what our reader refuses: %s', (_, text) => {
    expect(readScenario(text, 's.yaml').ok).toBe(false);
    expect(isValid(text)).toBe(false);
  });
});
