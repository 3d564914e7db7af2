import { DONE, reject, type Verdict } from '../verdict.js';
import { copyRegion } from './copy-region.js';
import { inOrder } from './in-order.js';
import { eraseRange, loadContentKey, sectorOffset } from './swap-algorithm.js';
import { trailerFirstSectorOffset } from './swap-trailer.js';
import { writeTrailerMagic } from './trailer.js';
import type { UpgradeImage } from './upgrade-image.js';
import { raiseSecurityCounter } from './upgrade-strategy.js';

/**
 * Copies the candidate over the primary image, which is lost (loader.c, boot_copy_image with
 * MCUBOOT_OVERWRITE_ONLY_FAST): erase, copy, magic, counter, then forget the candidate, whose mark
 * goes last. A copy that was cut short is done again from its start.
 */
export function copyImage(image: UpgradeImage): Verdict<void> {
  const { primary, secondary, candidate, index } = image;
  if (candidate === undefined) return reject('boot-no-image', 'there is no image to copy');
  const { totalSizeBytes } = candidate;
  const copiedBytes = copiedSizeBytes(image, totalSizeBytes);
  image.log('info', `Image ${index} upgrade secondary slot -> primary slot`);
  image.log('info', 'Erasing the primary slot');
  const trailerOffset = trailerFirstSectorOffset(primary, image.format);
  const range = { from: secondary, fromOffset: image.secondaryOffset, to: primary, toOffset: 0 };
  return inOrder(
    () => loadContentKey(image, 1),
    () => eraseRange(primary, 0, totalSizeBytes),
    () => eraseRange(primary, trailerOffset, primary.sizeBytes - trailerOffset),
    () => {
      const hex = copiedBytes.toString(16);
      image.log(
        'info',
        `Image ${index} copying the secondary slot to the primary slot: 0x${hex} bytes`,
      );
      return copyRegion(image, { ...range, sizeBytes: copiedBytes });
    },
    () => writeTrailerMagic(primary),
    () => raiseSecurityCounter(image.environment, index, candidate),
    () => forgetCandidate(image),
  );
}

/**
 * MCUboot rounds up to the next word, also where the image ends on one. Where it ends with a
 * sector, that word was not erased, and flash may refuse to program it again: it is left out.
 */
function copiedSizeBytes({ primary, format }: UpgradeImage, imageSizeBytes: number): number {
  const { writeSizeBytes } = format;
  const isErased =
    imageSizeBytes >= trailerFirstSectorOffset(primary, format) ||
    primary.sectors.every(({ offset }) => offset !== imageSizeBytes);
  const rest = imageSizeBytes % writeSizeBytes;
  return rest > 0 || isErased ? imageSizeBytes + writeSizeBytes - rest : imageSizeBytes;
}

function forgetCandidate(image: UpgradeImage): Verdict<void> {
  const { secondary, strategy } = image;
  // The strategies that do without a scratch area keep the image, as MCUboot does.
  const keepsImage = strategy === 'swap-using-move' || strategy === 'swap-using-offset';
  const last = sectorOffset(secondary, secondary.sectors.length - 1);
  return inOrder(
    () => (keepsImage ? DONE : eraseRange(secondary, 0, 1)),
    () => eraseRange(secondary, last, secondary.sizeBytes - last),
  );
}
