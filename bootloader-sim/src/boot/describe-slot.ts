import { parseImageHeader, type ImageHeader } from '../image/header.js';
import type { ImageSource } from '../image/image-source.js';
import { parseImageTlvs, type ImageTlvs } from '../image/tlv.js';
import type { VerifiedImage } from '../image/verify.js';
import type { ImageRejectCode, Verdict } from '../verdict.js';
import { swapAlgorithmOf } from './boot-layout.js';
import { verifyInPlace } from './direct-xip.js';
import { readSecondaryHeader } from './prepare-image.js';
import type { UpgradeImage } from './upgrade-image.js';
import { OVERWRITING, swapping, type UpgradeMethod } from './upgrade-method.js';
import { imageSourceOf, verifySlot } from './verify-slot.js';

/** What a slot holds, as a bootloader would look at it while no swap is under way. */
export interface SlotDescription {
  /** Where in the slot its image starts. */
  readonly imageOffset: number;
  /** Nothing is written where the image's magic should be. */
  readonly isEmpty: boolean;
  /** What to read the image from. */
  readonly source: ImageSource;
  readonly header: Verdict<ImageHeader, ImageRejectCode>;
  /** Undefined where there is no header to find them by. */
  readonly tlvs: Verdict<ImageTlvs, ImageRejectCode> | undefined;
  /** Undefined where the slot is empty. */
  readonly verified: Verdict<VerifiedImage, ImageRejectCode> | undefined;
}

/** Describes both slots of an image. Nothing that they hold is refused. */
export function describeSlots(image: UpgradeImage): readonly [SlotDescription, SlotDescription] {
  image.headers = [image.readHeader(image.primary, 0), readSecondaryHeader(image)];
  return [describeSlot(image, 0), describeSlot(image, 1)];
}

function describeSlot(image: UpgradeImage, slot: 0 | 1): SlotDescription {
  const source = imageSourceOf(image, slot);
  const header = parseImageHeader(source, { takesEncrypted: true });
  const isEmpty = image.headers[slot].isErased;
  return {
    imageOffset: slot === 0 ? 0 : image.secondaryOffset,
    isEmpty,
    source,
    header,
    tlvs: header.ok ? parseImageTlvs(source, header.value) : undefined,
    verified: isEmpty ? undefined : verify(image, slot),
  };
}

function verify(image: UpgradeImage, slot: 0 | 1): Verdict<VerifiedImage, ImageRejectCode> {
  const { strategy, environment, index, slots } = image;
  if (strategy === 'direct-xip') return verifyInPlace(environment, index, slots[slot]);
  return verifySlot(image, slot, methodOf(image).maxImageSizeBytes(image, slot));
}

function methodOf({ strategy }: UpgradeImage): UpgradeMethod {
  const algorithm = swapAlgorithmOf(strategy);
  return algorithm === undefined ? OVERWRITING : swapping(algorithm);
}
