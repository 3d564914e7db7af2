import {
  trailerFormat,
  trailerLayout,
  trailerSizeBytes,
  type BootLayout,
  type FlashArea,
  type StrategyName,
} from '@brickproof/bootloader-sim';

/** Names what lies at places of a board's flash. */
export class OperationWords {
  readonly #strategy: StrategyName;
  readonly #layout: BootLayout;

  constructor(strategy: StrategyName, layout: BootLayout) {
    this.#strategy = strategy;
    this.#layout = layout;
  }

  /** What is written at an offset of an area: a field of its trailer, or a piece of an image. */
  ofWrite(area: FlashArea, offset: number): string {
    const isSlot = this.#layout.images.flat().includes(area) || area === this.#layout.scratch;
    if (!isSlot) return 'a record of the store';
    return this.#ofTrailer(area, offset) ?? `sector ${sectorIndex(area, offset)}`;
  }

  /** What an erase erases. */
  ofErase(area: FlashArea, offset: number): string {
    const isTrailer = offset + (area.sectors.at(-1)?.sizeBytes ?? 0) > area.sizeBytes - 1;
    const sector = `sector ${sectorIndex(area, offset)}`;
    return isTrailer && area.name !== 'store' ? `${sector}, with its trailer` : sector;
  }

  #ofTrailer(area: FlashArea, offset: number): string | undefined {
    const { magicOffset, imageOkOffset, copyDoneOffset, swapInfoOffset, alignBytes } =
      trailerLayout(area);
    const start = magicOffset - (magicOffset % alignBytes);
    if (offset >= start) return 'the trailer magic';
    if (offset >= imageOkOffset) return 'image-ok';
    if (offset >= copyDoneOffset) return 'copy-done';
    if (offset >= swapInfoOffset) return 'swap-info';
    return this.#ofStatus(area, offset, swapInfoOffset);
  }

  #ofStatus(area: FlashArea, offset: number, swapInfoOffset: number): string | undefined {
    if (!this.#strategy.startsWith('swap')) return undefined;
    const format = trailerFormat(this.#strategy, this.#layout);
    const { statesPerSector, writeSizeBytes, alignBytes, sectorsMax, keySlotSizeBytes } = format;
    const isScratch = area === this.#layout.scratch;
    const entries = statesPerSector * (isScratch ? 1 : sectorsMax);
    const fieldsBytes = trailerSizeBytes(format) - statesPerSector * sectorsMax * writeSizeBytes;
    const entriesEnd = area.sizeBytes - fieldsBytes;
    const entriesStart = entriesEnd - entries * writeSizeBytes;
    if (offset < entriesStart) return undefined;
    if (offset < entriesEnd) return `status entry ${(offset - entriesStart) / writeSizeBytes}`;
    if (offset < entriesEnd + 2 * keySlotSizeBytes) return 'a content key';
    const isTlvSizes = format.hasTlvSizes && offset >= swapInfoOffset - alignBytes;
    return isTlvSizes ? 'the TLV sizes' : 'the swap size';
  }
}

function sectorIndex(area: FlashArea, offset: number): number {
  return area.sectors.findLastIndex((sector) => sector.offset <= offset);
}
