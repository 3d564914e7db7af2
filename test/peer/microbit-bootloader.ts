import * as nodeCrypto from 'node:crypto';
import {
  boot,
  createNodeCrypto,
  PowerCut,
  type FlashEffect,
  type FlashOperation,
} from '@brickproof/bootloader-sim';
import { dumpOf, ERASE_REGISTER, flashFromDump, WORD_SIZE_BYTES } from './microbit.js';
import type { PowerCutMoment, QemuBoot } from './qemu-board.js';

/** When the power goes: instead of an operation, or after some words of it. */
export interface OperationCut {
  readonly operation: FlashOperation;
  readonly words: number;
}

/** One life of a simulated micro:bit. */
export interface SimulatedBoot extends Pick<QemuBoot, 'ending' | 'version' | 'dump'> {
  /** What it did to the flash, up to the cut. */
  readonly operations: readonly FlashOperation[];
}

const crypto = createNodeCrypto(nodeCrypto);

/** Boots a flash dump with this project's bootloader, built as the firmware's is. */
export function bootSimulated(dump: Uint8Array, cut?: OperationCut): SimulatedBoot {
  const { flash, slots } = flashFromDump(dump);
  const operations: FlashOperation[] = [];
  // Loading the dump took operations too.
  let first: number | undefined;
  flash.watch((told) => {
    first ??= told.index;
    const operation = { ...told, index: told.index - first };
    operations.push(operation);
    if (operation.index !== cut?.operation.index) return undefined;
    return { kind: 'power-cut', effect: effectOf(cut) };
  });
  try {
    const booted = boot('swap-using-offset', {
      images: [slots],
      keys: [],
      crypto,
      counters: undefined,
      downgradePrevention: 'none',
      log: () => undefined,
    });
    const version = booted.ok ? booted.value.image.header.version : undefined;
    return {
      ending: booted.ok ? 'jumped' : 'nothing-to-boot',
      version: version && `${version.major}.${version.minor}.${version.revision}`,
      dump: dumpOf(flash),
      operations,
    };
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
    return { ending: 'cut', version: undefined, dump: dumpOf(flash), operations };
  }
}

function effectOf({ words }: OperationCut): FlashEffect {
  return words === 0 ? 'untouched' : { kind: 'prefix', words };
}

/**
 * Where a life can be cut short: before each operation, and in the middle of each write of more
 * than one word.
 */
export function cutsOf(operations: readonly FlashOperation[]): readonly OperationCut[] {
  return operations.flatMap((operation) => {
    const middle = Math.floor(operation.lengthBytes / WORD_SIZE_BYTES / 2);
    const isTorn = operation.kind === 'write' && middle > 0;
    return (isTorn ? [0, middle] : [0]).map((words) => ({ operation, words }));
  });
}

/** The same moment, as the processor in QEMU knows it. */
export function momentOf(
  { operation, words }: OperationCut,
  operations: readonly FlashOperation[],
): PowerCutMoment {
  const before = operations.slice(0, operation.index);
  if (operation.kind === 'erase') {
    return { ...ERASE_REGISTER, write: before.filter(({ kind }) => kind === 'erase').length };
  }
  const writes = before.filter(({ kind }) => kind === 'write');
  const written = writes.reduce((sum, earlier) => sum + sharedBytes(earlier, operation), 0);
  return {
    address: operation.offset,
    lengthBytes: operation.lengthBytes,
    write: written / WORD_SIZE_BYTES + words,
  };
}

function sharedBytes(one: FlashOperation, other: FlashOperation): number {
  const start = Math.max(one.offset, other.offset);
  const end = Math.min(one.offset + one.lengthBytes, other.offset + other.lengthBytes);
  return Math.max(0, end - start);
}
