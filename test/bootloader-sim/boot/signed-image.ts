import * as nodeCrypto from 'node:crypto';
import {
  buildImage,
  createNodeCrypto,
  parseImageVersion,
  type CryptoProvider,
  type ImageBuildOptions,
  type ImageVersion,
  type SigningKey,
} from '@brickproof/bootloader-sim';

/** The crypto of Node: boards are booted tens of thousands of times. */
export const hostCrypto: CryptoProvider = createNodeCrypto(nodeCrypto);

/** Ed25519 private keys are these bytes and a seed of 32 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** An Ed25519 key that is the same in each run. */
function fixedHostKey(filler: number): SigningKey {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, filler)]);
  return hostKey(nodeCrypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

/** An Ed25519 key that signs as fast as Node does. */
export function hostKey(privateKey: nodeCrypto.KeyObject): SigningKey {
  const publicKey = nodeCrypto.createPublicKey(privateKey);
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  return {
    verificationKey: { algorithm: 'ed25519', spki },
    sign: (message) =>
      new Uint8Array(nodeCrypto.sign(null, Buffer.concat([...message.chunks()]), privateKey)),
  };
}

/** The keys of test boards: they trust the first, and in some tests also the second. */
export const FIRST_KEY: SigningKey = fixedHostKey(1);
export const SECOND_KEY: SigningKey = fixedHostKey(2);
export const UNKNOWN_KEY: SigningKey = fixedHostKey(77);

/** A signed image to be made; by the first key, with security counter 1, unless told. */
export interface ImageSpec extends Partial<
  Pick<ImageBuildOptions, 'address' | 'dependencies' | 'signingKey'>
> {
  readonly version: string;
  /** Header, body and TLVs together. */
  readonly sizeBytes: number;
  /** Images with different ones differ everywhere. */
  readonly contents: number;
  readonly securityCounter?: number | 'none';
}

const built = new Map<string, Uint8Array>();

/** Builds an image of exactly the size that is asked for. The same one is not built twice. */
export function signedImage(spec: ImageSpec): Uint8Array {
  const key = cacheKey(spec);
  const known = built.get(key);
  if (known !== undefined) return known;
  const { sizeBytes } = spec;
  const image = build(spec, sizeBytes - overheadBytes(spec));
  if (image.byteLength !== sizeBytes) throw new Error('an image of the wrong size');
  built.set(key, image);
  return image;
}

/** A version from its text. */
export function version(text: string): ImageVersion {
  const parsed = parseImageVersion(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

/** The same image with a byte of its signature, which comes last, changed. */
export function withBadSignature(image: Uint8Array): Uint8Array {
  const last = image.byteLength - 1;
  const spoilt = image.slice();
  spoilt[last] = (image[last] ?? 0) ^ 0x01;
  return spoilt;
}

/** What an image has beside its payload. */
function overheadBytes(spec: ImageSpec): number {
  const key = cacheKey({ ...spec, version: 'any', sizeBytes: 1, contents: 0 });
  const known = built.get(key) ?? build(spec, 1);
  built.set(key, known);
  return known.byteLength - 1;
}

function cacheKey({ signingKey = FIRST_KEY, ...rest }: ImageSpec): string {
  return JSON.stringify([rest, Buffer.from(signingKey.verificationKey.spki).toString('hex')]);
}

function build(spec: ImageSpec, payloadSizeBytes: number): Uint8Array {
  const { address, dependencies, securityCounter = 1, signingKey = FIRST_KEY } = spec;
  const image = buildImage(
    {
      payload: gibberish(payloadSizeBytes, spec.contents),
      version: version(spec.version),
      headerSizeBytes: 32,
      signingKey,
      ...(securityCounter === 'none' ? {} : { securityCounter }),
      ...(address === undefined ? {} : { address }),
      ...(dependencies === undefined ? {} : { dependencies }),
    },
    hostCrypto,
  );
  if (!image.ok) throw new Error(image.detail);
  return image.value;
}

/** Bytes without a pattern that a swap could repeat (a linear congruential generator). */
function gibberish(lengthBytes: number, contents: number): Uint8Array {
  let state = (contents * 2_654_435_761) >>> 0;
  return Uint8Array.from({ length: lengthBytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
