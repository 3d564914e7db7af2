import { accept, reject, type Verdict } from '../verdict.js';
import { markProgrammed } from './cells.js';
import type { FlashGeometry, SectorContents } from './geometry.js';
import type { FlashSnapshot } from './snapshot.js';

/**
 * The snapshot of a flash that holds these bytes, from its first to its last. What a dump does not
 * tell is taken for the best: no cell is unstable, and a word counts as programmed when not all of
 * it reads as erased. Refuses `flash-dump-size`. The bytes are copied.
 */
export function snapshotFromBytes(
  geometry: FlashGeometry,
  bytes: Uint8Array,
): Verdict<FlashSnapshot, 'flash-dump-size'> {
  if (bytes.byteLength !== geometry.sizeBytes) {
    return reject(
      'flash-dump-size',
      `the dump has ${bytes.byteLength} bytes, the flash has ${geometry.sizeBytes}`,
    );
  }
  const sectors = geometry.sectors.map(({ offset, sizeBytes }, index) => {
    return sectorFromBytes(geometry, index, bytes.subarray(offset, offset + sizeBytes));
  });
  return accept({ geometry, sectors });
}

/** Sectors that are erased are shared with every other flash of the geometry. */
function sectorFromBytes(
  geometry: FlashGeometry,
  index: number,
  bytes: Uint8Array,
): SectorContents {
  const erased = geometry.erasedContents(index);
  const { erasedValue, writeAlignBytes: align } = geometry;
  const programmed = new Uint8Array(erased.programmed.byteLength);
  let isErased = true;
  for (const [at, byte] of bytes.entries()) {
    if (byte === erasedValue) continue;
    isErased = false;
    const word = Math.floor(at / align);
    markProgrammed(programmed, word, word + 1);
  }
  return isErased ? erased : { bytes: bytes.slice(), programmed, unstable: undefined };
}
