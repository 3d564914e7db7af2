import {
  DONE,
  maxImageSizeBytes,
  verifyImage,
  type AgreementKey,
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
  /** What the bootloader decrypts staged images with. Undefined or absent: it takes none. */
  readonly decryptionKey?: AgreementKey | undefined;
}

/**
 * Verifies a staged image by reading it back from flash, just before it is marked to boot. The
 * bootloader will look again; refusing here tells the sender why, and costs no reset.
 * `runsAtOffset` is the flash offset the image will run from. An encrypted image is read decrypted,
 * and refused without a decryption key. Refuses with the codes of an image.
 */
export function verifyStaged(
  policy: StagedImagePolicy,
  area: FlashArea,
  runsAtOffset: number,
): Verdict<void> {
  const { decryptionKey: key } = policy;
  const verified = verifyImage(
    area,
    {
      keys: policy.keys,
      maxImageSizeBytes: maxImageSizeBytes(area),
      minimumSecurityCounter: policy.securityCounter(),
      slotAddress: runsAtOffset,
      encryption: key && { body: 'encrypted', key },
    },
    policy.crypto,
  );
  return verified.ok ? DONE : verified;
}
