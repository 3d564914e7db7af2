import {
  IMAGE_HEADER_SIZE_BYTES,
  imageSourceFromBytes,
  parseImageHeader,
  tlvOffset,
  scratchTrailerSizeBytes,
  trailerFormat,
  trailerFirstSectorOffset,
  trailerSectorOffset,
  NorFlash,
  createFlashMap,
  type FlashArea,
} from '@brickproof/bootloader-sim';
import { bootLayoutOf } from '../board/provision.js';
import type { ByteRange } from './true-ranges.js';
import type { BuiltScene } from './scene-catalog.js';
import { must } from './scene-board.js';

/**
 * Which bytes of each sector somebody may look at: headers and TLVs wherever images may lie, and
 * all of the sectors that hold trailers, the store, or anything else.
 */
export function keptRangesOf(built: BuiltScene): readonly (readonly ByteRange[] | 'all')[] {
  const { geometry, scene } = built;
  const flash = new NorFlash(geometry.geometry);
  const map = must(createFlashMap(flash, geometry.areas));
  const layout = bootLayoutOf(map, geometry.settings);
  const kept: (readonly ByteRange[] | 'all')[] = geometry.geometry.sectors.map(() => 'all');
  const isSwap = scene.device.strategy.startsWith('swap');
  for (const [imageIndex, slots] of layout.images.entries()) {
    const images = scene.images.filter((image) => image.imageIndex === imageIndex);
    const ranges = images.flatMap(({ bytes }) => lookedAt(bytes));
    for (const slot of slots) {
      const trailer = isSwap
        ? trailerFirstSectorOffset(slot, trailerFormat(scene.device.strategy, layout))
        : trailerSectorOffset(slot);
      keepInSlot(kept, geometry.geometry, { slot, trailer, ranges });
    }
  }
  if (layout.scratch !== undefined) {
    const format = trailerFormat(scene.device.strategy, layout);
    keepInScratch(kept, geometry.geometry, layout.scratch, scratchTrailerSizeBytes(format));
  }
  return kept;
}

/**
 * In a scratch area, a header may lie at the start, and the trailer lies at the end. It is filled
 * before anything of it is copied to a slot, so that what is half there is looked at nowhere else.
 */
function keepInScratch(
  kept: (readonly ByteRange[] | 'all')[],
  geometry: BuiltScene['geometry']['geometry'],
  scratch: FlashArea,
  trailerBytes: number,
): void {
  for (const { offset, sizeBytes } of scratch.sectors) {
    const header = offset === 0 ? [{ start: 0, end: IMAGE_HEADER_SIZE_BYTES }] : [];
    const start = Math.max(0, scratch.sizeBytes - trailerBytes - offset);
    const trailer = start < sizeBytes ? [{ start, end: sizeBytes }] : [];
    const index = geometry.sectorIndexAt(scratch.flashOffset + offset);
    kept[index] = [...header, ...trailer];
  }
}

/** Counted from the start of the image. */
function lookedAt(image: Uint8Array): readonly ByteRange[] {
  const header = parseImageHeader(imageSourceFromBytes(image), { takesEncrypted: true });
  const tlvs = header.ok ? tlvOffset(header.value) : 0;
  return [
    { start: 0, end: IMAGE_HEADER_SIZE_BYTES },
    { start: tlvs, end: image.byteLength },
  ];
}

function keepInSlot(
  kept: (readonly ByteRange[] | 'all')[],
  geometry: BuiltScene['geometry']['geometry'],
  {
    slot,
    trailer,
    ranges,
  }: {
    readonly slot: FlashArea;
    readonly trailer: number;
    readonly ranges: readonly ByteRange[];
  },
): void {
  const [first] = slot.sectors;
  // An image may lie one sector further up, on its way or for good.
  const shifts = [0, first?.sizeBytes ?? 0];
  for (const sector of slot.sectors) {
    if (sector.offset + sector.sizeBytes > trailer) continue;
    const index = geometry.sectorIndexAt(slot.flashOffset + sector.offset);
    const inSector: ByteRange[] = [];
    for (const shift of shifts) {
      for (const range of ranges) {
        const start = Math.max(0, range.start + shift - sector.offset);
        const end = Math.min(sector.sizeBytes, range.end + shift - sector.offset);
        if (start < end) inSector.push({ start, end });
      }
    }
    kept[index] = inSector;
  }
}
