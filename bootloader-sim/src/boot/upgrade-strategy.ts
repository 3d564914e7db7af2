import type { CryptoProvider, VerificationKey } from '../crypto/crypto-provider.js';
import type { FlashArea } from '../flash/flash-area.js';
import type { SecurityCounters } from '../flash/otp-counters.js';
import { formatImageVersion } from '../image/version.js';
import { parseImageHeader, type ImageHeader } from '../image/header.js';
import { verifyImage, type VerifiedImage } from '../image/verify.js';
import { reject, type Verdict } from '../verdict.js';
import { maxImageSizeBytes } from './trailer.js';

/** The upgrade strategies the bootloader knows. */
export type StrategyName = 'direct-xip' | 'overwrite-only';

/** Slot 0 is MCUboot's primary slot, slot 1 its secondary. */
export type SlotPair = readonly [primary: FlashArea, secondary: FlashArea];

/** How loud a line of the bootloader's log is. */
export type BootLogLevel = 'error' | 'warning' | 'info';

/** What the bootloader runs on, and whom it trusts. */
export interface BootEnvironment {
  readonly slots: SlotPair;
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  /** Counter 0 is the image's. Absent: the board has none, and images need not carry one. */
  readonly counters: SecurityCounters | undefined;
  log(level: BootLogLevel, text: string): void;
}

/** What is to run. */
export interface BootedImage {
  readonly slot: number;
  readonly image: VerifiedImage;
}

/** One way of bringing a new image to where it runs, and back. */
export interface UpgradeStrategy {
  readonly name: StrategyName;
  /** MCUboot's greeting, without its stars. */
  readonly banner: string;
  /** Decides what runs, changing flash as needed. Refuses `boot-no-image` when nothing may run. */
  readonly boot: (environment: BootEnvironment) => Verdict<BootedImage>;
}

/** The counter that guards the (only) image. */
export const IMAGE_SECURITY_COUNTER = 0;

/** MCUboot's names for the two slots. */
export function slotName(slot: number): string {
  return slot === 0 ? 'primary' : 'secondary';
}

/** Reads the headers of both slots, telling the log what is there. */
export function readSlotHeaders(
  environment: BootEnvironment,
): readonly (ImageHeader | undefined)[] {
  return environment.slots.map((area, slot) => {
    const header = parseImageHeader(area);
    if (header.ok) {
      const name = (slot === 0 ? 'Primary' : 'Secondary').padEnd(9);
      environment.log('info', `${name} slot: version=${formatImageVersion(header.value.version)}`);
      return header.value;
    }
    environment.log('info', `Image 0 ${slotName(slot)} slot: image not found`);
    return undefined;
  });
}

/** Verifies the image of a slot against keys, security counter and the slot's own bounds. */
export function verifySlot(
  environment: BootEnvironment,
  slot: number,
  options: { readonly executesInPlace: boolean },
): Verdict<VerifiedImage> {
  const area = slotArea(environment, slot);
  const verdict = verifyImage(
    area,
    {
      keys: environment.keys,
      maxImageSizeBytes: maxImageSizeBytes(area),
      minimumSecurityCounter: environment.counters?.read(IMAGE_SECURITY_COUNTER),
      slotAddress: options.executesInPlace ? area.flashOffset : undefined,
    },
    environment.crypto,
  );
  if (!verdict.ok) {
    environment.log('error', `Image in the ${slotName(slot)} slot is not valid!`);
    environment.log('error', `${verdict.code}: ${verdict.detail}`);
  }
  return verdict;
}

/** The area of slot 0 or 1. */
export function slotArea(environment: BootEnvironment, slot: number): FlashArea {
  const area = environment.slots[slot];
  if (area === undefined) throw new RangeError(`no slot ${slot}`);
  return area;
}

/** Erases a whole slot from its start, so that its header is the first thing to go. */
export function eraseSlot(environment: BootEnvironment, slot: number): void {
  const area = slotArea(environment, slot);
  const erased = area.erase(0, area.sizeBytes);
  if (!erased.ok) {
    environment.log('error', `Failed to erase the ${slotName(slot)} slot: ${erased.detail}`);
  }
}

/** Raises the stored security counter to the image's. */
export function raiseSecurityCounter(
  environment: BootEnvironment,
  image: VerifiedImage,
): Verdict<void> {
  const { counters } = environment;
  if (counters === undefined || image.securityCounter === undefined)
    return { ok: true, value: undefined };
  const stored = counters.read(IMAGE_SECURITY_COUNTER);
  const raised = counters.raise(IMAGE_SECURITY_COUNTER, image.securityCounter);
  if (raised.ok && image.securityCounter > stored) {
    environment.log('info', `Security counter raised from ${stored} to ${image.securityCounter}`);
  }
  return raised;
}

/** Nothing may run. */
export function noBootableImage(environment: BootEnvironment): Verdict<BootedImage> {
  environment.log('error', 'Unable to find bootable image');
  return reject('boot-no-image', 'neither slot holds an image that may run');
}
