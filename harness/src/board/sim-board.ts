import { readSample, readSampleKeys } from '../samples/sample-set.js';
import type { SimBoard } from '../target/sim-target.js';
import { createHostCrypto } from '@brickproof/agent/node';
import { BoardHost } from './board-host.js';
import { DEVICE_MODELS } from './device-model.js';
import { provisionFlash } from './provision.js';
import { VirtualBoard } from './virtual-board.js';

/** Firmware needs a moment from power-on to its first answer. */
const BOOT_MS = 100;

/**
 * The board behind the target `sim`: new each time, with a sample image. Throws when the samples
 * are not there.
 */
export function createSimBoard(): SimBoard {
  const image = readSample('nrf-equal', 'good-1.0.0-imgtool.bin');
  if (!image.ok) throw new Error(image.detail);
  const keys = readSampleKeys();
  if (!keys.ok) throw new Error(keys.detail);
  const model = DEVICE_MODELS['nrf-equal'];
  const flash = provisionFlash(model, image.value);
  if (!flash.ok) throw new Error(flash.detail);
  const board = new VirtualBoard({
    model,
    strategy: 'direct-xip',
    keys: keys.value,
    crypto: createHostCrypto(),
    flash: flash.value,
    seed: 1,
  });
  const host = new BoardHost(board);
  host.start();
  board.advance(BOOT_MS);
  return {
    uartReceive: (bytes) => {
      board.uartReceive(bytes);
    },
    onUartTransmit: (listener) => {
      board.listen({ uart: listener });
    },
    close: () => {
      host.stop();
    },
  };
}
