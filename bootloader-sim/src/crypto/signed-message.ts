import type { CryptoProvider, SignedMessage } from './crypto-provider.js';

/** A message in memory. It is hashed when its digest is first asked for, which may be never. */
export function signedMessageFromBytes(bytes: Uint8Array, crypto: CryptoProvider): SignedMessage {
  let digest: Uint8Array | undefined;
  return {
    get sha256(): Uint8Array {
      if (digest === undefined) {
        const hasher = crypto.sha256();
        hasher.update(bytes);
        digest = hasher.digest();
      }
      return digest;
    },
    chunks: () => [bytes],
  };
}
