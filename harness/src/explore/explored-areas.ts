import {
  reject,
  type FlashArea,
  type FlashAreaOptions,
  type FlashMap,
  type FlashRejectCode,
  type FlashSector,
  type Rejected,
} from '@brickproof/bootloader-sim';
import type { ExploredFlash } from './explored-flash.js';

/** The areas of an explored flash. They must cover whole sectors; others throw. */
export function exploredAreas(flash: ExploredFlash, areas: readonly FlashAreaOptions[]): FlashMap {
  const owners: Owners = new WeakMap();
  const made = new Map(areas.map((area) => [area.name, exploredArea(flash, area, owners)]));
  for (const area of made.values()) owners.set(area, flash);
  return {
    areas: [...made.values()],
    area: (name) => {
      const area = made.get(name);
      if (area === undefined) throw new RangeError(`the flash has no area ${name}`);
      return area;
    },
  };
}

/** Which areas lie in which flash. */
type Owners = WeakMap<FlashArea, ExploredFlash>;

function exploredArea(
  flash: ExploredFlash,
  { name, offset, sizeBytes }: FlashAreaOptions,
  owners: Owners,
): FlashArea {
  const { geometry } = flash;
  const sectors = geometry.sectors
    .filter((sector) => sector.offset >= offset && sector.offset < offset + sizeBytes)
    .map((sector): FlashSector => ({ ...sector, offset: sector.offset - offset }));
  const covered = sectors.reduce((sum, sector) => sum + sector.sizeBytes, 0);
  if (sectors[0]?.offset !== 0 || covered !== sizeBytes) {
    throw new RangeError(`area ${name} does not cover whole sectors`);
  }
  const isInside = (start: number, lengthBytes: number): boolean =>
    start >= 0 && lengthBytes >= 0 && start + lengthBytes <= sizeBytes;
  const refuse = (start: number, lengthBytes: number): Rejected<FlashRejectCode> =>
    reject('flash-out-of-bounds', `${lengthBytes} bytes at ${start} in ${name} of ${sizeBytes}`);
  const place = (start: number, lengthBytes: number): number => {
    if (isInside(start, lengthBytes)) return offset + start;
    throw new RangeError(`read of ${lengthBytes} bytes at ${start} in ${name} of ${sizeBytes}`);
  };
  return {
    name,
    flashOffset: offset,
    sizeBytes,
    sectors,
    writeAlignBytes: geometry.writeAlignBytes,
    erasedValue: geometry.erasedValue,
    read: (start, lengthBytes) => flash.read(place(start, lengthBytes), lengthBytes),
    chunks: (start, lengthBytes) => flash.chunks(place(start, lengthBytes), lengthBytes),
    write: (start, data) =>
      isInside(start, data.byteLength)
        ? flash.write(offset + start, data)
        : refuse(start, data.byteLength),
    erase: (start, lengthBytes) =>
      isInside(start, lengthBytes)
        ? flash.erase(offset + start, lengthBytes)
        : refuse(start, lengthBytes),
    copySectorsFrom: (source, range) => {
      const from = owners.get(source);
      const { fromOffset, toOffset, lengthBytes } = range;
      if (from !== flash || !isInside(toOffset, lengthBytes)) return false;
      if (fromOffset < 0 || fromOffset + lengthBytes > source.sizeBytes) return false;
      const places = { fromOffset: source.flashOffset + fromOffset, toOffset: offset + toOffset };
      return flash.copySectors({ ...range, ...places });
    },
  };
}
