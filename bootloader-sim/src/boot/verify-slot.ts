import { offsetImageSource } from '../image/image-source.js';
import type { ImageSource } from '../image/image-source.js';
import { contentKeySizeBytes } from '../image/header.js';
import { verifyImage, type ImageEncryptionPolicy, type VerifiedImage } from '../image/verify.js';
import { reject, type ImageRejectCode, type Rejected, type Verdict } from '../verdict.js';
import type { UpgradeImage } from './upgrade-image.js';
import { slotName } from './upgrade-strategy.js';

/** The image of a slot, from its header on. */
export function imageSourceOf(image: UpgradeImage, slot: 0 | 1): ImageSource {
  const area = image.slots[slot];
  return slot === 1 && image.secondaryOffset > 0
    ? offsetImageSource(area, image.secondaryOffset)
    : area;
}

/** An image lies encrypted everywhere but in the primary slot. */
function encryptionOf(image: UpgradeImage, slot: 0 | 1): ImageEncryptionPolicy | undefined {
  const { decryptionKey: key } = image.environment;
  if (key === undefined) return undefined;
  return slot === 0 ? { body: 'plain' } : { body: 'encrypted', key };
}

/** What is refused without looking at the image. */
function refuseUnseen(image: UpgradeImage, slot: 0 | 1): Rejected<ImageRejectCode> | undefined {
  if (image.headers[slot].isErased) return reject('image-bad-magic', 'the slot is empty');
  if (image.environment.decryptionKey === undefined || !hasOtherKeySize(image, slot)) {
    return undefined;
  }
  const size = image.environment.encryptionKeySizeBytes ?? 0;
  return reject(
    'image-encryption-key-size',
    `this bootloader takes images that are encrypted with ${size * 8} bits`,
  );
}

/** A trailer has room for keys of one size only, so that images with others cannot be swapped. */
function hasOtherKeySize(image: UpgradeImage, slot: 0 | 1): boolean {
  const { header } = image.headers[slot];
  const size = header && contentKeySizeBytes(header);
  return size !== undefined && size !== image.environment.encryptionKeySizeBytes;
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
  const verified =
    refuseUnseen(image, slot) ??
    verifyImage(
      imageSourceOf(image, slot),
      {
        keys: environment.keys,
        maxImageSizeBytes,
        minimumSecurityCounter: environment.counters?.read(index),
        slotAddress: primary.flashOffset,
        encryption: encryptionOf(image, slot),
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
