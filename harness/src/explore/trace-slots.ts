import {
  readTrailer,
  trailerFirstSectorOffset,
  trailerFormat,
  trailerSectorOffset,
  trailerSizeBytes,
  type BootLayout,
  type FlashArea,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import type { TraceSector, TraceSlot } from './explore-report.js';
import type { KnownImage } from './scene.js';

/** Draws the slots of a board as they are: which sector of which image lies where. */
export class SlotPictures {
  readonly #strategy: StrategyName;
  readonly #layout: BootLayout;
  readonly #images: readonly KnownImage[];

  constructor(strategy: StrategyName, layout: BootLayout, images: readonly KnownImage[]) {
    this.#strategy = strategy;
    this.#layout = layout;
    this.#images = images;
  }

  /** All slots, and the scratch area where there is one. */
  draw(): readonly TraceSlot[] {
    const { images, scratch } = this.#layout;
    const areas = scratch === undefined ? images.flat() : [...images.flat(), scratch];
    return areas.map((area) => this.#drawSlot(area));
  }

  #drawSlot(area: FlashArea): TraceSlot {
    const isSwap = this.#strategy.startsWith('swap');
    const format = trailerFormat(this.#strategy, this.#layout);
    const isScratch = area === this.#layout.scratch;
    const trailer =
      isSwap && !isScratch ? trailerFirstSectorOffset(area, format) : trailerSectorOffset(area);
    const trailerBytes = isSwap ? Math.min(trailerSizeBytes(format), area.sizeBytes) : 48;
    const { magic, swapType, copyDone, imageOk } = readTrailer(area);
    const statusEntries = isSwap && !isScratch ? countEntries(area, format) : undefined;
    return {
      name: area.name,
      sectors: area.sectors.map(({ offset, sizeBytes }) => {
        const hasTrailer = offset >= trailer;
        const imageBytes = Math.max(0, Math.min(sizeBytes, area.sizeBytes - trailerBytes - offset));
        return this.#drawSector(area.read(offset, hasTrailer ? imageBytes : sizeBytes), {
          erasedValue: area.erasedValue,
          hasTrailer,
        });
      }),
      trailer: { magic, swapType, copyDone, imageOk, statusEntries },
    };
  }

  #drawSector(
    bytes: Uint8Array,
    { erasedValue, hasTrailer }: { readonly erasedValue: number; readonly hasTrailer: boolean },
  ): TraceSector {
    const nothing = { image: undefined, imageSector: undefined, hasTrailer };
    if (bytes.every((byte) => byte === erasedValue)) return { kind: 'erased', ...nothing };
    for (const { name, bytes: image } of this.#images) {
      for (let offset = 0; offset < image.byteLength; offset += bytes.byteLength) {
        const piece = image.subarray(offset, offset + bytes.byteLength);
        if (Buffer.compare(piece, bytes.subarray(0, piece.byteLength)) !== 0) continue;
        const imageSector = offset / bytes.byteLength;
        return { kind: 'image', image: name, imageSector, hasTrailer };
      }
    }
    return { kind: hasTrailer ? 'other' : 'torn', ...nothing };
  }
}

function countEntries(area: FlashArea, format: ReturnType<typeof trailerFormat>): number {
  const { statesPerSector, sectorsMax, writeSizeBytes } = format;
  const start = area.sizeBytes - trailerSizeBytes(format);
  const count = statesPerSector * sectorsMax;
  const written = Array.from({ length: count }, (_, entry) => {
    return area.read(start + entry * writeSizeBytes, 1)[0] !== area.erasedValue;
  });
  return written.filter(Boolean).length;
}
