import type { AgreementKey, CryptoProvider, VerificationKey } from '../crypto/crypto-provider.js';
import type { FlashArea } from '../flash/flash-area.js';
import type { SecurityCounters } from '../flash/otp-counters.js';
import type { VerifiedImage } from '../image/verify.js';
import { DONE, type Verdict } from '../verdict.js';

/** The upgrade strategies the bootloader knows (MCUboot docs/design.md, "Image slots"). */
export type StrategyName =
  'direct-xip' | 'overwrite-only' | 'swap-using-offset' | 'swap-using-move' | 'swap-using-scratch';

/** Slot 0 is MCUboot's primary slot, slot 1 its secondary. */
export type SlotPair = readonly [primary: FlashArea, secondary: FlashArea];

/** The images a board carries at most (MCUBOOT_IMAGE_NUMBER; a trailer has four bits for it). */
export const BOOT_IMAGES_MAX = 4;

/** How loud a line of the bootloader's log is. */
export type BootLogLevel = 'error' | 'warning' | 'info';

/**
 * What is refused as older than what runs: nothing, a lower version, or a lower security counter
 * (MCUBOOT_DOWNGRADE_PREVENTION, MCUBOOT_DOWNGRADE_PREVENTION_SECURITY_COUNTER).
 */
export type DowngradePrevention = 'none' | 'version' | 'security-counter';

/** What a bootloader was built for. */
export interface BootSettings {
  /**
   * The sectors that a trailer has status entries for (MCUBOOT_MAX_IMG_SECTORS). When absent, as
   * many as the largest slot has, which is what Zephyr's CONFIG_BOOT_MAX_IMG_SECTORS_AUTO does.
   */
  readonly maxImageSectors?: number | undefined;
  /**
   * The trailer has room for two content keys of this size (MCUBOOT_ENC_IMAGES, MCUBOOT_AES_256).
   * 16 when absent from a bootloader that has a decryption key.
   */
  readonly encryptionKeySizeBytes?: 16 | 32 | undefined;
  /** `version` when absent. Direct-xip chooses by version and knows nothing else. */
  readonly downgradePrevention?: DowngradePrevention | undefined;
  /** Fills an empty or damaged primary slot from the secondary one (MCUBOOT_BOOTSTRAP). */
  readonly bootstrap?: boolean | undefined;
  /**
   * Swaps keep what MCUboot's may lose when the power goes, or goes twice: that a revert was begun,
   * and that a trial was. Bootloader and application have to agree on it. Not in MCUboot.
   */
  readonly hardened?: boolean | undefined;
}

/** Where images lie, and what the bootloader was built for. */
export interface BootLayout extends BootSettings {
  /** One pair of slots for each image; the first image is the one that runs. */
  readonly images: readonly SlotPair[];
  /** Needed by swap-using-scratch alone. */
  readonly scratch?: FlashArea | undefined;
}

/** What the bootloader runs on, and whom it trusts. */
export interface BootEnvironment extends BootLayout {
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  /** What content keys are wrapped for; without it, encrypted images are refused. */
  readonly decryptionKey?: AgreementKey | undefined;
  /** One counter for each image. Absent: the board has none, and images need not carry one. */
  readonly counters: SecurityCounters | undefined;
  log(level: BootLogLevel, text: string): void;
}

/** One image that is ready to run, and where. */
export interface BootedImage {
  readonly slot: number;
  readonly image: VerifiedImage;
}

/** What is to run: the first image of the board, beside those it brings along. */
export interface BootOutcome extends BootedImage {
  /** Images 1 and up, in their order. */
  readonly others: readonly BootedImage[];
}

/** One way of bringing a new image to where it runs, and back. */
export interface UpgradeStrategy {
  readonly name: StrategyName;
  /** MCUboot's greeting, without its stars. */
  readonly banner: string;
  /** Decides what runs, changing flash as needed. Refuses `boot-no-image` when nothing may run. */
  readonly boot: (environment: BootEnvironment) => Verdict<BootOutcome>;
}

/** MCUboot's names for the two slots. */
export function slotName(slot: number): string {
  return slot === 0 ? 'primary' : 'secondary';
}

/** Erases a whole area from its start, so that its header is the first thing to go. */
export function eraseArea(
  environment: Pick<BootEnvironment, 'log'>,
  area: FlashArea,
  name: string,
): void {
  const erased = area.erase(0, area.sizeBytes);
  if (!erased.ok) environment.log('error', `Failed to erase the ${name} slot: ${erased.detail}`);
}

/** Raises the stored security counter of an image to the one that it carries. */
export function raiseSecurityCounter(
  environment: BootEnvironment,
  imageIndex: number,
  image: VerifiedImage,
): Verdict<void> {
  const { counters } = environment;
  if (counters === undefined || image.securityCounter === undefined) return DONE;
  const stored = counters.read(imageIndex);
  const raised = counters.raise(imageIndex, image.securityCounter);
  if (raised.ok && image.securityCounter > stored) {
    environment.log('info', `Security counter raised from ${stored} to ${image.securityCounter}`);
  }
  return raised;
}
