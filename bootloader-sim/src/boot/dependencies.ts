import { readImageClaims } from '../image/claims.js';
import type { ImageDependency } from '../image/dependency.js';
import { compareImageVersions, formatImageVersion, type ImageVersion } from '../image/version.js';
import { isWithinReach } from './prepare-image.js';
import type { UpgradeDecision, UpgradeImage } from './upgrade-image.js';
import type { UpgradeMethod } from './upgrade-method.js';
import { imageSourceOf, verifySlot } from './verify-slot.js';

/** Whether a decision brings the image of the secondary slot to the primary one. */
export function isUpgrade(decision: UpgradeDecision): boolean {
  return decision === 'test' || decision === 'permanent' || decision === 'revert';
}

/**
 * Holds the images to what they need of each other (loader.c, boot_verify_dependencies): an upgrade
 * whose needs would not be met takes place for no image at all. Where MCUboot only holds, an image
 * that needs a newer one than the revert of the other leaves is reverted with it, if there is an
 * older image to go back to.
 */
export function settleDependencies(images: readonly UpgradeImage[], method: UpgradeMethod): void {
  // Each turn but the last reverts one more image.
  for (let turn = 0; turn <= images.length; turn += 1) {
    const unmet = findUnmet(images);
    if (unmet === undefined) return;
    if (unmet.decision === 'none' && canRevert(unmet, method)) {
      unmet.log('warning', `Image ${unmet.index} is reverted with the image that it needs`);
      unmet.decision = 'revert';
    } else {
      for (const image of images) image.decision = 'none';
      return;
    }
  }
}

/** The first image that needs what would not be there. */
function findUnmet(images: readonly UpgradeImage[]): UpgradeImage | undefined {
  return images.find((image) => {
    const dependencies = dependenciesOf(image);
    const missing = dependencies?.find((dependency) => !isMet(images, dependency));
    if (dependencies !== undefined && missing === undefined) return false;
    const what =
      missing === undefined
        ? 'has dependencies that cannot be read'
        : `needs image ${missing.imageIndex} in version ${formatImageVersion(missing.minimumVersion)}`;
    image.log('warning', `Image ${image.index} ${what}`);
    return true;
  });
}

/** Undefined when they cannot be read; a slot without an image needs nothing. */
function dependenciesOf(image: UpgradeImage): readonly ImageDependency[] | undefined {
  const slot = isUpgrade(image.decision) ? 1 : 0;
  if (image.headers[slot].header === undefined) return [];
  const claims = readImageClaims(imageSourceOf(image, slot));
  return claims.ok ? claims.value.dependencies : undefined;
}

function isMet(images: readonly UpgradeImage[], dependency: ImageDependency): boolean {
  const needed = images[dependency.imageIndex];
  const version = needed && versionAfterwards(needed);
  return version !== undefined && compareImageVersions(version, dependency.minimumVersion) >= 0;
}

/** The version that will be in the primary slot. */
function versionAfterwards(image: UpgradeImage): ImageVersion | undefined {
  return image.headers[isUpgrade(image.decision) ? 1 : 0].header?.version;
}

/** Whether the secondary slot has an older image that may run. */
function canRevert(image: UpgradeImage, method: UpgradeMethod): boolean {
  const [primary, secondary] = image.headers;
  if (method.algorithm === undefined) return false;
  if (primary.header === undefined || secondary.header === undefined) return false;
  const order = compareImageVersions(secondary.header.version, primary.header.version);
  if (order >= 0 || !isWithinReach(image, 'revert')) return false;
  return verifySlot(image, 1, method.maxImageSizeBytes(image, 1)).ok;
}
