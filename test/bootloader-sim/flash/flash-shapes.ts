import {
  NorFlash,
  PowerCut,
  createFlashGeometry,
  type ErasedValue,
  type FlashEffect,
  type FlashGeometry,
  type FlashInterruption,
  type FlashNoise,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';

/** What the two small sectors of a test flash have; a third one has twice as much. */
export const SECTOR_BYTES = 256;

export interface FlashShape {
  readonly name: string;
  readonly align: WriteAlignBytes;
  readonly erased: ErasedValue;
}

/** Every write alignment, with both erased values. */
export const FLASH_SHAPES: readonly FlashShape[] = ([1, 2, 4, 8, 16, 32] as const).flatMap(
  (align) =>
    ([0xff, 0x00] as const).map((erased) => ({
      name: `words of ${align}, erased to 0x${erased.toString(16)}`,
      align,
      erased,
    })),
);

export function geometryOf({ align, erased }: FlashShape): FlashGeometry {
  const made = createFlashGeometry({
    sectorRuns: [
      { count: 2, sizeBytes: SECTOR_BYTES },
      { count: 1, sizeBytes: 2 * SECTOR_BYTES },
    ],
    writeAlignBytes: align,
    erasedValue: erased,
  });
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}

/** Unstable cells all read as erased, or all as programmed. */
export const AS_ERASED: FlashNoise = () => 0x00;
export const AS_PROGRAMMED: FlashNoise = () => 0xff;

/** A flash that comes to this in the next operation, and to nothing after it. */
export function flashWithNext(
  shape: FlashShape,
  next: { readonly effect: FlashEffect; readonly noise?: FlashNoise; readonly data?: Uint8Array },
): NorFlash {
  const { noise } = next;
  const flash = new NorFlash(geometryOf(shape), noise === undefined ? {} : { noise });
  if (next.data !== undefined) flash.write(0, next.data);
  interruptNext(flash, { kind: 'power-cut', effect: next.effect });
  return flash;
}

export function interruptNext(flash: NorFlash, interruption: FlashInterruption): void {
  flash.watch(() => {
    flash.watch(undefined);
    return interruption;
  });
}

/** Runs what the power is cut in. Answers whether it was. */
export function isCut(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  }
}

/** Bytes none of which looks erased, all different for a while. */
export function someBytes(lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, index) => ((index * 37 + 11) % 254) + 1);
}

export function erasedBytes({ erased }: FlashShape, lengthBytes: number): number[] {
  return Array.from({ length: lengthBytes }, () => erased);
}

export function codeOf(verdict: { readonly ok: boolean; readonly code?: string }): string {
  return verdict.ok ? 'ok' : (verdict.code ?? '');
}
