import * as nodeCrypto from 'node:crypto';
import {
  buildImage,
  createNodeCrypto,
  type CryptoProvider,
  type SigningKey,
} from '@brickproof/bootloader-sim';
import { DEVICE_MODELS, type DeviceModelName } from '../board/device-model.js';
import { provisionFlash } from '../board/provision.js';
import type { VirtualBoardOptions } from '../board/board-options.js';
import { VirtualBoard } from '../board/virtual-board.js';
import { loadSigningKey } from '../release/signing-key.js';

const HEADER_SIZE_BYTES = 512;
const BOARD_SEED = 1;
/** The counter a new board is at. */
const SECURITY_COUNTER = 0;

/** What the boards and the images of a benchmark run on. */
export const BENCH_CRYPTO: CryptoProvider = createNodeCrypto(nodeCrypto);

/** The value of a verdict; a benchmark whose own material is refused is our mistake. */
export function must<T>(
  verdict:
    { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string },
): T {
  if (!verdict.ok) throw new Error(`benchmark: ${verdict.detail}`);
  return verdict.value;
}

/** A signing key for one run, from a private key that was just made. */
export function benchSigningKey(privateKey: nodeCrypto.KeyObject): SigningKey {
  return must(loadSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()));
}

/** A signed image whose payload has as many bytes as asked; it compresses no better than code. */
export function benchImage(options: {
  readonly payloadBytes: number;
  readonly minor: number;
  readonly signingKey: SigningKey;
}): Uint8Array {
  const { payloadBytes, minor, signingKey } = options;
  const noise = nodeCrypto.createHash('shake256', { outputLength: payloadBytes });
  return must(
    buildImage(
      {
        payload: new Uint8Array(noise.update(`firmware 1.${minor}`).digest()),
        version: { major: 1, minor, revision: 0, buildNumber: 0 },
        headerSizeBytes: HEADER_SIZE_BYTES,
        securityCounter: SECURITY_COUNTER,
        signingKey,
      },
      BENCH_CRYPTO,
    ),
  );
}

/** What is common to all boards of a model that run the image: they share its flash. */
export function benchBoardOptions(
  modelName: DeviceModelName,
  image: Uint8Array,
  signingKey: SigningKey,
): VirtualBoardOptions {
  const model = DEVICE_MODELS[modelName];
  return {
    model,
    strategy: 'direct-xip',
    keys: [signingKey.verificationKey],
    crypto: BENCH_CRYPTO,
    flash: must(provisionFlash(model, image)),
    seed: BOARD_SEED,
  };
}

/** A board and an image for it that it does not have yet. */
export function benchUpload(payloadBytes: number): {
  readonly image: Uint8Array;
  readonly createBoard: () => VirtualBoard;
} {
  const signingKey = benchSigningKey(nodeCrypto.generateKeyPairSync('ed25519').privateKey);
  const running = benchImage({ payloadBytes, minor: 0, signingKey });
  const options = benchBoardOptions('nrf-equal', running, signingKey);
  return {
    image: benchImage({ payloadBytes, minor: 1, signingKey }),
    createBoard: () => new VirtualBoard(options),
  };
}
