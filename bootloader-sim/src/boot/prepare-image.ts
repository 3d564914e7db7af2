import { hasImageFlag } from '../image/header.js';
import { compareImageVersions } from '../image/version.js';
import type { VerifiedImage } from '../image/verify.js';
import type { ImageRejectCode, Verdict } from '../verdict.js';
import { completeSwap } from './perform-upgrade.js';
import type { SlotHeader } from './slot-header.js';
import {
  eraseTrailerOf,
  isRevert,
  readInterruptedSwapSize,
  readTrailers,
  type SwapAlgorithm,
} from './swap-algorithm.js';
import { isReset, resetStatus } from './swap-status.js';
import { decideSwapType, logSwapType } from './swap-type.js';
import { readTrailer, type SwapType } from './trailer.js';
import type { UpgradeImage } from './upgrade-image.js';
import type { UpgradeMethod } from './upgrade-method.js';
import { eraseArea } from './upgrade-strategy.js';
import { verifySlot } from './verify-slot.js';

/**
 * Completes a swap of an image that was cut short, or finds out what is to be done with it
 * (loader.c, boot_prepare_image_for_update). The answer is in `image.decision`.
 */
export function prepareImage(image: UpgradeImage, method: UpgradeMethod): void {
  readHeaders(image, method);
  const reason = method.incompatibility(image.slots, image.environment);
  if (reason !== undefined) {
    image.log('warning', `Cannot upgrade: ${reason}`);
    return;
  }
  const { algorithm } = method;
  if (algorithm === undefined) {
    decide(image, method);
    return;
  }
  if (!readStatus(image, algorithm)) return;
  if (isReset(image.status, algorithm.firstOperation)) {
    decide(image, method);
    return;
  }
  image.wasInterrupted = true;
  completeSwap(image, algorithm);
  image.status = resetStatus(algorithm.firstOperation);
  readHeaders(image, method);
}

/** Verifies what is in the primary slot now. */
export function verifyPrimary(
  image: UpgradeImage,
  method: UpgradeMethod,
): Verdict<VerifiedImage, ImageRejectCode> {
  readHeaders(image, method);
  return verifySlot(image, 0, method.maxImageSizeBytes(image, 0));
}

/** Reads both headers, as they lie when no swap is under way. */
function readHeaders(image: UpgradeImage, method: UpgradeMethod): void {
  image.status = resetStatus(method.algorithm?.firstOperation);
  image.headers = [image.readHeader(image.primary, 0), readSecondaryHeader(image)];
}

/**
 * Under swap-using-offset a new image starts in the second sector of the slot, and one that was
 * swapped out in the first. Where there is none in the expected place, the other one is looked at
 * (swap_offset.c, boot_read_image_header).
 */
export function readSecondaryHeader(image: UpgradeImage): SlotHeader {
  const { secondary, sectorSizeBytes } = image;
  if (image.strategy !== 'swap-using-offset') return image.readHeader(secondary, 0);
  const expected = isRevert(image) ? 0 : sectorSizeBytes;
  const header = image.readHeader(secondary, expected);
  image.secondaryOffset = expected;
  if (header.hasMagic) return header;
  const other = image.readHeader(secondary, sectorSizeBytes - expected);
  if (!other.hasMagic) return header;
  image.secondaryOffset = sectorSizeBytes - expected;
  return other;
}

/** Reads how far a swap had come, and the headers where they are then; false to leave it all. */
function readStatus(image: UpgradeImage, algorithm: SwapAlgorithm): boolean {
  const { status } = image;
  status.source = algorithm.findStatus(image);
  const area = status.source === 'scratch' ? image.scratch : image.primary;
  if (status.source !== 'none' && area !== undefined) {
    algorithm.readStatus(image, area, status);
    status.swapType = readTrailer(area).swapType;
  }
  const resuming = !isReset(status, algorithm.firstOperation);
  if (resuming) {
    // Read once: cells that were torn may say something else the next time.
    const swapSize = readInterruptedSwapSize(image);
    status.swapSizeBytes = swapSize;
    if (!resumes(image, algorithm)) return false;
    const read = (slot: 0 | 1): SlotHeader => {
      const { area: where, offset } = algorithm.headerPlace(image, slot, swapSize);
      return image.readHeader(where, offset);
    };
    image.headers = [read(0), read(1)];
  } else {
    // The status may have told that this is a revert.
    image.headers = [image.headers[0], readSecondaryHeader(image)];
  }
  const [primary, secondary] = image.headers;
  const { bootstrap = false, hardened = false } = image.environment;
  // Hardened, a header that was half written when the slot was filled does not keep it from being filled.
  const mayBeEmpty = bootstrap && (primary.isErased || hardened);
  const isFound = primary.hasMagic && (!resuming || secondary.hasMagic);
  if (!algorithm.needsHeaders || isFound || mayBeEmpty) return true;
  image.log('warning', `Failed reading image headers; Image=${image.index}`);
  return false;
}

/** What a trailer says is not to be trusted: a swap beyond the slot is left alone. */
function resumes(image: UpgradeImage, algorithm: SwapAlgorithm): boolean {
  const { swapSizeBytes: swapSize } = image.status;
  const max = algorithm.maxImageSizeBytes(image.slots, image.environment);
  if (swapSize <= max && algorithm.canResume(image, swapSize)) return true;
  image.log('warning', `Failed reading boot status; Image=${image.index}`);
  image.log('warning', `its trailer tells of a swap of ${swapSize} bytes, at most ${max} fit`);
  return false;
}

/** There was no partial swap: the trailers say what is asked for. */
function decide(image: UpgradeImage, method: UpgradeMethod): void {
  const { status } = image;
  const asked = decideSwapType(image.strategy, readTrailers(image), image.environment);
  logSwapType(image.environment, image.index, asked);
  if (method.algorithm !== undefined && status.swapType !== 'none') {
    // The trailer was written, but nothing was swapped yet.
    const isValid = validateCandidate(image, method, 'none');
    image.decision = isValid && isWithinReach(image, status.swapType) ? status.swapType : 'fail';
  } else if (asked === 'none' || (asked === 'revert' && method.algorithm === undefined)) {
    image.decision = 'none';
  } else {
    const isValid = validateCandidate(image, method, asked);
    image.decision = isValid && isWithinReach(image, asked) ? asked : 'none';
  }
  if (image.decision === 'none') considerBootstrap(image, method);
}

/**
 * Whether the secondary image may go to the primary slot; if not, the slot is erased, but for an
 * image that is flagged as not bootable (loader.c, boot_validate_slot).
 */
function validateCandidate(image: UpgradeImage, method: UpgradeMethod, asked: SwapType): boolean {
  const { secondary, environment } = image;
  const [, { isErased, header }] = image.headers;
  if (isErased || (header !== undefined && hasImageFlag(header, 'nonBootable'))) {
    clearLeftTrailer(image, method);
    return false;
  }
  if (isInWrongSector(image, asked)) {
    const text = 'Secondary header magic detected in first sector, wrong upload address?';
    image.log('error', text);
    image.log('error', 'Image in the secondary slot is not valid!');
    eraseArea(environment, secondary, 'secondary');
    return false;
  }
  if (method.algorithm === undefined && isDowngrade(image)) {
    image.log('error', 'Insufficient version in secondary slot');
    eraseArea(environment, secondary, 'secondary');
    return false;
  }
  const verified = verifySlot(image, 1, method.maxImageSizeBytes(image, 1));
  if (verified.ok) {
    image.candidate = verified.value;
    return true;
  }
  eraseArea(environment, secondary, 'secondary');
  return false;
}

/**
 * Whether a swap would take the secondary image from where it lies. By offset, a revert takes it
 * from the first sector, and an upgrade from the second. An image that is uploaded while another
 * one is on trial would be reverted to from the wrong place: MCUboot does so, and has nothing left
 * to run (swap_offset.c, boot_read_image_header). Here the trial goes on, and the image waits.
 */
export function isWithinReach(image: UpgradeImage, swapType: SwapType): boolean {
  if (image.strategy !== 'swap-using-offset') return true;
  if (image.secondaryOffset === (swapType === 'revert' ? 0 : image.sectorSizeBytes)) return true;
  image.log(
    'warning',
    `Image ${image.index} in the secondary slot is not where it is swapped from`,
  );
  return false;
}

/**
 * Without an image, a trailer that was left behind would only keep the next upload from being
 * taken. Swap-using-move may also be stuck in a revert to what is no longer there.
 */
function clearLeftTrailer(image: UpgradeImage, method: UpgradeMethod): void {
  if (method.algorithm === undefined) return;
  const { primary, secondary } = image;
  const cleared = eraseTrailerOf(image, secondary);
  if (!cleared.ok) image.log('error', `Failed to erase the trailer: ${cleared.detail}`);
  if (method.name !== 'swap-using-move' || !isRevert(image)) return;
  if (!eraseTrailerOf(image, primary).ok) return;
  image.log('info', `Cleared image ${image.index} primary slot trailer due to stuck revert`);
}

function isInWrongSector(image: UpgradeImage, asked: SwapType): boolean {
  if (image.strategy !== 'swap-using-offset') return false;
  if (asked !== 'test' && asked !== 'permanent') return false;
  return image.readHeader(image.secondary, 0).hasMagic;
}

function isDowngrade(image: UpgradeImage): boolean {
  const [primary, secondary] = image.headers;
  if (image.environment.downgradePrevention === 'none') return false;
  if (primary.header === undefined || secondary.header === undefined) return false;
  return compareImageVersions(secondary.header.version, primary.header.version) < 0;
}

/** A primary slot without an image that may run is filled from the secondary one. */
function considerBootstrap(image: UpgradeImage, method: UpgradeMethod): void {
  if (image.environment.bootstrap !== true) return;
  if (verifySlot(image, 0, method.maxImageSizeBytes(image, 0)).ok) return;
  if (!image.headers[1].hasMagic || !validateCandidate(image, method, 'none')) return;
  image.decision = 'revert';
}
