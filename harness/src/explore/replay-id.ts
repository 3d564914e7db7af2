import { accept, reject, STRATEGY_NAMES, type Verdict } from '@brickproof/bootloader-sim';
import type { RunDescription } from './frontier.js';
import type { ExplorationRequest } from './run-exploration.js';
import { SCENE_NAMES } from './scene-catalog.js';
import { TEAR_KINDS } from './tears.js';
import type { TraceStep } from './trace-path.js';

/** What a replay identifier says: what was explored, and the way to what was found. */
export interface Replay {
  readonly request: ExplorationRequest;
  /** Tells whether the scene is the same one: images and keys may have changed since. */
  readonly fingerprint: string;
  /** Sectors that were kept whole beside those that always are. */
  readonly whole: readonly number[];
  readonly path: readonly TraceStep[];
}

/** The longest identifier that is read. */
const REPLAY_ID_LENGTH_MAX = 4_096;
const PREFIX = 'bp1';
const FIELDS = /^[A-Za-z0-9_-]+$/;

/**
 * An identifier that says it all: it may be pasted without quotes. Its body is the replay as JSON
 * in base64url (RFC 4648 §5).
 */
export function encodeReplayId(replay: Replay): string {
  const { request, fingerprint, whole, path } = replay;
  const { scene, geometry, imageSizeBytes, tears, cutsMax, statesMax, flickersMax, ...rest } =
    request;
  const fields = [
    scene,
    geometry.strategy,
    geometry.slotSizeBytes,
    geometry.sectorSizeBytes,
    geometry.writeAlignBytes,
    geometry.erasedValue,
    imageSizeBytes,
    tears.map((tear) => TEAR_KINDS.indexOf(tear)),
    cutsMax,
    statesMax,
    flickersMax,
    rest,
    fingerprint,
    whole,
    path.map(({ run, operation, tear }) => [
      run.bootChoices,
      run.session ?? null,
      run.sessionChoices,
      operation,
      tear,
    ]),
  ];
  return `${PREFIX}-${Buffer.from(JSON.stringify(fields)).toString('base64url')}`;
}

/** Reads an identifier. Refuses `replay-malformed`. */
export function decodeReplayId(id: string): Verdict<Replay, 'replay-malformed'> {
  const malformed = (why: string): Verdict<never, 'replay-malformed'> =>
    reject('replay-malformed', `this is no replay identifier: ${why}`);
  if (id.length > REPLAY_ID_LENGTH_MAX) return malformed(`it has ${id.length} characters`);
  if (!id.startsWith(`${PREFIX}-`)) return malformed(`it does not start with ${PREFIX}-`);
  const body = id.slice(PREFIX.length + 1);
  if (!FIELDS.test(body)) return malformed('it has characters that none has');
  const fields = parseJson(Buffer.from(body, 'base64url').toString('utf8'));
  if (!Array.isArray(fields)) return malformed('part of it is missing');
  const replay = readFields(fields);
  return replay === undefined ? malformed('part of it is missing') : accept(replay);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readFields(fields: readonly unknown[]): Replay | undefined {
  const [sceneName, strategyName, slot, sector, align, erased, image, tears, cuts, ...others] =
    fields;
  const [statesMax, flickersMax, rest, fingerprint, whole, path] = others;
  const scene = SCENE_NAMES.find((name) => name === sceneName);
  const strategy = STRATEGY_NAMES.find((name) => name === strategyName);
  const writeAlignBytes = ([1, 2, 4, 8, 16, 32] as const).find((bytes) => bytes === align);
  const erasedValue = ([0xff, 0x00] as const).find((value) => value === erased);
  const cutsMax = cuts === 'any' ? 'any' : numberOf(cuts);
  const numbers = [slot, sector, image, statesMax, flickersMax].map(numberOf);
  const steps = listOf(path).map(stepOf);
  if (scene === undefined || strategy === undefined || writeAlignBytes === undefined)
    return undefined;
  if (erasedValue === undefined || cutsMax === undefined || typeof fingerprint !== 'string') {
    return undefined;
  }
  const known = numbers.filter((value) => value !== undefined);
  const [slotSizeBytes = 0, sectorSizeBytes = 0, imageSizeBytes = 0, states = 0, flickers = 0] =
    known;
  const told = steps.filter((step) => step !== undefined);
  if (known.length < numbers.length || told.length < steps.length || told.length === 0) {
    return undefined;
  }
  const request: ExplorationRequest = {
    ...optionsOf(rest),
    scene,
    geometry: { strategy, slotSizeBytes, sectorSizeBytes, writeAlignBytes, erasedValue },
    imageSizeBytes,
    tears: TEAR_KINDS.filter((_, index) => listOf(tears).includes(index)),
    cutsMax,
    statesMax: states,
    flickersMax: flickers,
  };
  return { request, fingerprint, whole: numbersOf(whole), path: told };
}

function optionsOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function stepOf(value: unknown): TraceStep | undefined {
  const [bootChoices, session, sessionChoices, operation, tear] = listOf(value);
  const at = numberOf(operation);
  const which = numberOf(tear);
  if (at === undefined || which === undefined) return undefined;
  const run: RunDescription = {
    bootChoices: numbersOf(bootChoices),
    session: typeof session === 'string' ? session : undefined,
    sessionChoices: numbersOf(sessionChoices),
  };
  return { run, operation: at, tear: which };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function numbersOf(value: unknown): readonly number[] {
  return listOf(value)
    .map(numberOf)
    .filter((number) => number !== undefined);
}

function numberOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? Number(value) : undefined;
}
