import { accept, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import type { FlashArea, FlashSector } from './flash-area.js';

/**
 * The same area in larger sectors: several erase units are treated as one (MCUboot's
 * MCUBOOT_LOGICAL_SECTOR_SIZE with MCUBOOT_VERIFY_LOGICAL_SECTORS). Refuses `flash-map-invalid`
 * when the size is no power of two, does not divide the area, or would split an erase unit.
 */
export function withLogicalSectors(
  area: FlashArea,
  sectorSizeBytes: number,
): Verdict<FlashArea, FlashRejectCode> {
  const isPowerOfTwo = sectorSizeBytes > 0 && (sectorSizeBytes & (sectorSizeBytes - 1)) === 0;
  if (!Number.isInteger(sectorSizeBytes) || !isPowerOfTwo) {
    return reject(
      'flash-map-invalid',
      `a logical sector of ${sectorSizeBytes} bytes is no power of two`,
    );
  }
  if (area.sizeBytes % sectorSizeBytes !== 0) {
    return reject(
      'flash-map-invalid',
      `${area.name} has ${area.sizeBytes} bytes, no multiple of the logical sector of ${sectorSizeBytes}`,
    );
  }
  const boundaries = new Set(area.sectors.map((sector) => sector.offset));
  const sectors: FlashSector[] = [];
  for (let offset = 0; offset < area.sizeBytes; offset += sectorSizeBytes) {
    if (!boundaries.has(offset)) {
      return reject(
        'flash-map-invalid',
        `the logical sector at 0x${offset.toString(16)} of ${area.name} starts inside of an erase unit`,
      );
    }
    sectors.push({ offset, sizeBytes: sectorSizeBytes });
  }
  return accept({
    name: area.name,
    flashOffset: area.flashOffset,
    sizeBytes: area.sizeBytes,
    writeAlignBytes: area.writeAlignBytes,
    erasedValue: area.erasedValue,
    sectors,
    eraseUnits: area.sectors,
    read: (offset, lengthBytes) => area.read(offset, lengthBytes),
    chunks: (offset, lengthBytes) => area.chunks(offset, lengthBytes),
    write: (offset, data) => area.write(offset, data),
    erase: (offset, lengthBytes) => area.erase(offset, lengthBytes),
  });
}
