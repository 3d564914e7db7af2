import { readImageClaims } from '../image/claims.js';
import type { ImageDependency } from '../image/dependency.js';
import { compareImageVersions, formatImageVersion, type ImageVersion } from '../image/version.js';
import { isWithinReach } from './prepare-image.js';
import type { UpgradeDecision, UpgradeImage } from './upgrade-image.js';
import type { UpgradeMethod } from './upgrade-method.js';
import { imageSourceOf, verifySlot } from './verify-slot.js';

/** Whether a decision brings the image of the secondary slot to the primary one. */
function isUpgrade(decision: UpgradeDecision): boolean {
  return decision === 'test' || decision === 'permanent' || decision === 'revert';
}

/**
 * Holds the images to what they need of each other (loader.c, boot_verify_dependencies): an upgrade
 * whose needs would not be met takes place for no image at all. Where MCUboot only holds, an image
 * that needs a newer one than the revert of the other leaves is reverted with it, if there is an
 * older image to go back to. What nobody asked to change stays as it is, whatever it needs.
 */
export function settleDependencies(images: readonly UpgradeImage[], method: UpgradeMethod): void {
  // Each turn but the last reverts one more image.
  for (let turn = 0; turn <= images.length; turn += 1) {
    if (!images.some(({ decision }) => isUpgrade(decision))) return;
    const unmet = findUnmet(images);
    if (unmet === undefined) return;
    if (unmet.needed?.decision === 'revert' && canRevertAlong(unmet.image, method)) {
      const { image } = unmet;
      image.log('warning', `Image ${image.index} is reverted with the image that it needs`);
      image.decision = 'revert';
      image.revertsAlong = true;
    } else {
      for (const image of images) image.decision = 'none';
      return;
    }
  }
}

/** An image that would be without what it needs, and the image that it needs in another version. */
interface UnmetNeed {
  readonly image: UpgradeImage;
  /** Undefined where the board has no such image, or dependencies cannot be read. */
  readonly needed: UpgradeImage | undefined;
}

function findUnmet(images: readonly UpgradeImage[]): UnmetNeed | undefined {
  for (const image of images) {
    const dependencies = dependenciesOf(image);
    const missing = dependencies?.find((dependency) => !isMet(images, dependency));
    if (dependencies !== undefined && missing === undefined) continue;
    const what =
      missing === undefined
        ? 'has dependencies that cannot be read'
        : `needs image ${missing.imageIndex} in version ${formatImageVersion(missing.minimumVersion)}`;
    image.log('warning', `Image ${image.index} ${what}`);
    return { image, needed: missing && images[missing.imageIndex] };
  }
  return undefined;
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

/**
 * Under swap-using-offset an image to go back to starts with the slot. What is left of the upload
 * behind it may look like a header too, where images have one sector.
 */
function lookForFallback(image: UpgradeImage): void {
  if (image.strategy !== 'swap-using-offset') return;
  const header = image.readHeader(image.secondary, 0);
  if (!header.hasMagic) return;
  image.headers = [image.headers[0], header];
  image.secondaryOffset = 0;
}

/** Whether nothing else is asked of an image, and an older one may run that lies in its other slot. */
function canRevertAlong(image: UpgradeImage, method: UpgradeMethod): boolean {
  if (image.decision !== 'none' || method.algorithm === undefined) return false;
  lookForFallback(image);
  const [primary, secondary] = image.headers;
  if (primary.header === undefined || secondary.header === undefined) return false;
  const order = compareImageVersions(secondary.header.version, primary.header.version);
  if (order >= 0 || !isWithinReach(image, 'revert')) return false;
  return verifySlot(image, 1, method.maxImageSizeBytes(image, 1)).ok;
}
