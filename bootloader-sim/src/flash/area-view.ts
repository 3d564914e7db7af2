import type { FlashArea } from './flash-area.js';

/**
 * What lies behind an offset of an area, as an area of its own that ends where the other one ends.
 * The offset must be the start of a sector; another one is our own mistake and throws.
 */
export function areaFrom(area: FlashArea, startOffset: number): FlashArea {
  if (startOffset === 0) return area;
  const sectors = area.sectors
    .filter((sector) => sector.offset >= startOffset)
    .map(({ offset, sizeBytes }) => ({ offset: offset - startOffset, sizeBytes }));
  if (sectors[0]?.offset !== 0) {
    throw new RangeError(`no sector of ${area.name} starts at ${startOffset}`);
  }
  return {
    name: area.name,
    flashOffset: area.flashOffset + startOffset,
    sizeBytes: area.sizeBytes - startOffset,
    sectors,
    writeAlignBytes: area.writeAlignBytes,
    erasedValue: area.erasedValue,
    read: (offset, lengthBytes) => area.read(startOffset + inside(offset), lengthBytes),
    chunks: (offset, lengthBytes) => area.chunks(startOffset + inside(offset), lengthBytes),
    write: (offset, data) => area.write(startOffset + inside(offset), data),
    erase: (offset, lengthBytes) => area.erase(startOffset + inside(offset), lengthBytes),
  };
}

/** What lies before the view is not its own, though it is in the area. */
function inside(offset: number): number {
  if (offset < 0) throw new RangeError(`offset ${offset} before the start of an area`);
  return offset;
}
