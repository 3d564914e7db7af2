import { offsetImageSource } from '../image/image-source.js';
import type { ImageSource } from '../image/image-source.js';
import { verifyImage, type VerifiedImage } from '../image/verify.js';
import { reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import type { UpgradeImage } from './upgrade-image.js';
import { slotName } from './upgrade-strategy.js';

/** The image of a slot, from its header on. */
export function imageSourceOf(image: UpgradeImage, slot: 0 | 1): ImageSource {
  const area = image.slots[slot];
  return slot === 1 && image.secondaryOffset > 0
    ? offsetImageSource(area, image.secondaryOffset)
    : area;
}

/**
 * Verifies the image of a slot, which is to run from the primary one: keys, security counter, size,
 * and the address that it was linked for (bootutil_img_validate). Tells the log why not.
 */
export function verifySlot(
  image: UpgradeImage,
  slot: 0 | 1,
  maxImageSizeBytes: number,
): Verdict<VerifiedImage, ImageRejectCode> {
  const { environment, primary, index } = image;
  const verified = image.headers[slot].isErased
    ? reject('image-bad-magic', 'the slot is empty')
    : verifyImage(
        imageSourceOf(image, slot),
        {
          keys: environment.keys,
          maxImageSizeBytes,
          minimumSecurityCounter: environment.counters?.read(index),
          slotAddress: primary.flashOffset,
        },
        environment.crypto,
      );
  if (verified.ok) return verified;
  if (verified.code === 'image-load-address') {
    image.log(
      'error',
      `Binary in ${slotName(slot)} slot of image ${index} is not designated for the primary slot`,
    );
  } else {
    image.log('error', `Image in the ${slotName(slot)} slot is not valid!`);
  }
  image.log('error', `${verified.code}: ${verified.detail}`);
  return verified;
}
