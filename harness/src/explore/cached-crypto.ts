import type {
  CryptoProvider,
  Hasher,
  SignatureCheck,
  SignedMessage,
  VerificationKey,
} from '@brickproof/bootloader-sim';
import type { ContentPool } from './content-pool.js';

/** What was hashed so far, as a place in a tree of known pieces. */
interface HashedSoFar {
  readonly next: Map<number, HashedSoFar>;
  digest: Uint8Array | undefined;
}

const PIECES_LIMIT = 2 ** 26;

/**
 * Crypto that does nothing twice: sectors that are known by number are hashed once in the same
 * order, signatures checked once for the same key, hash and bytes. Everything else goes to the
 * provider below.
 */
export class CachedCrypto implements CryptoProvider {
  readonly name: string;
  readonly #provider: CryptoProvider;
  readonly #contents: ContentPool;
  readonly #start: HashedSoFar = { next: new Map(), digest: undefined };
  readonly #pieces: Map<number, Map<number, number>> = new Map();
  #pieceCount = 0;
  readonly #checks: Map<string, SignatureCheck> = new Map();
  readonly #keyNumbers: Map<VerificationKey, number> = new Map();
  readonly aesCtr: CryptoProvider['aesCtr'];
  readonly hmacSha256: CryptoProvider['hmacSha256'];
  readonly sharedSecret: CryptoProvider['sharedSecret'];

  constructor(provider: CryptoProvider, contents: ContentPool) {
    this.name = provider.name;
    this.#provider = provider;
    this.#contents = contents;
    this.aesCtr = provider.aesCtr.bind(provider);
    this.hmacSha256 = provider.hmacSha256.bind(provider);
    this.sharedSecret = provider.sharedSecret.bind(provider);
  }

  sha256(): Hasher {
    const pieces: Uint8Array[] = [];
    let place: HashedSoFar | undefined = this.#start;
    return {
      update: (bytes) => {
        pieces.push(bytes);
        place = place && this.#step(place, bytes);
      },
      digest: () => {
        if (place?.digest !== undefined) return place.digest.slice();
        const hasher = this.#provider.sha256();
        for (const piece of pieces) hasher.update(piece);
        const digest = hasher.digest();
        if (place !== undefined) place.digest = digest.slice();
        return digest;
      },
    };
  }

  verify(key: VerificationKey, message: SignedMessage, signature: Uint8Array): SignatureCheck {
    const text = Buffer.from(signature).toString('latin1');
    const hash = Buffer.from(message.sha256).toString('latin1');
    const cacheKey = `${this.#keyNumber(key)}/${hash}/${text}`;
    const known = this.#checks.get(cacheKey);
    if (known !== undefined) return known;
    const check = this.#provider.verify(key, message, signature);
    this.#checks.set(cacheKey, check);
    return check;
  }

  #step(place: HashedSoFar, bytes: Uint8Array): HashedSoFar | undefined {
    const piece = this.#pieceOf(bytes);
    if (piece === undefined) return undefined;
    const known = place.next.get(piece);
    if (known !== undefined) return known;
    const made: HashedSoFar = { next: new Map(), digest: undefined };
    place.next.set(piece, made);
    return made;
  }

  #pieceOf(bytes: Uint8Array): number | undefined {
    const owner = this.#contents.ownerOf(bytes);
    if (owner === undefined) return undefined;
    let ranges = this.#pieces.get(owner);
    if (ranges === undefined) {
      ranges = new Map();
      this.#pieces.set(owner, ranges);
    }
    const range = bytes.byteOffset * PIECES_LIMIT + bytes.byteLength;
    const known = ranges.get(range);
    if (known !== undefined) return known;
    ranges.set(range, this.#pieceCount);
    this.#pieceCount += 1;
    return this.#pieceCount - 1;
  }

  #keyNumber(key: VerificationKey): number {
    const known = this.#keyNumbers.get(key);
    if (known !== undefined) return known;
    this.#keyNumbers.set(key, this.#keyNumbers.size);
    return this.#keyNumbers.size - 1;
  }
}
