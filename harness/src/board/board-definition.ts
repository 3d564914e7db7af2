import {
  NorFlash,
  accept,
  checkBootLayout,
  reject,
  type BootCapacity,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { openLogStore } from '@brickproof/agent';
import {
  DEVICE_MODELS,
  dividedFor,
  type DeviceModel,
  type DeviceModelName,
} from './device-model.js';
import { bootLayoutOf, flashMapOf, type BoardBootSettings } from './provision.js';

/** Security counters as a board leaves the factory with: one for each image, or none at all. */
export type FactoryCounters = readonly number[] | 'none';

/** A kind of board with its bootloader: a built-in model, or what a board file describes. */
export interface BoardDefinition {
  readonly model: DeviceModel;
  /** The model whose sample images the board starts with, unless told otherwise. */
  readonly samples: DeviceModelName;
  readonly strategy: StrategyName;
  readonly bootSettings: BoardBootSettings;
  /** Undefined: 0, or none where the first image carries no counter. */
  readonly counters: FactoryCounters | undefined;
  /** Where the processor sees the flash: what Intel HEX files count from. */
  readonly baseAddress: number;
  /** `FILE:LINE:COLUMN` of what a board file says of its bootloader; undefined for a model. */
  readonly strategyPlace: string | undefined;
  /** The same for its areas. */
  readonly areasPlace: string | undefined;
}

/** Why a board cannot be used. */
export type BoardRejectCode = 'board-unknown' | 'board-file-invalid' | 'board-unbuildable';

/** A built-in model, with MCUboot's defaults. */
export function builtInBoard(name: DeviceModelName, strategy?: StrategyName): BoardDefinition {
  return {
    model: DEVICE_MODELS[name],
    samples: name,
    strategy: strategy ?? 'direct-xip',
    bootSettings: {},
    counters: undefined,
    baseAddress: 0,
    strategyPlace: undefined,
    areasPlace: undefined,
  };
}

/**
 * What a strategy has room for on a board. Refuses `board-unbuildable` for what MCUboot cannot be
 * built for, with its reason and the line that chose it.
 */
export function checkBoardStrategy(
  board: BoardDefinition,
  strategy: StrategyName = board.strategy,
): Verdict<BootCapacity, 'board-unbuildable'> {
  const { model, bootSettings } = board;
  const map = flashMapOf(new NorFlash(model.geometry), dividedFor(model, strategy));
  const checked = checkBootLayout(strategy, bootLayoutOf(map, bootSettings));
  if (checked.ok) return checked;
  return reject('board-unbuildable', atPlace(board.strategyPlace, checked.detail));
}

/** A bootloader that decrypts has room for keys in its trailers: those of AES-128 unless told. */
export function withKeyRoom(board: BoardDefinition): BoardDefinition {
  const { encryptionKeySizeBytes = 16 } = board.bootSettings;
  return { ...board, bootSettings: { ...board.bootSettings, encryptionKeySizeBytes } };
}

/** Whether the agent of a virtual board has where to keep its memory. */
export function checkBoardStore(board: BoardDefinition): Verdict<void, 'board-unbuildable'> {
  const { model, strategy, areasPlace } = board;
  const map = flashMapOf(new NorFlash(model.geometry), dividedFor(model, strategy));
  const area = map.areas.find(({ name }) => name === 'store');
  if (area === undefined) {
    const sentence = 'the board has no area "store", where the agent of a virtual board keeps its';
    return reject('board-unbuildable', atPlace(areasPlace, `${sentence} memory; add one`));
  }
  const store = openLogStore(area);
  return store.ok
    ? accept(undefined)
    : reject(
        'board-unbuildable',
        atPlace(areasPlace, `the area "store" does not do: ${store.detail}`),
      );
}

function atPlace(place: string | undefined, sentence: string): string {
  return place === undefined ? sentence : `${place}: ${sentence}`;
}
