import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  NorFlash,
  buildImage,
  createFlashGeometry,
  createFlashMap,
  markForDirectXip,
  markForUpgrade,
  type FlashArea,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { createHostCrypto, loadSigningKey } from '@brickproof/harness';
import { SAMPLES } from './cut-dump.js';

const FLASH = { sectorRuns: [{ count: 16, sizeBytes: 4096 }], writeAlignBytes: 8 } as const;
const SLOT0 = { name: 'slot0', offset: 0, sizeBytes: 0x5000 } as const;
const SLOT1 = { name: 'slot1', offset: 0x5000, sizeBytes: 0x5000 } as const;

/** A board that is explored in a moment. */
export const SMALL_BOARD = `name: small-board
flash: { sectors: [16 x 4KiB], write-alignment: 8 }
areas:
  slot0: { offset: 0x0, size: 0x5000 }
  slot1: { offset: 0x5000, size: 0x5000 }
  store: { offset: 0xc000, size: 0x4000 }
bootloader: { strategy: overwrite-only }
counters: [0]
`;

/** Its flash, as it is when 1.0.0 runs and 1.1.0 is about to be tried. */
export function smallDump(): Uint8Array {
  const geometry = must(createFlashGeometry({ ...FLASH, erasedValue: 0xff }));
  const flash = new NorFlash(geometry);
  const map = must(createFlashMap(flash, [SLOT0, SLOT1]));
  const [primary, secondary] = [map.area('slot0'), map.area('slot1')];
  writeImage(primary, 0);
  must(markForDirectXip(primary, { confirm: true }));
  writeImage(secondary, 1);
  must(markForUpgrade(secondary, { permanent: false }));
  return flash.read(0, geometry.sizeBytes);
}

function writeImage(slot: FlashArea, minor: number): void {
  const pem = readFileSync(join(SAMPLES, 'keys', 'test-key-ed25519.pem'), 'utf8');
  const image = must(
    buildImage(
      {
        payload: new Uint8Array(3_000).fill(minor + 1),
        version: { major: 1, minor, revision: 0, buildNumber: 0 },
        headerSizeBytes: 32,
        securityCounter: 1,
        signingKey: must(loadSigningKey(pem)),
      },
      createHostCrypto(),
    ),
  );
  const words = new Uint8Array(Math.ceil(image.byteLength / 8) * 8).fill(0xff);
  words.set(image);
  must(slot.write(0, words));
}

function must<T>(verdict: Verdict<T, string>): T {
  if (!verdict.ok) throw new Error(verdict.detail);
  return verdict.value;
}
