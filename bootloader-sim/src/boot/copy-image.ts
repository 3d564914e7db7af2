import { DONE, reject, type Verdict } from '../verdict.js';
import { readImageExtent } from '../image/claims.js';
import { copyRegion } from './copy-region.js';
import { inOrder } from './in-order.js';
import { eraseRange, loadContentKey, sectorOffset } from './swap-algorithm.js';
import { trailerFirstSectorOffset } from './swap-trailer.js';
import { writeTrailerMagic } from './trailer.js';
import type { UpgradeImage } from './upgrade-image.js';
import { raiseSecurityCounter } from './upgrade-strategy.js';
import { imageSourceOf } from './verify-slot.js';

/**
 * Copies the candidate over the primary image, which is lost (loader.c, boot_copy_image with
 * MCUBOOT_OVERWRITE_ONLY_FAST): erase, copy, magic, counter, then forget the candidate, whose mark
 * goes last. A copy that was cut short is done again from its start.
 */
export function copyImage(image: UpgradeImage): Verdict<void> {
  const { primary, secondary, candidate, index } = image;
  const sizeBytes = copySizeBytes(image);
  if (candidate === undefined || sizeBytes === undefined) {
    return reject('boot-no-image', 'there is no image to copy');
  }
  image.log('info', `Image ${index} upgrade secondary slot -> primary slot`);
  image.log('info', 'Erasing the primary slot');
  const trailerOffset = trailerFirstSectorOffset(primary, image.format);
  const range = { from: secondary, fromOffset: image.secondaryOffset, to: primary, toOffset: 0 };
  return inOrder(
    () => loadContentKey(image, 1),
    () => eraseRange(primary, 0, sizeBytes.image),
    () => eraseRange(primary, trailerOffset, primary.sizeBytes - trailerOffset),
    () => {
      const hex = sizeBytes.copied.toString(16);
      image.log(
        'info',
        `Image ${index} copying the secondary slot to the primary slot: 0x${hex} bytes`,
      );
      return copyRegion(image, { ...range, sizeBytes: sizeBytes.copied });
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
function copySizeBytes(
  image: UpgradeImage,
): { readonly image: number; readonly copied: number } | undefined {
  const { headers, primary, format } = image;
  const { header } = headers[1];
  if (header === undefined) return undefined;
  const extent = readImageExtent(imageSourceOf(image, 1), header);
  if (!extent.ok) return undefined;
  const { totalSizeBytes } = extent.value;
  const { writeSizeBytes } = format;
  const rounded = totalSizeBytes + writeSizeBytes - (totalSizeBytes % writeSizeBytes);
  const isErased =
    totalSizeBytes >= trailerFirstSectorOffset(primary, format) ||
    primary.sectors.every(({ offset }) => offset !== totalSizeBytes);
  return { image: totalSizeBytes, copied: isErased ? rounded : totalSizeBytes };
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
