import {
  buildImage,
  type CryptoProvider,
  type Hasher,
  type SigningKey,
} from '@brickproof/bootloader-sim';
import { FIRST_KEY, hostCrypto, version } from '../signed-image.js';

const HASH_SIZE_BYTES = 32;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** A hash that is quick on a few hundred bytes: FNV-1a, 32 bits, eight times. No good for more. */
class CheapHasher implements Hasher {
  #state = FNV_OFFSET;

  update(chunk: Uint8Array): void {
    let state = this.#state;
    for (const byte of chunk) state = Math.imul(state ^ byte, FNV_PRIME);
    this.#state = state;
  }

  digest(): Uint8Array {
    const digest = new Uint8Array(HASH_SIZE_BYTES);
    const view = new DataView(digest.buffer);
    for (let at = 0; at < HASH_SIZE_BYTES; at += 4) view.setUint32(at, this.#state ^ at);
    return digest;
  }
}

/**
 * A provider whose hash and signature are cheap: a bootloader that is to be started a hundred
 * thousand times does not depend on how strong they are. A signature is the hash, twice.
 */
const cheapCrypto: CryptoProvider = {
  ...hostCrypto,
  name: 'cheap',
  sha256: () => new CheapHasher(),
  verify: (_, message, signature) =>
    Buffer.compare(signature, cheapSignature(message.chunks())) === 0 ? 'valid' : 'invalid',
};

function cheapSignature(chunks: Iterable<Uint8Array>): Uint8Array {
  const [hash = new Uint8Array()] = [...chunks];
  return Uint8Array.from([...hash, ...hash]);
}

const cheapKey: SigningKey = {
  verificationKey: FIRST_KEY.verificationKey,
  sign: (message) => cheapSignature(message.chunks()),
};

/** What images are verified with, and signed. */
export interface CryptoKit {
  readonly crypto: CryptoProvider;
  readonly key: SigningKey;
}

export const CHEAP: CryptoKit = { crypto: cheapCrypto, key: cheapKey };
export const REAL: CryptoKit = { crypto: hostCrypto, key: FIRST_KEY };

/** The smallest signed images, of two versions. */
export function smallImage(which: 'old' | 'new', { crypto, key }: CryptoKit): Uint8Array {
  const image = buildImage(
    {
      payload: Uint8Array.from(which === 'old' ? [1, 2, 3] : [7, 8, 9]),
      version: version(which === 'old' ? '1.0.0' : '2.0.0'),
      headerSizeBytes: 32,
      securityCounter: which === 'old' ? 1 : 2,
      signingKey: key,
    },
    crypto,
  );
  if (!image.ok) throw new Error(image.detail);
  return image.value;
}
