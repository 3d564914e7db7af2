import * as nodeCrypto from 'node:crypto';
import { verifyStaged } from '@brickproof/agent';
import {
  NorFlash,
  createFlashGeometry,
  createFlashMap,
  createNodeCrypto,
  type AgreementKey,
  type FlashArea,
} from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { agreementKey, fixedKey } from '../../bootloader-sim/crypto/test-keys.js';
import { buildEncrypted, ENCRYPTIONS } from '../../bootloader-sim/image/encrypted-image.js';

const SLOT_BYTES = 16_384;
const RUNS_AT = 0x8000;

/** A slot that holds the image. */
function slotWith(image: Uint8Array): FlashArea {
  const geometry = createFlashGeometry({
    sectorRuns: [{ count: 16, sizeBytes: 1024 }],
    writeAlignBytes: 4,
    erasedValue: 0xff,
  });
  if (!geometry.ok) throw new Error(geometry.detail);
  const map = createFlashMap(new NorFlash(geometry.value), [
    { name: 'slot1', offset: 0, sizeBytes: SLOT_BYTES },
  ]);
  if (!map.ok) throw new Error(map.detail);
  const area = map.value.area('slot1');
  const padded = new Uint8Array(Math.ceil(image.byteLength / 4) * 4).fill(0xff);
  padded.set(image);
  expect(area.write(0, padded).ok).toBe(true);
  return area;
}

function codeOf(area: FlashArea, decryptionKey: AgreementKey | undefined, counter = 3): string {
  const policy = {
    keys: [fixedKey('ed25519').verificationKey],
    crypto: createNodeCrypto(nodeCrypto),
    securityCounter: () => counter,
    decryptionKey,
  };
  const verified = verifyStaged(policy, {
    slot: 1,
    area,
    maxImageSizeBytes: area.sizeBytes,
    runsAtOffset: RUNS_AT,
  });
  return verified.ok ? 'ok' : verified.code;
}

describe.each(ENCRYPTIONS)('an image staged encrypted on $curve with $size bytes', (kind) => {
  const key = agreementKey(kind.curve);

  it('is read back decrypted, and verified', () => {
    expect(codeOf(slotWith(buildEncrypted(kind)), key)).toBe('ok');
  });

  it('is refused without a key, with another key, and when its body is plain', () => {
    const area = slotWith(buildEncrypted(kind));
    expect(codeOf(area, undefined)).toBe('image-encryption-key-missing');
    expect(codeOf(area, agreementKey(kind.curve, 8))).toBe('image-encryption-tag');
    const clear = slotWith(buildEncrypted(kind, { clear: true }));
    expect(codeOf(clear, key)).toBe('image-hash-mismatch');
  });

  it('is held to everything else like any other image', () => {
    const stranger = buildEncrypted(kind, { signingKey: fixedKey('ed25519', 8) });
    expect(codeOf(slotWith(stranger), key)).toBe('image-key-unknown');
    expect(codeOf(slotWith(buildEncrypted(kind)), key, 4)).toBe('image-security-counter-low');
    const address = { kind: 'rom-fixed', value: RUNS_AT + 1024 } as const;
    expect(codeOf(slotWith(buildEncrypted(kind, { address })), key)).toBe('image-load-address');
  });
});
