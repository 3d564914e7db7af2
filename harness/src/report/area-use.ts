import type { FlashGeometry, FlashSector, FlashSnapshot } from '@brickproof/bootloader-sim';
import type { DeviceModel } from '../board/device-model.js';

/** One sector of a flash, and whether anything is written in it. */
export interface SectorUse extends FlashSector {
  readonly isErased: boolean;
}

/** A part of a flash: an area, or what lies between two. */
export interface AreaUse {
  /** Undefined for a part that no area covers. */
  readonly name: string | undefined;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly sectors: readonly SectorUse[];
}

/** All of a flash in its order: areas, and the gaps between them. */
export function areaUses(model: DeviceModel, snapshot: FlashSnapshot): readonly AreaUse[] {
  const { sizeBytes } = model.geometry;
  const sectors = sectorUses(model.geometry, snapshot);
  const parts: {
    readonly name: string | undefined;
    readonly offset: number;
    readonly end: number;
  }[] = [];
  let end = 0;
  for (const area of model.areas.toSorted((a, b) => a.offset - b.offset)) {
    if (area.offset > end) parts.push({ name: undefined, offset: end, end: area.offset });
    end = area.offset + area.sizeBytes;
    parts.push({ name: area.name, offset: area.offset, end });
  }
  if (end < sizeBytes) parts.push({ name: undefined, offset: end, end: sizeBytes });
  return parts.map(({ name, offset, end: partEnd }) => ({
    name,
    offset,
    sizeBytes: partEnd - offset,
    sectors: sectors.filter((sector) => sector.offset >= offset && sector.offset < partEnd),
  }));
}

function sectorUses(geometry: FlashGeometry, snapshot: FlashSnapshot): readonly SectorUse[] {
  return geometry.sectors.map((sector, index) => {
    const contents = snapshot.sectors[index];
    const isErased =
      contents === geometry.erasedContents(index) ||
      contents?.bytes.every((byte) => byte === geometry.erasedValue) === true;
    return { ...sector, isErased };
  });
}
