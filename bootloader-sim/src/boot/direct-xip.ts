import { compareImageVersions } from '../image/version.js';
import type { ImageHeader } from '../image/header.js';
import { accept, type Verdict } from '../verdict.js';
import { readTrailer, writeCopyDone } from './trailer.js';
import {
  eraseSlot,
  noBootableImage,
  raiseSecurityCounter,
  readSlotHeaders,
  slotArea,
  slotName,
  verifySlot,
  type BootEnvironment,
  type BootedImage,
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

function bootDirectXip(environment: BootEnvironment): Verdict<BootedImage> {
  const available = [...readSlotHeaders(environment)];
  // Each turn boots a slot or drops it from the candidates, so there are at most two.
  for (let turn = 0; turn < environment.slots.length; turn += 1) {
    const slot = slotWithHighestVersion(available);
    if (slot === undefined) break;
    const booted = trySlot(environment, slot);
    if (booted !== undefined) return accept(booted);
    available[slot] = undefined;
  }
  environment.log('info', 'No slot to load for image 0');
  return noBootableImage(environment);
}

function slotWithHighestVersion(headers: readonly (ImageHeader | undefined)[]): number | undefined {
  let best: { readonly slot: number; readonly header: ImageHeader } | undefined;
  for (const [slot, header] of headers.entries()) {
    if (header === undefined) continue;
    if (best === undefined || compareImageVersions(header.version, best.header.version) > 0) {
      best = { slot, header };
    }
  }
  return best?.slot;
}

function trySlot(environment: BootEnvironment, slot: number): BootedImage | undefined {
  if (!selectOrErase(environment, slot)) return undefined;
  const verified = verifySlot(environment, slot, { executesInPlace: true });
  if (!verified.ok) {
    // An image built for another address is left alone: it is sound, only in the wrong slot.
    if (verified.code !== 'image-load-address') eraseSlot(environment, slot);
    return undefined;
  }
  // The counter rises only once the image is confirmed; until then the other one may have to run.
  if (readTrailer(slotArea(environment, slot)).imageOk === 'set') {
    const raised = raiseSecurityCounter(environment, verified.value);
    // It is tried again at each boot. MCUboot would not start the image; but then an older one with
    // a lower counter runs instead, which is what the counter is there to prevent.
    if (!raised.ok) {
      environment.log('error', `Security counter update failed: ${raised.detail}`);
    }
  }
  environment.log('info', `Image 0 loaded from the ${slotName(slot)} slot`);
  return { slot, image: verified.value };
}

/**
 * Marks the slot as chosen, or erases it when it was chosen before and has not been confirmed
 * (loader.c, boot_select_or_erase). MCUboot takes a half-written copy-done for "not chosen yet"
 * and can then never write it, so that a trial would repeat for ever; here it counts as chosen.
 */
function selectOrErase(environment: BootEnvironment, slot: number): boolean {
  const area = slotArea(environment, slot);
  const trailer = readTrailer(area);
  const chosenBefore = trailer.copyDone !== 'unset';
  if (trailer.magic !== 'good' || (chosenBefore && trailer.imageOk !== 'set')) {
    environment.log('warning', `Erasing faulty image in the ${slotName(slot)} slot.`);
    eraseSlot(environment, slot);
    return false;
  }
  if (chosenBefore) return true;
  const written = writeCopyDone(area);
  if (written.ok) return true;
  environment.log(
    'warning',
    `Failed to set copy_done flag of the image in the ${slotName(slot)} slot.`,
  );
  // Without the flag a trial could not be told from a first boot: only a confirmed image may run.
  return trailer.imageOk === 'set';
}
