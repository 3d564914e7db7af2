import { DONE, trailerLayout } from '@brickproof/bootloader-sim';
import type { FlashArea, FlashRejectCode, Verdict } from '@brickproof/bootloader-sim';
import type { BootControl } from '../boot-control/boot-control.js';

/**
 * Erases what lies around an image in its slot, before the first byte of a new one is written. The
 * trailer goes first, from its end: the magic that marks a slot goes before anything else. Under
 * swap-using-offset the first sector goes too: the bootloader takes an image in it for one that was
 * uploaded to the wrong place, and erases the slot.
 */
export function eraseAroundImage(
  bootControl: BootControl,
  slot: number,
): Verdict<void, FlashRejectCode> {
  const area = bootControl.area(slot);
  const trailerOffset = bootControl.trailerSectorOffset(slot);
  for (const sector of area.sectors.toReversed()) {
    if (sector.offset < trailerOffset) break;
    const erased = area.erase(sector.offset, sector.sizeBytes);
    if (!erased.ok) return erased;
  }
  const beforeImage = bytesBeforeImage(bootControl, slot);
  return beforeImage === 0 ? DONE : area.erase(0, beforeImage);
}

/** Whether there is nothing around the image of a slot that the bootloader would look at. */
export function isErasedAroundImage(bootControl: BootControl, slot: number): boolean {
  const area = bootControl.area(slot);
  const { swapInfoOffset } = trailerLayout(area);
  return (
    isErased(area, swapInfoOffset, area.sizeBytes - swapInfoOffset) &&
    isErased(area, 0, bytesBeforeImage(bootControl, slot))
  );
}

function bytesBeforeImage(bootControl: BootControl, slot: number): number {
  return bootControl.area(slot).sizeBytes - bootControl.imageArea(slot).sizeBytes;
}

function isErased(area: FlashArea, offset: number, lengthBytes: number): boolean {
  return area.read(offset, lengthBytes).every((byte) => byte === area.erasedValue);
}
