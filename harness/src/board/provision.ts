import {
  NorFlash,
  accept,
  createFlashMap,
  markForDirectXip,
  withLogicalSectors,
  type BootLayout,
  type BootSettings,
  type FlashArea,
  type FlashMap,
  type FlashSnapshot,
  type SlotPair,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { dividedFor, type DeviceModel } from './device-model.js';

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

/** What leaves the factory beside the first image. */
export interface ProvisionOptions {
  /** How the board upgrades; direct-xip unless told. */
  readonly strategy?: StrategyName;
  /** Images 1 and up, on a model with several. */
  readonly otherImages?: readonly Uint8Array[];
}

/**
 * A flash as it leaves the factory: each image in its primary slot, confirmed, everything else
 * erased. Boards that start from one snapshot share it. The trailers are those that a permanent
 * upgrade leaves behind, under every strategy: magic, copy-done and image-ok. (What imgtool makes
 * with --pad --confirm has no copy-done; a swap then looks for its status once, and finds none.)
 * Refuses an image that does not fit its slot.
 */
export function provisionFlash(
  model: DeviceModel,
  image: Uint8Array,
  { strategy = 'direct-xip', otherImages = [] }: ProvisionOptions = {},
): Verdict<FlashSnapshot> {
  const flash = new NorFlash(model.geometry);
  const { images } = bootLayoutOf(flashMapOf(flash, dividedFor(model, strategy)));
  for (const [index, bytes] of [image, ...otherImages].entries()) {
    const slot = images[index]?.[0];
    if (slot === undefined) throw new RangeError(`${model.name} has no image ${index}`);
    const align = slot.writeAlignBytes;
    const padded = new Uint8Array(Math.ceil(bytes.byteLength / align) * align);
    padded.fill(slot.erasedValue).set(bytes);
    const written = slot.write(0, padded);
    if (!written.ok) return written;
    const confirmed = markForDirectXip(slot, { confirm: true });
    if (!confirmed.ok) return confirmed;
  }
  return accept(flash.snapshot());
}
