import {
  NorFlash,
  type FlashEffect,
  type FlashGeometry,
  type FlashOperation,
  type FlashSnapshot,
} from '@brickproof/bootloader-sim';

interface Tear {
  readonly operation: FlashOperation;
  readonly endOffset: number;
}

/**
 * A flash whose unstable cells do not flicker: what is left of an operation is torn at one byte,
 * in the middle of a word or of a sector, and reads the same ever after.
 */
export class TornFlash extends NorFlash {
  readonly #tears: Tear[];

  constructor(start: FlashGeometry | FlashSnapshot, from?: TornFlash) {
    const tears = from === undefined ? [] : from.#tears.slice();
    super(start, { noise: (offset) => noiseOf(tears, offset) });
    this.#tears = tears;
  }

  /** What is left of an operation that ends after so many of its bytes. */
  tearAfter(operation: FlashOperation, appliedBytes: number): FlashEffect {
    const { kind, offset, lengthBytes } = operation;
    if (appliedBytes === 0) return 'untouched';
    if (appliedBytes >= lengthBytes) return 'applied';
    this.#tears.push({ operation, endOffset: offset + appliedBytes });
    if (kind === 'erase') return 'weak';
    const { writeAlignBytes } = this.geometry;
    const words = Math.floor(appliedBytes / writeAlignBytes);
    if (appliedBytes % writeAlignBytes === 0) return { kind: 'prefix', words };
    return { kind: 'unstable', firstWord: words, words: 1 };
  }
}

/** The last tear of a byte says what its cells read as. */
function noiseOf(tears: readonly Tear[], offset: number): number {
  const tear = tears.findLast(
    ({ operation }) =>
      operation.offset <= offset && offset < operation.offset + operation.lengthBytes,
  );
  if (tear === undefined) return 0;
  const isDone = offset < tear.endOffset;
  return isDone === (tear.operation.kind === 'write') ? 0xff : 0x00;
}
