import {
  DONE,
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

/** An image that is about to be marked to boot. */
export interface StagedImage {
  readonly slot: number;
  /** The slot from where the image starts. */
  readonly area: FlashArea;
  readonly maxImageSizeBytes: number;
  /** The flash offset that the image will run from. */
  readonly runsAtOffset: number;
}

/**
 * Verifies a staged image by reading it back from flash, just before it is marked to boot. The
 * bootloader will look again; refusing here tells the sender why, and costs no reset. An encrypted
 * image is read decrypted, and refused without a decryption key. Refuses with the codes of an image.
 */
export function verifyStaged(policy: StagedImagePolicy, staged: StagedImage): Verdict<void> {
  const { decryptionKey: key } = policy;
  const verified = verifyImage(
    staged.area,
    {
      keys: policy.keys,
      maxImageSizeBytes: staged.maxImageSizeBytes,
      minimumSecurityCounter: policy.securityCounter(),
      slotAddress: staged.runsAtOffset,
      encryption: key && { body: 'encrypted', key },
    },
    policy.crypto,
  );
  return verified.ok ? DONE : verified;
}
