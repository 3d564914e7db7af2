import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  NorFlash,
  PowerCut,
  boot,
  createFlashMap,
  markForUpgrade,
} from '@brickproof/bootloader-sim';
import { DEVICE_MODELS, createHostCrypto, provisionFlash } from '@brickproof/harness';

export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url));
export const SAMPLES: string = join(ROOT, 'firmware-samples');
export const EXAMPLE: string = join(ROOT, 'harness/boards/board.yaml');

const MODEL = DEVICE_MODELS['nrf-equal'];
/** Of the 1212 operations of this swap. */
const CUT_AT_OPERATION = 700;

export function sample(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(SAMPLES, 'nrf-equal', name)));
}

/** nrf-equal in the middle of a swap by swap-using-move from 1.0.0 to 1.1.0. */
export function cutDump(): Uint8Array {
  const start = provisionFlash(MODEL, sample('good-1.0.0-imgtool.bin'));
  if (!start.ok) throw new Error(start.detail);
  const flash = new NorFlash(start.value);
  const map = createFlashMap(flash, MODEL.areas);
  if (!map.ok) throw new Error(map.detail);
  const slots = [map.value.area('slot0'), map.value.area('slot1')] as const;
  slots[1].write(0, sample('good-1.1.0-imgtool.bin'));
  markForUpgrade(slots[1], { permanent: false });
  let left = CUT_AT_OPERATION;
  flash.watch(() => (left-- > 0 ? undefined : { kind: 'power-cut', effect: 'untouched' }));
  const environment = { images: [slots], keys: [], crypto: createHostCrypto() };
  try {
    boot('swap-using-move', { ...environment, counters: undefined, log: () => undefined });
  } catch (error) {
    if (error instanceof PowerCut) return flash.read(0, flash.geometry.sizeBytes);
    throw error;
  }
  throw new Error('the swap was over before it was cut');
}
