import type { ConditionKey, ConditionsDocument } from './condition-schema.js';
import { describeConsoleText, type ConsoleLog } from './console-log.js';
import { toList } from './read-step.js';
import { isRefusal, type Refusal } from './refusal-code.js';
import { canonicalVersion, type Observation } from './scenario-device.js';

/** What conditions are held against. */
export interface Evidence {
  readonly observation: Observation;
  readonly console: ConsoleLog;
  readonly lastRefusal: Refusal | undefined;
}

/** A condition that does not hold. */
export interface Mismatch {
  readonly key: ConditionKey;
  readonly expected: string;
  readonly found: string;
}

/** Every condition that does not hold, in the order of the schema. */
export function findMismatches(
  conditions: ConditionsDocument,
  evidence: Evidence,
): readonly Mismatch[] {
  return [
    ...plainMismatches(conditions, evidence.observation),
    ...consoleMismatches(conditions, evidence.console),
    ...refusalMismatch(conditions, evidence.lastRefusal),
  ];
}

type Plain = string | number | boolean | undefined;

function plainMismatches(
  conditions: ConditionsDocument,
  observation: Observation,
): readonly Mismatch[] {
  const { board } = observation;
  const version = conditions.version;
  const otherVersion = conditions['other-version'];
  const secondVersion = conditions['second-version'];
  const pairs: readonly (readonly [ConditionKey, Plain, Plain])[] = [
    ['version', version && canonicalVersion(version), observation.version],
    ['slot', conditions.slot, observation.slot],
    ['confirmed', conditions.confirmed, observation.confirmed],
    ['pending', conditions.pending, observation.pending],
    ['other-version', otherVersion && canonicalVersion(otherVersion), observation.otherVersion],
    ['second-version', secondVersion && canonicalVersion(secondVersion), observation.secondVersion],
    ['trial', conditions.trial, board?.trial],
    ['power', conditions.power, board?.power],
    ['reset-cause', conditions['reset-cause'], board?.resetCause],
    ['boot-count', conditions['boot-count'], board?.bootCount],
    ['security-counter', conditions['security-counter'], board?.securityCounter],
  ];
  return pairs
    .filter(([, expected, found]) => expected !== undefined && expected !== found)
    .map(([key, expected, found]) => ({
      key,
      expected: `${key} ${String(expected)}`,
      found: found === undefined ? describeNothing(key, observation) : `${key} ${String(found)}`,
    }));
}

function describeNothing(key: ConditionKey, { silence, board }: Observation): string {
  const why = silence ?? (board === undefined ? 'not told' : `the board is ${board.power}`);
  return `no ${key} (${why})`;
}

function consoleMismatches(
  conditions: ConditionsDocument,
  console: ConsoleLog,
): readonly Mismatch[] {
  const { console: wanted, 'not-console': unwanted } = conditions;
  const missing = wanted === undefined ? [] : console.missing(wanted);
  const found = unwanted === undefined ? [] : toList(unwanted);
  return [
    ...missing.map((text): Mismatch => ({
      key: 'console',
      expected: `${describeConsoleText(text)} on the console`,
      found: `it in none of ${console.lines.length} lines`,
    })),
    ...found.flatMap((text): readonly Mismatch[] => {
      const line = console.find(text);
      const expected = `no ${describeConsoleText(text)} on the console`;
      return line === undefined
        ? []
        : [{ key: 'not-console', expected, found: `the line ${JSON.stringify(line)}` }];
    }),
  ];
}

function refusalMismatch(
  { refused }: ConditionsDocument,
  last: Refusal | undefined,
): readonly Mismatch[] {
  if (refused === undefined) return [];
  const codes = toList(refused);
  if (last !== undefined && isRefusal(last.code, codes)) return [];
  const found = last === undefined ? 'that nothing was refused' : `${last.code} (${last.detail})`;
  return [{ key: 'refused', expected: `the last refusal to be ${codes.join(' or ')}`, found }];
}
