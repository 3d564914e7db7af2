import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { boardJsonSchema, checkBoardStore, checkBoardStrategy } from '@brickproof/harness';
import { boardText, problemsOf, readBoard } from './board-text.js';

const BOARDS = fileURLToPath(new URL('../../../harness/boards', import.meta.url));
const SCHEMA: unknown = JSON.parse(JSON.stringify(boardJsonSchema()));
const validate = new Ajv({ allErrors: true }).compile(SCHEMA as object);

interface Key {
  readonly name: string;
  readonly description: unknown;
}

/** Every key of the schema, wherever it stands. */
function keysOf(schema: unknown): readonly Key[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([word, inner]) => {
    const below = keysOf(inner);
    if (word !== 'properties') return below;
    const keys = Object.entries(inner as Readonly<Record<string, { description?: string }>>);
    return [...keys.map(([name, { description }]) => ({ name, description })), ...below];
  });
}

describe('the JSON schema of board files', () => {
  it('is draft-07, and describes every key', () => {
    expect(SCHEMA).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: 'Brickproof board',
      additionalProperties: false,
    });
    expect(keysOf(SCHEMA).length).toBeGreaterThan(30);
    for (const { name, description } of keysOf(SCHEMA)) expect(description, name).toMatch(/\w/);
  });

  it('stands beside the example, as it is printed', () => {
    const file = readFileSync(`${BOARDS}/board.schema.json`, 'utf8');
    expect(JSON.parse(file)).toEqual(SCHEMA);
  });

  it('takes the example, which explains every key that there is', () => {
    const text = readFileSync(`${BOARDS}/board.yaml`, 'utf8');
    expect(text).toContain('# yaml-language-server: $schema=./board.schema.json');
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
    const board = readBoard(text);
    expect(checkBoardStrategy(board)).toMatchObject({ ok: true });
    expect(checkBoardStore(board)).toMatchObject({ ok: true });
    const unexplained = keysOf(SCHEMA)
      .map(({ name }) => name)
      .filter((name) => !new RegExp(`^ *(# )?(.*\\{.*)?${name}\\b`, 'm').test(text));
    expect(unexplained).toEqual([]);
  });

  it.each([
    boardText(),
    boardText({ bootloader: '{ strategy: swap-using-offset, bootstrap: true }', counters: 'none' }),
    'model: nrf-equal\n',
    'model: nrf-equal\nflash: { address: 0x8000000, erased-value: 0 }\n',
  ])('takes what our reader takes: %j', (text) => {
    expect(readBoard(text).model.areas.length).toBeGreaterThan(1);
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    boardText({ nme: 'x' }),
    boardText({ flash: '{ sectors: [], write-alignment: 4 }' }),
    boardText({ flash: '{ sectors: [4KiB], write-alignment: 4 }' }),
    boardText({ flash: '{ sectors: [16 x 4KiB], write-alignment: 64 }' }),
    boardText({ areas: '{ slot0: { offset: 0 } }' }),
    boardText({ bootloader: '{ strategy: ram-load }' }),
    boardText({ bootloader: '{ encryption: rot-13 }' }),
    boardText({ counters: '[4294967296]' }),
  ])('refuses what our reader refuses: %j', (text) => {
    expect(problemsOf(text)).not.toEqual([]);
    expect(validate(parse(text))).toBe(false);
  });
});
