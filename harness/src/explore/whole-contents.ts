import type { SectorContents } from '@brickproof/bootloader-sim';
import type { SceneGeometry } from './scene-geometry.js';
import type { Scene } from './scene.js';

/**
 * What sectors hold on a device that never loses power: those of the start, and those of each image
 * in each of its forms, where it starts with a sector.
 */
export function wholeContentsOf(
  { start, images }: Pick<Scene, 'start' | 'images'>,
  otherForms: readonly Uint8Array[],
  { geometry }: SceneGeometry,
): readonly SectorContents[] {
  const sizes = new Set(geometry.sectors.map(({ sizeBytes }) => sizeBytes));
  const forms = [...images.map(({ bytes }) => bytes), ...otherForms];
  const pieces: SectorContents[] = [];
  for (const sizeBytes of sizes) {
    for (const bytes of forms) {
      for (let offset = 0; offset < bytes.byteLength; offset += sizeBytes) {
        const piece = new Uint8Array(sizeBytes).fill(geometry.erasedValue);
        piece.set(bytes.subarray(offset, offset + sizeBytes));
        const programmed = new Uint8Array(Math.ceil(sizeBytes / geometry.writeAlignBytes / 8));
        pieces.push({ bytes: piece, programmed: programmed.fill(0xff), unstable: undefined });
      }
    }
  }
  return [...start.sectors, ...pieces];
}
