import * as nodeCrypto from 'node:crypto';
import { createNodeCrypto } from '@brickproof/bootloader-sim';
import type { CryptoProvider } from '@brickproof/bootloader-sim';

/** Node's own primitives, for everything that runs on this machine. */
export function createHostCrypto(): CryptoProvider {
  return createNodeCrypto<nodeCrypto.KeyObject>(nodeCrypto);
}
