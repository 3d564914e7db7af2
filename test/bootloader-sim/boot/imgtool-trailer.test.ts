import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  NorFlash,
  createFlashMap,
  markForDirectXip,
  readTrailer,
  trailerLayout,
} from '@brickproof/bootloader-sim';
import { DEVICE_MODELS } from '@brickproof/harness';

function sample(path: string): Uint8Array {
  const url = new URL(`../../../firmware-samples/${path}`, import.meta.url);
  return new Uint8Array(readFileSync(fileURLToPath(url)));
}

const MODELS = ['nrf-equal', 'stm-unequal'] as const;

describe.each(MODELS)('a slot that imgtool padded and confirmed for %s', (name) => {
  const model = DEVICE_MODELS[name];
  const padded = sample(`${name}/good-1.1.0-confirmed-imgtool.bin`);
  const map = createFlashMap(new NorFlash(model.geometry), model.areas);
  if (!map.ok) throw new Error(map.detail);
  const slot = map.value.area('slot1');
  const written = slot.write(0, padded);

  it('has a trailer that we read as confirmed', () => {
    expect(written.ok).toBe(true);
    expect(padded.byteLength).toBe(slot.sizeBytes);
    expect(readTrailer(slot)).toMatchObject({ magic: 'good', copyDone: 'unset', imageOk: 'set' });
  });

  it('has magic and image-ok where and as we write them', () => {
    const ours = createFlashMap(new NorFlash(model.geometry), model.areas);
    if (!ours.ok) throw new Error(ours.detail);
    const area = ours.value.area('slot1');
    markForDirectXip(area, { confirm: true });
    const { imageOkOffset } = trailerLayout(area);
    expect(area.read(imageOkOffset, area.sizeBytes - imageOkOffset)).toEqual(
      padded.subarray(imageOkOffset),
    );
  });
});
