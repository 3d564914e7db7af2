import {
  DONE,
  maxImageSizeBytes,
  verifyImage,
  type CryptoProvider,
  type FlashArea,
  type VerificationKey,
  type Verdict,
} from '@brickproof/bootloader-sim';

/** Whom the agent trusts, and what the device has seen already. */
export interface StagedImagePolicy {
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  /** The device's security counter; undefined on a device without one. */
  readonly securityCounter: () => number | undefined;
}

/**
 * Verifies a staged image by reading it back from flash, just before it is marked to boot. The
 * bootloader will look again; refusing here tells the sender why, and costs no reset.
 * `runsAtOffset` is the flash offset the image will run from. Refuses with the codes of an image.
 */
export function verifyStaged(
  policy: StagedImagePolicy,
  area: FlashArea,
  runsAtOffset: number,
): Verdict<void> {
  const verified = verifyImage(
    area,
    {
      keys: policy.keys,
      maxImageSizeBytes: maxImageSizeBytes(area),
      minimumSecurityCounter: policy.securityCounter(),
      slotAddress: runsAtOffset,
    },
    policy.crypto,
  );
  return verified.ok ? DONE : verified;
}
