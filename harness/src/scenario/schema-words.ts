import { closestWord, parseDuration } from '@brickproof/agent/node';
import * as v from 'valibot';
import { REFUSAL_CLASSES, REFUSAL_CODES } from './refusal-code.js';

/** The longest text of any kind in a scenario. */
const TEXT_CHARACTERS_MAX = 1_000;
const CONSOLE_CHARACTERS_MAX = 200;
const LIST_MAX = 16;
const DURATION_FORM = 'a duration such as 500 ms, 10 s or 2 min';
const DURATION_PATTERN = /^(\d{1,6}ms|\d{1,6}(\.\d{1,3})? ?(s|min)|\d{1,6} ms)$/;
const VERSION_FORM = 'a version such as 1.2.0 or 1.2.0+4';
const SIZE_BYTES_MAX = 64 * 1024 * 1024;

/** One value or a list of them, as a scenario may have it. */
export type OneOrSeveral<T> = T | readonly T[];

/** Text for people. */
export const proseSchema: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.minLength(1, 'some text'),
  v.maxLength(TEXT_CHARACTERS_MAX, `at most ${TEXT_CHARACTERS_MAX} characters`),
);

/** A span of time, as text. */
export const durationSchema: v.GenericSchema<string> = v.pipe(
  v.string(DURATION_FORM),
  v.regex(DURATION_PATTERN, DURATION_FORM),
  // What has not even the form has been told already.
  v.check(
    (text) => !DURATION_PATTERN.test(text) || parseDuration(text).ok,
    `has to be ${DURATION_FORM}`,
  ),
  v.examples(['500 ms', '10 s', '2 min']),
);

/** A number of bytes. */
export const sizeSchema: v.GenericSchema<number | string> = v.union([
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(SIZE_BYTES_MAX)),
  v.pipe(
    v.string(),
    v.regex(/^(0x[0-9a-fA-F]{1,7}|\d{1,8})([kKmM][iI][bB])?$/, 'a size such as 4096 or 64KiB'),
    v.examples(['64KiB', '0x1000']),
  ),
]);

/** The name of an image, or its path. */
export const imageSchema: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.regex(/^[^\n\r]{1,1000}$/, 'the name of a sample, or a path'),
  v.examples(['good-1.1.0-imgtool.bin', './build/app.signed.bin']),
);

/** A version as images have it. */
export const versionSchema: v.GenericSchema<string> = v.pipe(
  v.string(VERSION_FORM),
  v.regex(/^\d{1,3}\.\d{1,3}\.\d{1,5}(\+\d{1,10})?$/, VERSION_FORM),
  v.examples(['1.2.0', '1.2.0+4']),
);

/** Whole numbers that count something. */
export const countSchema: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.integer('a whole number'),
  v.minValue(0),
  v.maxValue(0xffff_ffff),
);

const refusalSchema = v.union([
  v.picklist(REFUSAL_CODES),
  v.pipe(
    v.string(),
    v.regex(/^(\d{1,5}|smp|os|image):\d{1,5}$/, ({ input }) => describeRefusalForm(input)),
  ),
]);

/** Codes of refusals, any of which will do. */
export const refusalsSchema: v.GenericSchema<OneOrSeveral<string>> = oneOrSeveral(
  refusalSchema,
  LIST_MAX,
);

const consoleTextSchema = v.union([
  v.pipe(v.string(), v.minLength(1), v.maxLength(CONSOLE_CHARACTERS_MAX)),
  v.strictObject({
    matches: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(CONSOLE_CHARACTERS_MAX),
      v.check(isRegularExpression, 'is no regular expression'),
      v.description('A JavaScript regular expression that a line matches.'),
      v.examples(['^I: Image \\d loaded']),
    ),
  }),
]);

/** A part of a console line, or a regular expression. */
export type ConsoleText = string | { readonly matches: string };

/** Lines that are looked for on the console. */
export const consoleSchema: v.GenericSchema<OneOrSeveral<ConsoleText>> = oneOrSeveral(
  consoleTextSchema,
  LIST_MAX,
);

/** One value, or a list of at most so many. */
export function oneOrSeveral<T>(
  schema: v.GenericSchema<T>,
  several: number,
): v.GenericSchema<OneOrSeveral<T>> {
  return v.union([
    schema,
    v.pipe(
      v.array(schema),
      v.minLength(1, 'at least one'),
      v.maxLength(several, `at most ${several}`),
    ),
  ]);
}

/** A schema with words that editors show. */
export function described<T>(schema: v.GenericSchema<T>, text: string): v.GenericSchema<T> {
  return v.pipe(schema, v.description(text));
}

/** A key that may be left out. */
export function key<T>(
  schema: v.GenericSchema<T>,
  text: string,
): v.ExactOptionalSchema<v.GenericSchema<T>, undefined> {
  return v.exactOptional(described(schema, text), undefined);
}

function describeRefusalForm(input: string): string {
  const meant = closestWord(input, REFUSAL_CODES);
  const help =
    meant === undefined ? `known are ${knownRefusals(input).join(', ')}` : `did you mean ${meant}?`;
  return `the code of a refusal such as image:no-free-slot; ${help}`;
}

/** Those of the group that was meant, or those on the way to the device. */
function knownRefusals(input: string): readonly string[] {
  const [group = ''] = input.split(':');
  const ofGroup = REFUSAL_CODES.filter((code) => code.startsWith(`${group}:`));
  const ofWay = REFUSAL_CODES.filter((code) => !code.includes(':'));
  const codes = ofGroup.length > 0 ? [...REFUSAL_CLASSES, ...ofGroup] : ofWay;
  return [...codes, 'GROUP:NUMBER'];
}

function isRegularExpression(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
