import type { FlashArea } from '../flash/flash-area.js';
import { hasImageFlag, parseImageHeader, type ImageHeader } from '../image/header.js';
import { compareImageVersions, formatImageVersion } from '../image/version.js';
import { verifyImage, type VerifiedImage } from '../image/verify.js';
import { accept, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import { maxImageSizeBytes, readTrailer, writeCopyDone } from './trailer.js';
import {
  eraseArea,
  raiseSecurityCounter,
  slotName,
  type BootEnvironment,
  type BootOutcome,
  type BootedImage,
  type SlotPair,
  type UpgradeStrategy,
} from './upgrade-strategy.js';

/**
 * Direct execute-in-place with revert: images run from whichever slot they are in, the highest
 * version first. An image that was chosen once and not confirmed is erased at the next boot
 * (MCUboot loader.c with MCUBOOT_DIRECT_XIP and MCUBOOT_DIRECT_XIP_REVERT).
 */
export const directXip: UpgradeStrategy = {
  name: 'direct-xip',
  banner: 'Starting Direct-XIP bootloader',
  boot: bootDirectXip,
};

/** One image of the board, and what is left of its slots to choose from. */
interface Candidates {
  readonly environment: BootEnvironment;
  readonly index: number;
  readonly slots: SlotPair;
  /** Undefined where there is no image, or none that may run. */
  readonly headers: (ImageHeader | undefined)[];
  /** The slots that were chosen in this very boot, and so are not to be taken for tried. */
  readonly chosen: Set<number>;
}

function bootDirectXip(environment: BootEnvironment): Verdict<BootOutcome> {
  const images = environment.images.map((slots, index) => readSlots(environment, index, slots));
  // Each turn but the last takes a slot away.
  for (let turn = 0; turn <= 2 * images.length; turn += 1) {
    const booted = chooseAll(images);
    if (!booted.ok) return booted;
    if (!dropUnmet(images, booted.value)) return start(images, booted.value);
  }
  return noBootableImage(environment);
}

function readSlots(environment: BootEnvironment, index: number, slots: SlotPair): Candidates {
  const headers = slots.map((area, slot) => {
    const header = parseImageHeader(area);
    if (header.ok) {
      const name = (slot === 0 ? 'Primary' : 'Secondary').padEnd(9);
      environment.log('info', `${name} slot: version=${formatImageVersion(header.value.version)}`);
      return header.value;
    }
    environment.log('info', `Image ${index} ${slotName(slot)} slot: image not found`);
    return undefined;
  });
  return { environment, index, slots, headers, chosen: new Set() };
}

/** The best slot of each image that may run. */
function chooseAll(images: readonly Candidates[]): Verdict<readonly BootedImage[]> {
  const booted: BootedImage[] = [];
  for (const image of images) {
    const chosen = choose(image);
    if (chosen === undefined) {
      image.environment.log('info', `No slot to load for image ${image.index}`);
      return noBootableImage(image.environment);
    }
    booted.push(chosen);
  }
  return accept(booted);
}

function choose(image: Candidates): BootedImage | undefined {
  // Each turn boots a slot or drops it from the candidates, so there are at most two.
  for (let turn = 0; turn < image.slots.length; turn += 1) {
    const slot = slotWithHighestVersion(image.headers);
    if (slot === undefined) return undefined;
    const verified = trySlot(image, slot);
    if (verified !== undefined) return { slot, image: verified };
    image.headers[slot] = undefined;
  }
  return undefined;
}

function slotWithHighestVersion(headers: readonly (ImageHeader | undefined)[]): 0 | 1 | undefined {
  const [primary, secondary] = headers;
  if (primary === undefined) return secondary === undefined ? undefined : 1;
  if (secondary === undefined) return 0;
  return compareImageVersions(secondary.version, primary.version) > 0 ? 1 : 0;
}

function trySlot(image: Candidates, slot: 0 | 1): VerifiedImage | undefined {
  const { environment, index } = image;
  const area = image.slots[slot];
  if (!isLinkedForHere(image, slot) || !selectOrErase(image, slot)) return undefined;
  const verified = verifyInPlace(environment, index, area);
  if (verified.ok) return verified.value;
  environment.log('error', `Image in the ${slotName(slot)} slot is not valid!`);
  environment.log('error', `${verified.code}: ${verified.detail}`);
  eraseArea(environment, area, slotName(slot));
  return undefined;
}

/**
 * An image that was linked for another address is neither noted nor erased: it may be sound, and
 * only lies in the wrong slot (loader.c, boot_rom_address_check).
 */
function isLinkedForHere({ environment, slots, headers }: Candidates, slot: 0 | 1): boolean {
  const header = headers[slot];
  const { flashOffset } = slots[slot];
  if (header === undefined || !hasImageFlag(header, 'romFixed')) return true;
  if (header.loadAddress === flashOffset) return true;
  const places = `at 0x${flashOffset.toString(16)} has been built for offset 0x${header.loadAddress.toString(16)}`;
  environment.log('warning', `Image in ${slotName(slot)} slot ${places}, skipping`);
  return false;
}

/** Verifies the image of a slot, which is to run from there. */
export function verifyInPlace(
  environment: Pick<BootEnvironment, 'keys' | 'counters' | 'crypto'>,
  imageIndex: number,
  area: FlashArea,
): Verdict<VerifiedImage, ImageRejectCode> {
  return verifyImage(
    area,
    {
      keys: environment.keys,
      maxImageSizeBytes: maxImageSizeBytes(area),
      minimumSecurityCounter: environment.counters?.read(imageIndex),
      slotAddress: area.flashOffset,
    },
    environment.crypto,
  );
}

/**
 * Marks the slot as chosen, or erases it when it was chosen before and has not been confirmed
 * (loader.c, boot_select_or_erase). MCUboot takes a half-written copy-done for "not chosen yet"
 * and can then never write it, so that a trial would repeat for ever; here it counts as chosen.
 */
function selectOrErase(image: Candidates, slot: 0 | 1): boolean {
  const { environment } = image;
  const area = image.slots[slot];
  const trailer = readTrailer(area);
  const chosenBefore = trailer.copyDone !== 'unset' && !image.chosen.has(slot);
  if (trailer.magic !== 'good' || (chosenBefore && trailer.imageOk !== 'set')) {
    environment.log('warning', `Erasing faulty image in the ${slotName(slot)} slot.`);
    eraseArea(environment, area, slotName(slot));
    return false;
  }
  if (trailer.copyDone !== 'unset') return true;
  const written = writeCopyDone(area);
  if (written.ok) {
    image.chosen.add(slot);
    return true;
  }
  environment.log(
    'warning',
    `Failed to set copy_done flag of the image in the ${slotName(slot)} slot.`,
  );
  // Without the flag a trial could not be told from a first boot: only a confirmed image may run.
  return trailer.imageOk === 'set';
}

/** Takes away the first slot whose image needs what is not there (boot_verify_dependencies). */
function dropUnmet(images: readonly Candidates[], booted: readonly BootedImage[]): boolean {
  if (images.length < 2) return false;
  for (const [index, { slot, image }] of booted.entries()) {
    const missing = image.dependencies.find(({ imageIndex, minimumVersion }) => {
      const version = booted[imageIndex]?.image.header.version;
      return version === undefined || compareImageVersions(version, minimumVersion) < 0;
    });
    const candidates = images[index];
    if (missing === undefined || candidates === undefined) continue;
    const needed = `image ${missing.imageIndex} in version ${formatImageVersion(missing.minimumVersion)}`;
    candidates.environment.log('warning', `Image ${index} needs ${needed}`);
    candidates.headers[slot] = undefined;
    return true;
  }
  return false;
}

function start(
  images: readonly Candidates[],
  booted: readonly BootedImage[],
): Verdict<BootOutcome> {
  for (const [index, { slot, image }] of booted.entries()) {
    const candidates = images[index];
    if (candidates !== undefined) protectFromRollback(candidates, slot === 0 ? 0 : 1, image);
  }
  const [first, ...others] = booted;
  if (first === undefined) return reject('boot-no-image', 'the board has no images');
  return accept({ ...first, others });
}

/**
 * The counter rises only once the image is confirmed; until then the other one may have to run.
 * It is tried again at each boot. MCUboot would not start the image; but then an older one with a
 * lower counter runs instead, which is what the counter is there to prevent.
 */
function protectFromRollback(candidates: Candidates, slot: 0 | 1, image: VerifiedImage): void {
  const { environment, index, slots } = candidates;
  if (readTrailer(slots[slot]).imageOk === 'set') {
    const raised = raiseSecurityCounter(environment, index, image);
    if (!raised.ok) environment.log('error', `Security counter update failed: ${raised.detail}`);
  }
  environment.log('info', `Image ${index} loaded from the ${slotName(slot)} slot`);
}

function noBootableImage(environment: BootEnvironment): Verdict<never> {
  environment.log('error', 'Unable to find bootable image');
  return reject('boot-no-image', 'neither slot holds an image that may run');
}
