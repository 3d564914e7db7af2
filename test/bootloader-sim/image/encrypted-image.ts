import { createHash } from 'node:crypto';
import {
  agreementPointOf,
  buildImage,
  imageSourceFromBytes,
  nobleCrypto,
  parseImageHeader,
  parseImageTlvs,
  type ImageBuildEncryption,
  type ImageBuildOptions,
  type ImageHeader,
  type ImageTlv,
} from '@brickproof/bootloader-sim';
import { agreementKey, fixedKey } from '../crypto/test-keys.js';

/** The curves and key lengths of encrypted images. */
export const ENCRYPTIONS = [
  { curve: 'p256', size: 16 },
  { curve: 'p256', size: 32 },
  { curve: 'x25519', size: 16 },
  { curve: 'x25519', size: 32 },
] as const;

/** One way to encrypt. */
export type EncryptionKind = (typeof ENCRYPTIONS)[number];

/** Bytes that look random and are the same for the same seed. */
export function entropyFrom(seed: string): (lengthBytes: number) => Uint8Array {
  let draw = 0;
  return (lengthBytes) => {
    draw += 1;
    const hash = createHash('shake256', { outputLength: lengthBytes });
    return new Uint8Array(hash.update(`${seed} ${draw}`).digest());
  };
}

/** How to encrypt for the device whose key is `agreementKey(curve)`. */
export function encryptionFor(
  { curve, size }: EncryptionKind,
  seed = 'seed',
): ImageBuildEncryption {
  return {
    key: agreementPointOf(agreementKey(curve)),
    contentKeySizeBytes: size,
    entropy: entropyFrom(seed),
  };
}

/** A small image, encrypted and signed with Ed25519. */
export function buildEncrypted(
  kind: EncryptionKind,
  options: Partial<ImageBuildOptions> & { readonly clear?: boolean; readonly seed?: string } = {},
): Uint8Array {
  const { clear = false, seed, ...rest } = options;
  const built = buildImage(
    {
      payload: Uint8Array.from({ length: 3001 }, (_, index) => (index * 7) & 0xff),
      version: { major: 1, minor: 2, revision: 3, buildNumber: 4 },
      headerSizeBytes: 0x200,
      securityCounter: 3,
      signingKey: fixedKey('ed25519'),
      encryption: { ...encryptionFor(kind, seed), clear },
      ...rest,
    },
    nobleCrypto,
  );
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

/** The header of an image, and its TLVs. */
export function partsOf(image: Uint8Array): {
  readonly header: ImageHeader;
  readonly tlvs: readonly ImageTlv[];
} {
  const source = imageSourceFromBytes(image);
  const header = parseImageHeader(source, { takesEncrypted: true });
  if (!header.ok) throw new Error(header.detail);
  const tlvs = parseImageTlvs(source, header.value);
  if (!tlvs.ok) throw new Error(tlvs.detail);
  return { header: header.value, tlvs: tlvs.value.entries };
}
