import { readImageClaims, readImageExtent } from '../image/claims.js';
import { compareImageVersions } from '../image/version.js';
import { DONE, accept, type Verdict } from '../verdict.js';
import { copyImage } from './copy-image.js';
import { inOrder } from './in-order.js';
import {
  loadContentKey,
  readContentKeys,
  refuseForRoom,
  statusArea,
  type SwapAlgorithm,
} from './swap-algorithm.js';
import { isReset } from './swap-status.js';
import { readTrailer, writeCopyDone, writeImageOk } from './trailer.js';
import type { UpgradeImage } from './upgrade-image.js';
import type { UpgradeMethod } from './upgrade-method.js';
import { eraseArea, raiseSecurityCounter } from './upgrade-strategy.js';
import { imageSourceOf, verifySlot } from './verify-slot.js';

/** Carries out what was decided for an image (loader.c, boot_perform_update). */
export function performUpgrade(image: UpgradeImage, method: UpgradeMethod): void {
  const { status } = image;
  const decision = isPreparedRevert(image) ? 'revert' : image.decision;
  const { algorithm } = method;
  if (decision === 'none') return;
  if (decision === 'fail') {
    // As if it had just been reverted, so that the image is not tried again.
    if (algorithm !== undefined) report(image, setImageOk(image));
    return;
  }
  if (algorithm === undefined) {
    report(image, copyImage(image));
    return;
  }
  status.swapType = decision;
  if (decision !== 'revert' && isDowngrade(image)) {
    image.log('info', `Image ${image.index} in slot 1 erased due to downgrade prevention`);
    eraseArea(image.environment, image.secondary, 'secondary');
    return;
  }
  const fills = image.environment.bootstrap === true && !isPrimaryValid(image, method);
  const done = inOrder(
    () => (fills ? copyImage(image) : swapImages(image, algorithm)),
    () => (decision === 'test' ? DONE : setImageOk(image)),
    () => (decision === 'permanent' ? raiseForGood(image) : DONE),
    () => writeCopyDone(image.primary),
  );
  report(image, done);
}

/**
 * Swap-using-move asks for a revert as if it were a permanent upgrade; under a rule against
 * downgrades MCUboot then erases the image that it was to go back to. Hardened, the request says
 * what it is.
 */
function isPreparedRevert({ environment, decision, secondary }: UpgradeImage): boolean {
  if (environment.hardened !== true || decision !== 'permanent') return false;
  return readTrailer(secondary).swapType === 'revert';
}

function isPrimaryValid(image: UpgradeImage, method: UpgradeMethod): boolean {
  return verifySlot(image, 0, method.maxImageSizeBytes(image, 0)).ok;
}

/** Completes a swap that was cut short (loader.c, boot_complete_partial_swap). */
export function completeSwap(image: UpgradeImage, algorithm: SwapAlgorithm): void {
  const done = inOrder(
    () => swapImages(image, algorithm),
    () => {
      const { swapType } = image.status;
      return swapType === 'revert' || swapType === 'permanent' ? setImageOk(image) : DONE;
    },
    () => (image.status.swapType === 'none' ? DONE : writeCopyDone(image.primary)),
  );
  report(image, done);
}

/**
 * MCUboot stops for ever when the flash refuses. Here the primary image is verified after all, and
 * runs if it is whole; the swap is gone on with at the next boot.
 */
function report(image: UpgradeImage, done: Verdict<void>): void {
  if (done.ok) return;
  image.log('error', `Image ${image.index} upgrade failed: ${done.code}: ${done.detail}`);
}

/** Starts a swap, or goes on with it (loader.c, boot_swap_image). */
function swapImages(image: UpgradeImage, algorithm: SwapAlgorithm): Verdict<void> {
  const { status } = image;
  if (isReset(status, algorithm.firstOperation)) {
    const sizeBytes = Math.max(measure(image, 0), measure(image, 1));
    const max = algorithm.maxImageSizeBytes(image.slots, image.environment);
    if (sizeBytes > max) return refuseForRoom(image, sizeBytes, max);
    status.swapSizeBytes = sizeBytes;
    const keys = inOrder(
      () => loadContentKey(image, 0),
      () => loadContentKey(image, 1),
    );
    if (!keys.ok) return keys;
  } else {
    readContentKeys(image, statusArea(image));
  }
  const done = algorithm.run(image);
  if (image.statusWriteFailures > 0) {
    image.log('warning', `${image.statusWriteFailures} status write fails performing the swap`);
  }
  return done;
}

/**
 * How many bytes of a slot are to be swapped. MCUboot stops for ever at a primary image whose TLVs
 * cannot be found; here it counts for nothing, so that an upgrade repairs the device.
 */
function measure(image: UpgradeImage, slot: 0 | 1): number {
  const { header } = image.headers[slot];
  if (header === undefined) return 0;
  const extent = readImageExtent(imageSourceOf(image, slot), header);
  if (!extent.ok) return 0;
  image.unprotectedTlvSizes[slot] = extent.value.unprotectedTlvSizeBytes;
  return extent.value.totalSizeBytes;
}

function setImageOk(image: UpgradeImage): Verdict<void> {
  return readTrailer(image.primary).imageOk === 'unset' ? writeImageOk(image.primary) : DONE;
}

/** An image that is never to be reverted counts from now on. */
function raiseForGood(image: UpgradeImage): Verdict<void> {
  const { candidate, environment, index } = image;
  if (candidate === undefined) return accept(undefined);
  const raised = raiseSecurityCounter(environment, index, candidate);
  if (!raised.ok) image.log('error', `Security counter update failed: ${raised.detail}`);
  return accept(undefined);
}

/** Whether the candidate is older than what it would replace (loader.c, check_downgrade_prevention). */
function isDowngrade(image: UpgradeImage): boolean {
  const rule = image.environment.downgradePrevention ?? 'version';
  const [primary, secondary] = image.headers;
  if (rule === 'none' || primary.header === undefined || secondary.header === undefined) {
    return false;
  }
  if (rule === 'version') {
    return compareImageVersions(secondary.header.version, primary.header.version) < 0;
  }
  const running = securityCounterOf(image, 0);
  if (running === undefined) return false;
  const offered = securityCounterOf(image, 1);
  return offered === undefined || running > offered;
}

function securityCounterOf(image: UpgradeImage, slot: 0 | 1): number | undefined {
  const claims = readImageClaims(imageSourceOf(image, slot));
  return claims.ok ? claims.value.securityCounter : undefined;
}
