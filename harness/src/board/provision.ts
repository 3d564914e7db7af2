import {
  NorFlash,
  createFlashMap,
  markForDirectXip,
  withLogicalSectors,
  type BootLayout,
  type BootSettings,
  type FlashArea,
  type FlashMap,
  type FlashSnapshot,
  type SlotPair,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { accept } from '@brickproof/bootloader-sim';
import type { DeviceModel } from './device-model.js';

/** The areas of a model's flash. */
export function flashMapOf(flash: NorFlash, model: DeviceModel): FlashMap {
  const map = createFlashMap(flash, model.areas);
  if (!map.ok) throw new Error(`device model ${model.name}: ${map.detail}`);
  return map.value;
}

/** What a board's bootloader was built for. */
export interface BoardBootSettings extends BootSettings {
  /**
   * The bootloader takes several erase units for one sector (MCUBOOT_LOGICAL_SECTOR_SIZE). It has
   * to fit every area that images lie in.
   */
  readonly logicalSectorSizeBytes?: number | undefined;
}

/** Where a board's images lie, and what its bootloader was built for. */
export function bootLayoutOf(map: FlashMap, boardSettings: BoardBootSettings = {}): BootLayout {
  const { logicalSectorSizeBytes, ...settings } = boardSettings;
  const find = (name: string): FlashArea | undefined => {
    const area = map.areas.find((candidate) => candidate.name === name);
    return area && inLogicalSectors(area, logicalSectorSizeBytes);
  };
  const images = [['slot0', 'slot1'] as const, ['slot2', 'slot3'] as const].flatMap(
    ([primaryName, secondaryName]): readonly SlotPair[] => {
      const primary = find(primaryName);
      const secondary = find(secondaryName);
      return primary === undefined || secondary === undefined ? [] : [[primary, secondary]];
    },
  );
  return { ...settings, images, scratch: find('scratch') };
}

function inLogicalSectors(area: FlashArea, sectorSizeBytes: number | undefined): FlashArea {
  if (sectorSizeBytes === undefined) return area;
  const logical = withLogicalSectors(area, sectorSizeBytes);
  if (!logical.ok) throw new RangeError(logical.detail);
  return logical.value;
}

/**
 * A flash as it leaves the factory: the image in slot 0, confirmed, everything else erased. Boards
 * that start from one snapshot share it. Refuses an image that does not fit the slot.
 */
export function provisionFlash(model: DeviceModel, image: Uint8Array): Verdict<FlashSnapshot> {
  const flash = new NorFlash(model.geometry);
  const slot = flashMapOf(flash, model).area('slot0');
  const align = slot.writeAlignBytes;
  const padded = new Uint8Array(Math.ceil(image.byteLength / align) * align).fill(slot.erasedValue);
  padded.set(image);
  const written = slot.write(0, padded);
  if (!written.ok) return written;
  const confirmed = markForDirectXip(slot, { confirm: true });
  return confirmed.ok ? accept(flash.snapshot()) : confirmed;
}
