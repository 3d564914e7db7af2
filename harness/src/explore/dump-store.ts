import { decodeSectorHeader, sectorHeaderSizeBytes } from '@brickproof/agent';
import type {
  FlashAreaOptions,
  FlashGeometry,
  FlashSnapshot,
  SectorContents,
} from '@brickproof/bootloader-sim';
import type { SceneGeometry } from './scene-geometry.js';

const STORE_SECTORS = 2;

/**
 * A store goes round in its sectors, and of all that are behind it nothing is read: so it is
 * explored in two of them, the first of which holds what the newest one held.
 */
export function withShortStore(
  geometry: SceneGeometry,
  snapshot: FlashSnapshot,
): { readonly geometry: SceneGeometry; readonly snapshot: FlashSnapshot } {
  const store = geometry.areas.find(({ name }) => name === 'store');
  if (store === undefined) return { geometry, snapshot };
  const indices = sectorsIn(store, geometry.geometry);
  if (indices.length <= STORE_SECTORS) return { geometry, snapshot };
  const [first = 0, second = 0] = indices;
  const sizeBytes = [first, second]
    .map((index) => geometry.geometry.sectors[index]?.sizeBytes ?? 0)
    .reduce((sum, size) => sum + size, 0);
  const areas = geometry.areas.map((area) => (area === store ? { ...store, sizeBytes } : area));
  const newest = newestOf(indices, snapshot);
  const sectors = snapshot.sectors.map((contents, index) => {
    if (newest === undefined || !indices.includes(index)) return contents;
    const held = snapshot.sectors[newest];
    const isFirst = index === first && held?.bytes.byteLength === contents.bytes.byteLength;
    return isFirst ? held : erased(contents, geometry.geometry);
  });
  return { geometry: { ...geometry, areas }, snapshot: { ...snapshot, sectors } };
}

function sectorsIn(
  { offset, sizeBytes }: FlashAreaOptions,
  { sectors }: FlashGeometry,
): readonly number[] {
  return sectors.flatMap((sector, index) =>
    sector.offset >= offset && sector.offset < offset + sizeBytes ? [index] : [],
  );
}

/** The sector with the highest generation; undefined when none has one. */
function newestOf(
  indices: readonly number[],
  { geometry, sectors }: FlashSnapshot,
): number | undefined {
  const headerBytes = sectorHeaderSizeBytes(geometry);
  const generations = indices.map((index) => {
    const bytes = sectors[index]?.bytes.subarray(0, headerBytes);
    return { index, generation: (bytes && decodeSectorHeader(bytes)) ?? 0 };
  });
  const [newest] = generations.toSorted((a, b) => b.generation - a.generation);
  return newest === undefined || newest.generation === 0 ? undefined : newest.index;
}

function erased(
  { bytes, programmed }: SectorContents,
  { erasedValue }: FlashGeometry,
): SectorContents {
  return {
    bytes: new Uint8Array(bytes.byteLength).fill(erasedValue),
    programmed: new Uint8Array(programmed.byteLength),
    unstable: undefined,
  };
}
