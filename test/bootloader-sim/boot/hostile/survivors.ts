import {
  trailerLayout,
  trailerMagic,
  type FlashArea,
  type NorFlash,
  type SlotPair,
} from '@brickproof/bootloader-sim';
import type { CryptoKit } from './cheap-crypto.js';
import { imageOf, type HostileBoard } from './hostile-board.js';
import { hostileAreas, type HostileShape } from './hostile-shapes.js';

/** The image that must still boot; `any` where another sound one is offered, which may run instead. */
export type Survivor = { readonly slot: 0 | 1; readonly version: '1.0.0' | '2.0.0' } | 'any';

/**
 * What has to boot, whatever else is in flash, where a sound image runs and no swap is under way.
 * Undefined where that is not so for every image of the board.
 */
export function survivorsOf(
  board: HostileBoard,
  flash: NorFlash,
  kit: CryptoKit,
): readonly Survivor[] | undefined {
  const { images, scratch } = hostileAreas(flash, board.shape);
  const isTorn = board.areas.some(
    ({ trailer }) => trailer.kind === 'fields' && trailer.torn !== undefined,
  );
  if (isTorn || (scratch !== undefined && hasGoodMagic(scratch))) return undefined;
  const survivors = images.map((slots) => survivorOf(slots, board, kit));
  return survivors.every((survivor) => survivor !== undefined) ? survivors : undefined;
}

function survivorOf(slots: SlotPair, board: HostileBoard, kit: CryptoKit): Survivor | undefined {
  const isXip = board.shape.strategy === 'direct-xip';
  const held = slots.map((slot) => heldImage(slot, board, kit));
  const stays = (slot: 0 | 1): boolean =>
    held[slot] !== undefined &&
    (isXip ? isConfirmed(slots[slot]) : slot === 0 && isQuiet(slots[0], board.shape));
  const slot = stays(0) ? 0 : stays(1) ? 1 : undefined;
  const version = slot === undefined ? undefined : held[slot];
  if (slot === undefined || version === undefined) return undefined;
  const isOffered = held[1 - slot] !== undefined || offersElsewhere(slots[1], board.shape, kit);
  return isOffered ? 'any' : { slot, version };
}

/** The version of a sound image that may run by the counter, where a slot's image is looked for. */
function heldImage(
  slot: FlashArea,
  { shape, counters }: HostileBoard,
  kit: CryptoKit,
): '1.0.0' | '2.0.0' | undefined {
  const offset = slot.name.startsWith('secondary') ? shape.uploadOffsetBytes : 0;
  const which = imageAt(slot, offset, kit);
  if (which === undefined) return undefined;
  const counter = which === 'old' ? 1 : 2;
  if (counter < (counters?.value ?? 0)) return undefined;
  return which === 'old' ? '1.0.0' : '2.0.0';
}

/** Under swap-using-offset an image that was swapped out lies in the first sector. */
function offersElsewhere(secondary: FlashArea, shape: HostileShape, kit: CryptoKit): boolean {
  return shape.uploadOffsetBytes > 0 && imageAt(secondary, 0, kit) !== undefined;
}

function imageAt(slot: FlashArea, offset: number, kit: CryptoKit): 'old' | 'new' | undefined {
  return (['old', 'new'] as const).find((which) => {
    const image = imageOf(which, kit);
    if (offset + image.byteLength > slot.sizeBytes) return false;
    return Buffer.compare(slot.read(offset, image.byteLength), image) === 0;
  });
}

/** No swap is under way: there is no trailer at all, or one that is done. */
function isQuiet(primary: FlashArea, shape: HostileShape): boolean {
  const { fromEndBytes } = shape.slotStatus;
  const trailer = primary.read(primary.sizeBytes - fromEndBytes, fromEndBytes);
  if (trailer.every((byte) => byte === primary.erasedValue)) return true;
  return hasGoodMagic(primary) && byteAt(primary, 'copyDoneOffset') === 0x01;
}

/** Under direct-xip an image stays that was confirmed, whether its boot was noted or not. */
function isConfirmed(slot: FlashArea): boolean {
  const copyDone = byteAt(slot, 'copyDoneOffset');
  const isPlain = copyDone === 0x01 || copyDone === slot.erasedValue;
  return isPlain && hasGoodMagic(slot) && byteAt(slot, 'imageOkOffset') === 0x01;
}

function hasGoodMagic(area: FlashArea): boolean {
  const { alignBytes, magicOffset } = trailerLayout(area);
  return Buffer.compare(area.read(magicOffset, 16), trailerMagic(alignBytes)) === 0;
}

function byteAt(area: FlashArea, field: 'copyDoneOffset' | 'imageOkOffset'): number | undefined {
  return area.read(trailerLayout(area)[field], 1)[0];
}
