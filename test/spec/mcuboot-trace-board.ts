import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  confirmRunning,
  markForDirectXip,
  markForUpgrade,
  type ErasedValue,
  type SlotPair,
  type StrategyName,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import { hostKey, signedImage } from '../bootloader-sim/boot/signed-image.js';
import { TestBoard, type BoardArea } from '../bootloader-sim/boot/test-board.js';

/** A board, and what is asked of it, in the words of the recording. */
export interface TraceDescription {
  readonly strategy: StrategyName;
  readonly align: WriteAlignBytes;
  readonly erased: ErasedValue;
  readonly maxSectors: number;
  /** Areas in the order of their places in flash: the counts and sizes of their sectors. */
  readonly areas: readonly (readonly [BoardArea['name'], readonly (readonly [number, number])[]])[];
  /** The sizes of the old and the new image, for each image of the board. */
  readonly images: readonly (readonly [oldSizeBytes: number, newSizeBytes: number])[];
  /**
   * `test` and `permanent`: the new image is marked so. `revert`: it has run once. `confirm`: it has
   * run once and was confirmed. The next boot is the one that was recorded.
   */
  readonly request: 'test' | 'permanent' | 'revert' | 'confirm';
}

const KEY_FILE = '../../firmware-samples/keys/test-key-ed25519.pem';
const KEY = hostKey(
  createPrivateKey(readFileSync(fileURLToPath(new URL(KEY_FILE, import.meta.url)))),
);

/** The board as it was before the boot that was recorded. */
export function traceBoard(description: TraceDescription): TestBoard {
  const { strategy, align, erased, maxSectors, request } = description;
  const areas = description.areas.map(([name, runs]) => ({
    name,
    sectorRuns: runs.map(([count, sizeBytes]) => ({ count, sizeBytes })),
  }));
  const layout = { areas, maxImageSectors: maxSectors };
  const board = new TestBoard(
    { strategy, layout, writeAlignBytes: align, erasedValue: erased },
    { keys: [KEY.verificationKey] },
  );
  for (const [index, slots] of board.images.entries()) {
    installBoth(board, index, description.images[index]);
    stage(strategy, slots, { permanent: request === 'permanent', imageIndex: index });
  }
  if (request === 'test' || request === 'permanent') return board;
  board.boot();
  if (request === 'confirm') {
    for (const slots of board.images) confirm(strategy, slots);
  }
  return board;
}

function installBoth(
  board: TestBoard,
  index: number,
  [oldSizeBytes, newSizeBytes] = [0, 0] as readonly [number, number],
): void {
  const of = (slot: 0 | 1, sizeBytes: number): Uint8Array =>
    signedImage({
      version: `${slot + 1}.${index}.0`,
      ...{ sizeBytes, contents: 2 * index + slot + 1, signingKey: KEY },
    });
  board.install(0, of(0, oldSizeBytes), index);
  board.install(1, of(1, newSizeBytes), index);
}

function stage(
  strategy: StrategyName,
  [primary, secondary]: SlotPair,
  options: { readonly permanent: boolean; readonly imageIndex: number },
): void {
  if (strategy === 'direct-xip') {
    markForDirectXip(primary, { confirm: true });
    markForDirectXip(secondary, { confirm: options.permanent });
  } else {
    markForUpgrade(secondary, options);
  }
}

function confirm(strategy: StrategyName, [primary, secondary]: SlotPair): void {
  if (strategy === 'direct-xip') markForDirectXip(secondary, { confirm: true });
  else confirmRunning(primary);
}
