import type { VerifiedImage } from '../image/verify.js';
import { accept, reject, type Verdict } from '../verdict.js';
import { settleDependencies } from './dependencies.js';
import { prepareImage, verifyPrimary } from './prepare-image.js';
import { performUpgrade } from './perform-upgrade.js';
import { resetStatus } from './swap-status.js';
import { trailerFormat } from './swap-trailer.js';
import { readTrailer } from './trailer.js';
import { UpgradeImage } from './upgrade-image.js';
import type { UpgradeMethod } from './upgrade-method.js';
import {
  raiseSecurityCounter,
  type BootEnvironment,
  type BootedImage,
  type BootOutcome,
} from './upgrade-strategy.js';

/**
 * The boot of a strategy that runs images from the primary slots (loader.c, context_boot_go): first
 * every swap that was cut short is completed and every image's request is read, then the requests
 * are held to what images need of each other, then carried out; in the end every primary image is
 * verified. Throws only what the flash throws. Refuses `boot-no-image`.
 */
export function bootUpgrading(asked: BootEnvironment, method: UpgradeMethod): Verdict<BootOutcome> {
  const environment = withKeySize(asked);
  const format = trailerFormat(method.name, environment);
  const images = environment.images.map(
    (slots, index) =>
      new UpgradeImage({ environment, strategy: method.name, index, slots, format }),
  );
  for (const image of images) {
    prepareImage(image, method);
    reviewEarlierImages(images, image);
  }
  if (images.length > 1) settleDependencies(images, method);
  // What reverts along goes first: a reset in between leaves the request of the other one standing.
  for (const image of images.toSorted((a, b) => Number(b.revertsAlong) - Number(a.revertsAlong))) {
    // What was read of a status belongs to one image; the next one begins anew.
    if (images.length > 1) image.status = resetStatus(method.algorithm?.firstOperation);
    performUpgrade(image, method);
  }
  return startImages(images, method);
}

/** The environment with the size of the content keys that its trailers have room for. */
export function withKeySize(asked: BootEnvironment): BootEnvironment {
  const keySize =
    asked.encryptionKeySizeBytes ?? (asked.decryptionKey === undefined ? undefined : 16);
  return { ...asked, encryptionKeySizeBytes: keySize, log: asked.log.bind(asked) };
}

/**
 * An image that was swapped before a reset, while another one was not, seems to ask for a revert:
 * its application had no chance to confirm it (loader.c, boot_review_image_swap_types).
 */
function reviewEarlierImages(images: readonly UpgradeImage[], image: UpgradeImage): void {
  const isMidway = image.wasInterrupted || !['none', 'revert'].includes(image.decision);
  if (!isMidway) return;
  for (const earlier of images.slice(0, image.index)) {
    if (earlier.decision === 'revert') earlier.decision = 'none';
  }
}

function startImages(images: readonly UpgradeImage[], method: UpgradeMethod): Verdict<BootOutcome> {
  const booted: BootedImage[] = [];
  for (const image of images) {
    const verified = verifyPrimary(image, method);
    if (!verified.ok) {
      image.log('error', 'Unable to find bootable image');
      return reject(
        'boot-no-image',
        `the primary slot of image ${image.index} holds no image that may run (${verified.code}: ${verified.detail})`,
      );
    }
    protectFromRollback(image, verified.value);
    booted.push({ slot: 0, image: verified.value });
  }
  const [first, ...others] = booted;
  if (first === undefined) return reject('boot-no-image', 'the board has no images');
  return accept({ ...first, others });
}

/**
 * The counter rises once an image is there to stay (loader.c, boot_update_hw_rollback_protection).
 * MCUboot does not start an image whose counter cannot be raised; but then nothing would run.
 */
function protectFromRollback(image: UpgradeImage, verified: VerifiedImage): void {
  const trailer = readTrailer(image.primary);
  if (trailer.magic === 'good' && trailer.imageOk !== 'set') return;
  const raised = raiseSecurityCounter(image.environment, image.index, verified);
  if (!raised.ok) image.log('error', `Security counter update failed: ${raised.detail}`);
}
