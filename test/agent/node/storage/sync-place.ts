import { SLOT_BYTES, SLOT_PATHS, STORE_FOLDER } from './disk-device.js';
import type { DiskOperation } from './volatile-file-system.js';

const HEADER_BYTES = 32;
/** Where the trailer's fields begin: magic, image-ok, copy-done and swap-info, at alignment 8. */
const TRAILER_OFFSET = SLOT_BYTES - 40;

/** What a sync is there for. */
export type SyncPlace =
  | 'store-file'
  | 'store-folder'
  | 'slots-before-store'
  | 'before-header'
  | 'after-header'
  | 'before-trailer'
  | 'after-trailer';

function isOfSlot({ path }: DiskOperation): boolean {
  return SLOT_PATHS.some((slot) => slot === path);
}

function isOfHeader(operation: DiskOperation | undefined): boolean {
  return operation?.kind === 'write' && isOfSlot(operation) && operation.offset < HEADER_BYTES;
}

function isOfTrailer(operation: DiskOperation | undefined): boolean {
  if (operation?.kind !== 'write' || !isOfSlot(operation)) return false;
  return operation.offset + operation.lengthBytes > TRAILER_OFFSET;
}

/** As its neighbours show; it may be there for two things. */
function placesOf(operations: readonly DiskOperation[], index: number): readonly SyncPlace[] {
  const operation = operations[index];
  if (operation?.kind === 'sync-folder') {
    return operation.path === STORE_FOLDER ? ['store-folder'] : [];
  }
  if (operation?.kind !== 'sync-data') return [];
  if (!isOfSlot(operation)) return ['store-file'];
  const before = operations[index - 1];
  const after = operations[index + 1];
  const places: SyncPlace[] = [];
  if (isOfHeader(before)) places.push('after-header');
  if (isOfHeader(after)) places.push('before-header');
  if (isOfTrailer(before)) places.push('after-trailer');
  if (isOfTrailer(after)) places.push('before-trailer');
  return places.length === 0 ? ['slots-before-store'] : places;
}

/** Every sync at such a place, by the index of its operation. */
export function syncsAt(
  operations: readonly DiskOperation[],
  place: SyncPlace,
): ReadonlySet<number> {
  const found = operations.filter(({ index }) => placesOf(operations, index).includes(place));
  return new Set(found.map(({ index }) => index));
}
