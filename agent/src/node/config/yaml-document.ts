import { safeParse } from 'valibot';
import type { BaseIssue, GenericIssue, GenericSchema } from 'valibot';
import { LineCounter, isAlias, isCollection, isMap, isScalar, parseDocument } from 'yaml';
import type { Document, ParsedNode } from 'yaml';
import { closestWord } from './closest-word.js';

/** The longest document that is read, in UTF-16 units. */
export const YAML_CHARACTERS_MAX = 262_144;
/** The most problems that are told of one document. */
export const YAML_PROBLEMS_MAX = 20;
/** How often a document may use its own anchors: what stops a small file from growing huge. */
const YAML_ALIASES_MAX = 100;

/** The keys and indexes that lead to a place in a document. */
export type DocumentPath = readonly (string | number)[];

/** What is wrong with a document, and where: lines and columns count from 1. */
export interface DocumentProblem {
  readonly line: number;
  readonly column: number;
  readonly sentence: string;
}

/** A place in the text. */
export interface DocumentPlace {
  readonly line: number;
  readonly column: number;
}

/** A document that is what its schema says. */
export interface CheckedDocument<T> {
  readonly ok: true;
  readonly value: T;
  /** Where something is written; what has no place of its own is where its parent is. */
  placeOf(path: DocumentPath): DocumentPlace;
}

/** A document that is not, with everything that was found wrong, in the order of the text. */
export interface FaultyDocument {
  readonly ok: false;
  readonly problems: readonly DocumentProblem[];
}

/**
 * Reads YAML 1.2 and holds it to a schema. Keys that the schema does not know, keys given twice
 * and unknown tags are problems too.
 */
export function readYamlDocument<T>(
  text: string,
  schema: GenericSchema<unknown, T>,
): CheckedDocument<T> | FaultyDocument {
  if (text.length > YAML_CHARACTERS_MAX) {
    const sentence = `${text.length} characters, at most ${YAML_CHARACTERS_MAX}`;
    return { ok: false, problems: [{ line: 1, column: 1, sentence }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return faulty(
      faults.map(({ message, pos }) => ({
        ...placeAt(lines, pos[0]),
        sentence: lowerFirst(message),
      })),
    );
  }
  const placeOf = (path: DocumentPath): DocumentPlace => placeIn(document, lines, path);
  const tree = toTree(document);
  if (tree === undefined) {
    return faulty([{ line: 1, column: 1, sentence: 'anchors and aliases grow beyond all bounds' }]);
  }
  const checked = safeParse(schema, tree.value);
  if (checked.success) return { ok: true, value: checked.output, placeOf };
  return faulty(
    checked.issues.flatMap(meantIssues).map((issue) => {
      const path = pathOf(issue);
      if (isListForMapping(issue)) {
        const list = path.slice(0, -1);
        return { ...placeOf(list), sentence: `${subjectOf(list)} is a list, expected a mapping` };
      }
      return { ...placeOf(path), sentence: describeIssue(issue, schema) };
    }),
  );
}

/** A problem as compilers write it: `FILE:LINE:COLUMN: SENTENCE`. */
export function formatProblem(file: string, problem: DocumentProblem): string {
  return `${file}:${problem.line}:${problem.column}: ${problem.sentence}`;
}

function faulty(problems: readonly DocumentProblem[]): FaultyDocument {
  const told = new Map(problems.map((problem) => [formatProblem('', problem), problem]));
  const sorted = [...told.values()].toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { ok: false, problems: sorted.slice(0, YAML_PROBLEMS_MAX) };
}

function toTree(document: Document.Parsed): { readonly value: unknown } | undefined {
  try {
    return { value: document.toJS({ maxAliasCount: YAML_ALIASES_MAX }) as unknown };
  } catch {
    return undefined;
  }
}

function placeIn(document: Document.Parsed, lines: LineCounter, path: DocumentPath): DocumentPlace {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (!isCollection(node)) break;
    offset = keyOffset(node, step) ?? startOf(node.get(step, true)) ?? offset;
    node = node.get(step, true);
  }
  return placeAt(lines, offset);
}

/** Where the key of a map's entry is written; undefined for anything else. */
function keyOffset(node: unknown, step: string | number): number | undefined {
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
  return startOf(pair?.key);
}

function startOf(node: unknown): number | undefined {
  const { range } = (node ?? {}) as Partial<ParsedNode>;
  return range?.[0];
}

function placeAt(lines: LineCounter, offset: number): DocumentPlace {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function pathOf(issue: BaseIssue<unknown>): DocumentPath {
  return (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
}

/**
 * Where a value may be one of several kinds, the library only says that it is none of them. What
 * is wrong deeper inside belongs to the kind that was meant.
 */
function meantIssues(issue: GenericIssue): readonly GenericIssue[] {
  if (issue.type !== 'union') return [issue];
  const inside = (issue.issues ?? []).filter(
    (inner) => inner.path !== undefined && !isListForMapping(inner),
  );
  const [first, ...rest] = issue.path ?? [];
  if (inside.length === 0 || first === undefined) return [issue];
  return inside.flatMap((inner) =>
    meantIssues({ ...inner, path: [first, ...rest, ...(inner.path ?? [])] }),
  );
}

/** The library takes a list for an object whose keys are numbers. */
function isListForMapping({ type, path }: GenericIssue): boolean {
  return type === 'strict_object' && Array.isArray(path?.at(-1)?.input);
}

function describeIssue(issue: GenericIssue, schema: GenericSchema): string {
  const path = pathOf(issue);
  const name = formatPath(path);
  const last = path.at(-1);
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const known = keysAt(schema, path.slice(0, -1));
    const meant = closestWord(String(last), known);
    const help = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
    return `"${name}" is not a known key${known.length === 0 ? '' : `; ${help}`}`;
  }
  if (issue.kind === 'schema' && issue.received === 'undefined') return `"${name}" is missing`;
  if (issue.kind === 'validation' && issue.expected === null) return `"${name}" ${issue.message}`;
  const expected = describeExpected(issue);
  return `${subjectOf(path)} is ${describeReceived(issue)}, expected ${expected}`;
}

function describeReceived({ kind, input, received }: GenericIssue): string {
  const isLength = kind === 'validation' && Array.isArray(input);
  return isLength ? `a list of ${input.length}` : describeKind(received);
}

/** A rule with a message of its own says what was expected in its words. */
function describeExpected(issue: GenericIssue): string {
  if (!issue.message.startsWith('Invalid ')) return issue.message;
  return (issue.expected ?? 'something else')
    .replace(/^>=/, 'at least ')
    .replace(/^<=/, 'at most ')
    .split(' | ')
    .map((kind) => describeKind(kind.replace(/^\(+|\)+$/g, '')))
    .join(' or ');
}

function subjectOf(path: DocumentPath): string {
  return path.length === 0 ? 'the document' : `"${formatPath(path)}"`;
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ['Object', 'a mapping'],
  ['Array', 'a list'],
  ['string', 'text'],
  ['number', 'a number'],
  ['boolean', 'true or false'],
  ['null', 'empty'],
]);

function describeKind(kind: string): string {
  return KINDS.get(kind) ?? kind;
}

function formatPath(path: DocumentPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}

/** As much of a schema's shape as leads from a place to the keys it knows. */
interface SchemaShape {
  readonly type?: string;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly item?: SchemaShape;
  readonly wrapped?: SchemaShape;
  readonly options?: readonly SchemaShape[];
}

function keysAt(schema: SchemaShape, path: DocumentPath): readonly string[] {
  let shapes: readonly SchemaShape[] = unwrap(schema);
  for (const step of path) {
    shapes = shapes.flatMap((shape) => {
      const next = typeof step === 'number' ? shape.item : shape.entries?.[step];
      return next === undefined ? [] : unwrap(next);
    });
  }
  return [...new Set(shapes.flatMap((shape) => Object.keys(shape.entries ?? {})))];
}

function unwrap(shape: SchemaShape): readonly SchemaShape[] {
  if (shape.wrapped !== undefined) return unwrap(shape.wrapped);
  return shape.options === undefined
    ? [shape]
    : shape.options.filter((option) => typeof option === 'object').flatMap(unwrap);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
