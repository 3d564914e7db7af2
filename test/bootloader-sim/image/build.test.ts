import {
  appendBehaviourCard,
  buildImage,
  nobleCrypto,
  parseImageHeader,
  readBehaviourCard,
  type BehaviourCard,
  type ImageBuildOptions,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encryptionFor } from './encrypted-image.js';
import { strictSource } from './strict-source.js';

const OPTIONS: ImageBuildOptions = {
  payload: new Uint8Array(100).fill(1),
  version: { major: 1, minor: 0, revision: 0, buildNumber: 0 },
  headerSizeBytes: 32,
};
const SLOT = { sizeBytes: 8192, alignBytes: 8, padding: 'none' } as const;
const HEALTHY: BehaviourCard = {
  selfTest: 'pass',
  hangBeforeConfirm: false,
  crashAfterMs: undefined,
  resetLoop: false,
  neverConnects: false,
};

describe('buildImage', () => {
  it.each<readonly [string, Partial<ImageBuildOptions>]>([
    ['build-payload-size', { payload: new Uint8Array(0) }],
    ['build-header-size', { headerSizeBytes: 31 }],
    ['build-header-size', { headerSizeBytes: 65_536 }],
    ['build-header-size', { headerSizeBytes: 32.5 }],
    ['build-number-range', { version: { ...OPTIONS.version, major: 256 } }],
    ['build-number-range', { address: { kind: 'ram-load', value: 0 } }],
    ['build-number-range', { address: { kind: 'rom-fixed', value: 2 ** 32 } }],
    ['build-number-range', { securityCounter: -1 }],
    ['build-number-range', { securityCounter: 2 ** 32 }],
    ['build-tlv-type', { customTlvs: [{ type: 0x50, value: new Uint8Array(4) }] }],
    ['build-tlv-type', { customTlvs: [{ type: 0xffff, value: new Uint8Array(4) }] }],
    [
      'build-tlv-type',
      {
        customTlvs: [
          { type: 0xa0, value: new Uint8Array(1) },
          { type: 0xa0, value: new Uint8Array(2) },
        ],
      },
    ],
    ['build-tlv-size', { customTlvs: [{ type: 0xa0, value: new Uint8Array(65_528) }] }],
    ['build-slot-size', { slot: { ...SLOT, sizeBytes: 3000 } }],
  ])('answers %s for %j', (code, options) => {
    expect(buildImage({ ...OPTIONS, ...options }, nobleCrypto)).toMatchObject({ ok: false, code });
  });

  it.each([
    { size: 16, alignBytes: 8, keyBytes: 16 },
    { size: 32, alignBytes: 8, keyBytes: 32 },
    { size: 16, alignBytes: 32, keyBytes: 32 },
  ] as const)(
    'leaves room for two content keys of $size bytes in a trailer of $alignBytes-byte words',
    ({ size, alignBytes, keyBytes }) => {
      const encryption = encryptionFor({ curve: 'x25519', size });
      const build = (sizeBytes: number, more: Partial<ImageBuildOptions>): string => {
        const slot = { ...SLOT, alignBytes, sizeBytes };
        const built = buildImage({ ...OPTIONS, encryption, ...more, slot }, nobleCrypto);
        return built.ok ? 'ok' : built.code;
      };
      const image = buildImage({ ...OPTIONS, encryption }, nobleCrypto);
      if (!image.ok) throw new Error(image.detail);
      const magicBytes = Math.max(16, alignBytes);
      const trailerBytes = 128 * 3 * alignBytes + 2 * keyBytes + 4 * alignBytes + magicBytes;
      expect(build(image.value.byteLength + trailerBytes, {})).toBe('ok');
      expect(build(image.value.byteLength + trailerBytes - 1, {})).toBe('build-slot-size');
    },
  );

  it('leaves no room for content keys where images are overwritten', () => {
    const encryption = encryptionFor({ curve: 'p256', size: 32 });
    const image = buildImage({ ...OPTIONS, encryption }, nobleCrypto);
    if (!image.ok) throw new Error(image.detail);
    const slot = { ...SLOT, overwriteOnly: true, sizeBytes: image.value.byteLength + 2 * 8 + 16 };
    expect(buildImage({ ...OPTIONS, encryption, slot }, nobleCrypto).ok).toBe(true);
  });

  it('takes the largest TLV area that its size field can tell', () => {
    const customTlvs = [{ type: 0xa0, value: new Uint8Array(65_527) }];
    expect(buildImage({ ...OPTIONS, customTlvs }, nobleCrypto).ok).toBe(true);
  });
});

describe('a behaviour card', () => {
  function cardIn(
    payload: Uint8Array,
    more: Partial<ImageBuildOptions> = {},
  ): BehaviourCard | undefined {
    const image = buildImage({ ...OPTIONS, payload, ...more }, nobleCrypto);
    if (!image.ok) throw new Error(image.detail);
    const source = strictSource(image.value);
    const header = parseImageHeader(source, { takesEncrypted: true });
    if (!header.ok) throw new Error(header.detail);
    return readBehaviourCard(source, header.value);
  }

  it('is read back from the end of the body, whatever it says', () => {
    const anyCard = fc.record({
      selfTest: fc.constantFrom('pass' as const, 'fail' as const),
      hangBeforeConfirm: fc.boolean(),
      crashAfterMs: fc.option(fc.integer({ min: 0, max: 0xffff_ffff }), { nil: undefined }),
      resetLoop: fc.boolean(),
      neverConnects: fc.boolean(),
    });
    fc.assert(
      fc.property(anyCard, fc.uint8Array({ maxLength: 50 }), (card, payload) => {
        expect(cardIn(appendBehaviourCard(payload, card))).toEqual(card);
      }),
    );
  });

  it('is absent from an image that has none, or one that is damaged or unknown', () => {
    expect(cardIn(Uint8Array.of(1))).toBeUndefined();
    expect(cardIn(new Uint8Array(5000).fill(0xff))).toBeUndefined();
    const payload = appendBehaviourCard(new Uint8Array(10), { ...HEALTHY, selfTest: 'fail' });
    for (let at = 10; at < payload.byteLength; at += 1) {
      const damaged = payload.map((byte, index) => (index === at ? byte ^ 0x40 : byte));
      expect(cardIn(damaged)).toBeUndefined();
    }
    expect(cardIn(Uint8Array.of(...payload, 0))).toBeUndefined();
  });

  it('is found before the zeros that an encrypted image has behind its payload', () => {
    const encryption = { ...encryptionFor({ curve: 'x25519', size: 16 }), clear: true };
    for (let length = 0; length < 32; length += 1) {
      const payload = appendBehaviourCard(new Uint8Array(length), { ...HEALTHY, selfTest: 'fail' });
      expect(cardIn(payload, { encryption })?.selfTest).toBe('fail');
      expect(cardIn(Uint8Array.of(...payload, 0))).toBeUndefined();
      expect(cardIn(Uint8Array.of(...payload, 1), { encryption })).toBeUndefined();
      expect(cardIn(Uint8Array.of(1, 0, 0), { encryption })).toBeUndefined();
    }
  });

  it('cannot say a time that is not a whole number of milliseconds', () => {
    for (const crashAfterMs of [-1, 0.5, 2 ** 32]) {
      expect(() => appendBehaviourCard(new Uint8Array(1), { ...HEALTHY, crashAfterMs })).toThrow(
        RangeError,
      );
    }
  });
});
