import { TRIAL_LIMITS_DEFAULT } from '@brickproof/agent';
import {
  FLASH_FAULTS_MAX,
  accept,
  reject,
  type BehaviourCard,
  type BootCapacity,
  type AgreementKey,
  type DowngradePrevention,
  type FlashFault,
  type StrategyName,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { createHostCrypto } from '@brickproof/agent/node';
import { readDecryptionKey } from '../cli/agreement-key-file.js';
import type { FaultFlag } from '../fault/fault-flag.js';
import { readFault } from '../fault/read-fault.js';
import { readSampleKeys } from '../samples/sample-set.js';
import { BoardHost } from './board-host.js';
import {
  builtInBoard,
  checkBoardStore,
  checkBoardStrategy,
  withKeyRoom,
  type BoardDefinition,
} from './board-definition.js';
import { readBoardStart, type BoardStartRejectCode } from './board-start.js';
import { dividedFor, type DeviceModel, type DeviceModelName } from './device-model.js';
import type { MqttAccess } from '../target/mqtt-access.js';
import { serveOnMqtt, type ServeMqttOptions } from './serve-mqtt.js';
import { readTrustedKeys } from './trusted-keys.js';
import { serveOnPty, serveOnTcp } from './serve-uart.js';
import { VirtualBoard } from './virtual-board.js';

/** The most boards one session serves. */
export const BOARDS_MAX = 256;

/** What boards to serve, and where. */
export interface BoardSessionOptions {
  readonly model: DeviceModelName;
  readonly strategy: StrategyName;
  /** The board of a board file, which then goes before model and strategy. */
  readonly board?: BoardDefinition;
  readonly count: number;
  readonly seed: number;
  /** A dump of the flash that the boards start from, instead of leaving the factory. */
  readonly flashPath?: string;
  /** The image the boards leave the factory with; a sample unless told. */
  readonly imagePath?: string;
  /** The second image, on a model with two; a sample unless told. */
  readonly secondImagePath?: string;
  /** What the bootloader refuses as older; versions unless told. */
  readonly downgradePrevention?: DowngradePrevention;
  /** PEM files of the keys the boards trust; the samples' test keys unless told. */
  readonly keyPaths: readonly string[];
  /** PEM file of the key the boards decrypt images with; without one they take none. */
  readonly decryptionKeyPath?: string;
  readonly pty: boolean;
  /** The first board's TCP port; the next ones count up. 0: any. */
  readonly tcpPort?: number;
  readonly mqttUrl?: string;
  /** How the boards get into the broker. */
  readonly mqttAccess?: MqttAccess;
  /** Told in a sentence when the broker is lost or refuses a board. */
  readonly onProblem?: (sentence: string) => void;
  readonly behaviour?: Partial<BehaviourCard>;
  /** Who confirms a trial: the board's own self-test, or only a request from outside. */
  readonly confirmBy: 'self-test' | 'request';
  readonly agentVerifies: boolean;
  readonly bufferSizeBytes?: number;
  readonly securityCounter?: number;
  /** Faults that the flash of every board has from the first moment. */
  readonly faults?: readonly FaultFlag[];
}

/** Why boards cannot be served. Of these only `serve-…` codes are about the outside world. */
export type BoardSessionRejectCode = BoardStartRejectCode | 'serve-unavailable';

/** How often a fault has struck. */
export interface FaultCount {
  readonly fault: string;
  readonly strikes: number;
}

/** One board that is being served. */
export interface ServedBoard {
  readonly board: VirtualBoard;
  readonly targets: readonly string[];
  /** How often each of its faults has struck, in the order in which they were given. */
  readonly strikes: () => readonly FaultCount[];
}

/** Boards that are being served, until they are stopped. */
export interface BoardSession {
  readonly boards: readonly ServedBoard[];
  /** What people should know of what the boards start from, each a sentence. */
  readonly notes: readonly string[];
  stop(): void;
}

const BROKER_URL = /^mqtts?:\/\/[^/\s]+\/?$/;
/** Power that a fault has cut comes back after this. */
const POWER_RETURN_MS = 1_000;

/** Makes the boards, offers them, and switches them on. */
export async function startBoardSession(
  options: BoardSessionOptions,
): Promise<Verdict<BoardSession, BoardSessionRejectCode>> {
  if (!Number.isInteger(options.count) || options.count < 1 || options.count > BOARDS_MAX) {
    return reject('board-option-invalid', `--count takes a number from 1 to ${BOARDS_MAX}`);
  }
  if (options.mqttUrl !== undefined && !BROKER_URL.test(options.mqttUrl)) {
    return reject('board-option-invalid', '--mqtt takes a broker, written mqtts://HOST:PORT');
  }
  const keys = readKeys(options);
  if (!keys.ok) return keys;
  const decryptionKey = readBoardDecryptionKey(options);
  if (!decryptionKey.ok) return decryptionKey;
  const definition = definitionOf(options);
  const capacity = checkDefinition(definition);
  if (!capacity.ok) return capacity;
  const crypto = createHostCrypto();
  const start = readBoardStart(options, {
    board: definition,
    capacity: capacity.value,
    keys: keys.value,
    crypto,
    decryptionKey: decryptionKey.value,
    securityCounter: options.securityCounter,
  });
  if (!start.ok) return start;
  const model = dividedFor(definition.model, definition.strategy);
  const faults = readFaults(options, model);
  if (!faults.ok) return faults;
  const started: OfferedBoard[] = [];
  const stop = (): void => {
    for (const one of started) one.stop();
  };
  for (let index = 0; index < options.count; index += 1) {
    const board = new VirtualBoard({
      model,
      strategy: definition.strategy,
      bootSettings: definition.bootSettings,
      keys: keys.value,
      crypto,
      ...(decryptionKey.value === undefined ? {} : { decryptionKey: decryptionKey.value }),
      flash: start.value.flash,
      seed: options.seed + index,
      agentVerifies: options.agentVerifies,
      trialLimits: { ...TRIAL_LIMITS_DEFAULT, confirms: options.confirmBy === 'self-test' },
      ...(options.behaviour === undefined ? {} : { behaviour: options.behaviour }),
      ...(options.bufferSizeBytes === undefined
        ? {}
        : { bufferSizeBytes: options.bufferSizeBytes }),
      securityCounter: start.value.counters,
    });
    const one = await offerOne(board, { ...options, index, flashFaults: faults.value });
    if (!one.ok) {
      stop();
      return one;
    }
    started.push(one.value);
  }
  // All at once: whoever listens to the session misses nothing of any of them.
  for (const one of started) one.start();
  return accept({ boards: started, notes: start.value.notes, stop });
}

/** What was named: a board of a file, or a built-in model; with what flags say of it. */
function definitionOf(options: BoardSessionOptions): BoardDefinition {
  const { model, strategy, downgradePrevention, decryptionKeyPath } = options;
  const named = options.board ?? builtInBoard(model, strategy);
  const board = decryptionKeyPath === undefined ? named : withKeyRoom(named);
  if (downgradePrevention === undefined) return board;
  return { ...board, bootSettings: { ...board.bootSettings, downgradePrevention } };
}

/** What the bootloader can be built for is no matter of the images: it is asked first. */
function checkDefinition(board: BoardDefinition): Verdict<BootCapacity, BoardSessionRejectCode> {
  const capacity = checkBoardStrategy(board);
  if (!capacity.ok) {
    const hasPlace = board.strategyPlace !== undefined;
    const subject = hasPlace ? '' : `${board.model.name} does not do `;
    return reject('board-option-invalid', `${subject}${capacity.detail}`);
  }
  const store = checkBoardStore(board);
  return store.ok ? capacity : reject('board-option-invalid', store.detail);
}

function readFaults(
  { faults = [] }: BoardSessionOptions,
  model: DeviceModel,
): Verdict<readonly FlashFault[], BoardSessionRejectCode> {
  if (faults.length > FLASH_FAULTS_MAX) {
    return reject('board-option-invalid', `a board takes at most ${FLASH_FAULTS_MAX} faults`);
  }
  const read: FlashFault[] = [];
  for (const { text, document } of faults) {
    const fault = readFault(document, model);
    if (!fault.ok) return reject('board-option-invalid', `--fault ${text}: ${fault.detail}`);
    read.push(fault.value);
  }
  return accept(read);
}

interface OfferedBoard extends ServedBoard {
  start(): void;
  stop(): void;
}

interface OfferOptions extends BoardSessionOptions {
  readonly index: number;
  readonly flashFaults: readonly FlashFault[];
}

/** Switches a board on, and its faults before its first instruction. Answers how often they struck. */
function switchOn(host: BoardHost, faults: readonly FlashFault[]): readonly number[] {
  const { board } = host;
  const strikes = faults.map(() => 0);
  board.listen({
    fault: ({ id }) => {
      strikes[id - 1] = (strikes[id - 1] ?? 0) + 1;
    },
  });
  host.start();
  board.clock.after(0, () => {
    for (const fault of faults) {
      const on = board.faults.switchOn(fault);
      if (!on.ok) throw new RangeError(on.detail);
    }
  });
  return strikes;
}

async function offerOne(
  board: VirtualBoard,
  options: OfferOptions,
): Promise<Verdict<OfferedBoard, BoardSessionRejectCode>> {
  const { index, flashFaults } = options;
  const isCut = flashFaults.some(({ kind }) => kind === 'power-cut');
  const host = new BoardHost(board, isCut ? { powerReturnMs: POWER_RETURN_MS } : {});
  let strikes: readonly number[] = [];
  const offers: { readonly target: string; close(): void }[] = [];
  const stop = (): void => {
    host.stop();
    for (const offer of offers) offer.close();
  };
  const waiting = [
    ...(options.pty ? [() => serveOnPty(board)] : []),
    ...(options.tcpPort === undefined
      ? []
      : [() => serveOnTcp(board, tcpPortOf(options.tcpPort ?? 0, index))]),
    ...(options.mqttUrl === undefined
      ? []
      : [() => serveOnMqtt(board, mqttOptions(board, options))]),
  ];
  for (const offer of waiting) {
    const served = await offer();
    if (!served.ok) {
      stop();
      const isUsage = served.code === 'serve-broker-malformed';
      return reject(isUsage ? 'board-option-invalid' : 'serve-unavailable', served.detail);
    }
    offers.push(served.value);
  }
  return accept({
    board,
    targets: offers.map((offer) => offer.target),
    strikes: () =>
      (options.faults ?? []).map(({ text }, at) => ({ fault: text, strikes: strikes[at] ?? 0 })),
    start: () => {
      strikes = switchOn(host, flashFaults);
    },
    stop,
  });
}

function mqttOptions(board: VirtualBoard, options: BoardSessionOptions): ServeMqttOptions {
  return {
    ...options.mqttAccess,
    brokerUrl: options.mqttUrl ?? '',
    onProblem: ({ code, detail }) => {
      options.onProblem?.(`${board.deviceId}: ${detail} (${code})`);
    },
  };
}

function tcpPortOf(first: number, index: number): number {
  return first === 0 ? 0 : first + index;
}

function readKeys(
  options: BoardSessionOptions,
): Verdict<readonly VerificationKey[], BoardSessionRejectCode> {
  if (options.keyPaths.length === 0) {
    const samples = readSampleKeys();
    return samples.ok ? samples : reject('board-file-unreadable', samples.detail);
  }
  const keys = readTrustedKeys(options.keyPaths);
  return keys.ok
    ? accept(keys.value.map(({ key }) => key))
    : reject('board-file-unreadable', keys.detail);
}

function readBoardDecryptionKey(
  options: BoardSessionOptions,
): Verdict<AgreementKey | undefined, BoardSessionRejectCode> {
  const { decryptionKeyPath } = options;
  const { strategy } = definitionOf(options);
  if (decryptionKeyPath === undefined) return accept(undefined);
  if (strategy === 'direct-xip') {
    const sentence = 'under direct-xip images run from where they lie, so they cannot be encrypted';
    return reject('board-option-invalid', `${sentence}; choose another --strategy`);
  }
  const key = readDecryptionKey(decryptionKeyPath);
  return key.ok ? key : reject('board-file-unreadable', key.detail);
}
