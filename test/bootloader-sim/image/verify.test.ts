import * as nodeCrypto from 'node:crypto';
import {
  buildImage,
  createNodeCrypto,
  encodeImageHeader,
  IMAGE_SIGNATURES_MAX,
  IMAGE_TLV_COUNT_MAX,
  nobleCrypto,
  publicKeyHash,
  readImageSummary,
  signedMessageFromBytes,
  TLV,
  verifyImage,
  type ImageBuildOptions,
  type ImageHeader,
  type ImagePolicy,
  type TlvContents,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedKey, keysOfAllAlgorithms } from '../crypto/test-keys.js';
import { strictSource } from './strict-source.js';

const node = createNodeCrypto(nodeCrypto);
const ed25519 = fixedKey('ed25519');
const stranger = fixedKey('ed25519', 8);
const PAYLOAD = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) & 0xff);
const POLICY: ImagePolicy = {
  keys: [ed25519.verificationKey],
  maxImageSizeBytes: 8192,
  minimumSecurityCounter: 3,
  slotAddress: 0xc000,
};

function build(options: Partial<ImageBuildOptions> = {}): Uint8Array {
  const built = buildImage(
    {
      payload: PAYLOAD,
      version: { major: 1, minor: 2, revision: 3, buildNumber: 4 },
      headerSizeBytes: 0x200,
      securityCounter: 3,
      signingKey: ed25519,
      ...options,
    },
    node,
  );
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

/** What both providers answer; fails when they differ. */
function codeOf(image: Uint8Array, policy: Partial<ImagePolicy> = {}): string {
  const answers = [node, nobleCrypto].map((crypto) => {
    const verdict = verifyImage(strictSource(image), { ...POLICY, ...policy }, crypto);
    return verdict.ok ? 'ok' : verdict.code;
  });
  expect(new Set(answers).size).toBe(1);
  return answers[0] ?? '';
}

const HEADER: ImageHeader = {
  loadAddress: 0,
  headerSizeBytes: 32,
  protectedTlvSizeBytes: 0,
  bodySizeBytes: 64,
  flags: 0,
  version: { major: 1, minor: 0, revision: 0, buildNumber: 0 },
};

function area(magic: number, entries: readonly TlvContents[], claimedSize?: number): Uint8Array {
  const bytes = entries.flatMap(({ type, value }) => [
    ...[type & 0xff, type >> 8, value.length & 0xff, value.length >> 8],
    ...value,
  ]);
  const size = claimedSize ?? bytes.length + 4;
  return Uint8Array.of(magic & 0xff, magic >> 8, size & 0xff, size >> 8, ...bytes);
}

/** An image put together by hand, with a right hash and a right signature in front. */
function handmade(options: {
  readonly header?: Partial<ImageHeader>;
  readonly protectedTlvs?: readonly TlvContents[];
  readonly unprotectedTlvs?: (hash: Uint8Array) => readonly TlvContents[];
}): Uint8Array {
  const { protectedTlvs = [{ type: TLV.securityCounter, value: Uint8Array.of(3, 0, 0, 0) }] } =
    options;
  const protectedArea = protectedTlvs.length === 0 ? [] : area(0x6908, protectedTlvs);
  const header = encodeImageHeader({
    ...HEADER,
    protectedTlvSizeBytes: protectedArea.length,
    ...options.header,
  });
  const hashed = Uint8Array.of(...header, ...new Uint8Array(64).fill(0xa5), ...protectedArea);
  const hash = new Uint8Array(nodeCrypto.createHash('sha256').update(hashed).digest());
  const unprotected = (options.unprotectedTlvs ?? signedTlvs)(hash);
  return Uint8Array.of(...hashed, ...area(0x6907, unprotected));
}

function signedTlvs(hash: Uint8Array): readonly TlvContents[] {
  return [{ type: TLV.sha256, value: hash }, ...signatureTlvs(hash)];
}

function signatureTlvs(hash: Uint8Array, key = ed25519): readonly TlvContents[] {
  return [
    { type: TLV.keyHash, value: publicKeyHash(key.verificationKey, node) },
    { type: TLV.ed25519, value: key.sign(signedMessageFromBytes(hash, node)) },
  ];
}

describe('verifyImage', () => {
  it('accepts a signed image and says what it learned', () => {
    const image = build({
      dependencies: [
        { imageIndex: 1, minimumVersion: { major: 2, minor: 0, revision: 9, buildNumber: 0 } },
      ],
    });
    const verdict = verifyImage(strictSource(image), POLICY, node);
    expect(verdict).toMatchObject({
      ok: true,
      value: {
        header: { headerSizeBytes: 0x200, bodySizeBytes: 3000, version: { major: 1, minor: 2 } },
        keyIndex: 0,
        securityCounter: 3,
        dependencies: [{ imageIndex: 1, minimumVersion: { major: 2, revision: 9 } }],
        totalSizeBytes: image.byteLength,
      },
    });
    const summary = readImageSummary(strictSource(image));
    if (!verdict.ok || !summary.ok) throw new Error('refused');
    expect(summary.value.hash).toEqual(verdict.value.hash);
    expect(summary.value.totalSizeBytes).toBe(image.byteLength);
  });

  it('accepts the signatures of all four algorithms, whichever of the keys made them', () => {
    const keys = Object.values(keysOfAllAlgorithms());
    const policy = { ...POLICY, keys: keys.map((key) => key.verificationKey) };
    for (const [keyIndex, signingKey] of keys.entries()) {
      const verdict = verifyImage(strictSource(build({ signingKey })), policy, node);
      expect(verdict).toMatchObject({ ok: true, value: { keyIndex } });
      const byNoble = verifyImage(strictSource(build({ signingKey })), policy, nobleCrypto);
      expect(byNoble).toMatchObject(
        keyIndex < 2 ? { ok: true } : { code: 'image-signature-unsupported' },
      );
    }
  });

  it('needs no signature when no key is trusted, but the hash always', () => {
    const unsigned = buildImage(
      { payload: PAYLOAD, version: HEADER.version, headerSizeBytes: 32 },
      node,
    );
    if (!unsigned.ok) throw new Error(unsigned.detail);
    const policy = { keys: [], minimumSecurityCounter: undefined };
    expect(codeOf(unsigned.value, policy)).toBe('ok');
    expect(codeOf(unsigned.value)).toBe('image-signature-missing');
    const changed = unsigned.value.map((byte, index) => (index === 100 ? byte ^ 1 : byte));
    expect(codeOf(changed, policy)).toBe('image-hash-mismatch');
  });

  it('accepts an image with padding behind it, up to the end of a slot', () => {
    const image = build();
    const slot = new Uint8Array(8192).fill(0xff);
    slot.set(image);
    expect(codeOf(slot)).toBe('ok');
  });

  it('takes one trusted signature among strangers, and refuses it when it is bad', () => {
    const both = handmade({
      unprotectedTlvs: (hash) => [
        { type: TLV.sha256, value: hash },
        ...signatureTlvs(hash, stranger),
        ...signatureTlvs(hash),
      ],
    });
    expect(codeOf(both)).toBe('ok');
    const second = handmade({
      unprotectedTlvs: (hash) => [...signedTlvs(hash), ...signatureTlvs(hash.toReversed())],
    });
    expect(codeOf(second)).toBe('image-signature-invalid');
  });

  it.each<readonly [string, Partial<ImageBuildOptions>, Partial<ImagePolicy>]>([
    ['image-key-unknown', { signingKey: stranger }, {}],
    ['image-security-counter-low', { securityCounter: 2 }, {}],
    ['image-load-address', { address: { kind: 'rom-fixed', value: 0x82000 } }, {}],
    ['image-not-bootable', { nonBootable: true }, {}],
    ['image-too-large', {}, { maxImageSizeBytes: 3600 }],
    ['image-too-large', {}, { maxImageSizeBytes: 3500 }],
    ['ok', { securityCounter: 4 }, {}],
    ['ok', { securityCounter: 0xffff_ffff }, {}],
    ['ok', { address: { kind: 'rom-fixed', value: 0xc000 } }, {}],
    ['ok', { address: { kind: 'rom-fixed', value: 0x82000 } }, { slotAddress: undefined }],
    ['ok', { address: { kind: 'ram-load', value: 0x2000_0000 } }, {}],
  ])('answers %s for %j under %j', (expected, options, policy) => {
    expect(codeOf(build(options), policy)).toBe(expected);
  });

  it('wants the security counter only when the device has one', () => {
    const without = handmade({ protectedTlvs: [] });
    expect(codeOf(without)).toBe('image-security-counter-missing');
    expect(codeOf(without, { minimumSecurityCounter: undefined })).toBe('ok');
    expect(codeOf(without, { minimumSecurityCounter: 0 })).toBe('image-security-counter-missing');
  });

  it('fits a slot exactly, and not one byte less', () => {
    const image = build();
    expect(codeOf(image, { maxImageSizeBytes: image.byteLength })).toBe('ok');
    const less = { maxImageSizeBytes: image.byteLength - 1 };
    expect(codeOf(image, less)).toBe('image-too-large');
  });

  const counter = { type: TLV.securityCounter, value: Uint8Array.of(3, 0, 0, 0) };
  const dependency = { type: TLV.dependency, value: new Uint8Array(12) };
  it.each<readonly [string, string, Parameters<typeof handmade>[0]]>([
    ['nothing wrong', 'ok', {}],
    ['a header of 31 bytes', 'image-header-size', { header: { headerSizeBytes: 31 } }],
    ['a header of 0 bytes', 'image-header-size', { header: { headerSizeBytes: 0 } }],
    ['a body of 0 bytes', 'image-truncated', { header: { bodySizeBytes: 0 } }],
    ['a body of 4 GiB', 'image-too-large', { header: { bodySizeBytes: 0xffff_ffff } }],
    [
      'sizes whose sum overflows 32 bits',
      'image-too-large',
      { header: { bodySizeBytes: 0xffff_ffe0, headerSizeBytes: 64 } },
    ],
    ['a body one byte short', 'image-tlv-magic', { header: { bodySizeBytes: 63 } }],
    ['a body beyond the end', 'image-truncated', { header: { bodySizeBytes: 1000 } }],
    ['AES-128', 'image-encryption-key-missing', { header: { flags: 0x04 } }],
    ['AES-256', 'image-encryption-key-missing', { header: { flags: 0x08 } }],
    ['AES-128 and AES-256', 'image-encryption-flags', { header: { flags: 0x0c } }],
    ['AES-128 and compression', 'image-flags-unsupported', { header: { flags: 0x404 } }],
    [
      'a content key in an image that is not encrypted',
      'image-tlv-not-allowed',
      {
        unprotectedTlvs: (hash) => [
          ...signedTlvs(hash),
          { type: TLV.encryptedX25519, value: new Uint8Array(80) },
        ],
      },
    ],
    ['compression', 'image-flags-unsupported', { header: { flags: 0x400 } }],
    ['position independence', 'image-flags-unsupported', { header: { flags: 0x01 } }],
    ['an unknown flag', 'image-flags-unsupported', { header: { flags: 0x8000_0000 } }],
    ['a lying protected size', 'image-tlv-size', { header: { protectedTlvSizeBytes: 8 } }],
    ['protected TLVs kept secret', 'image-tlv-size', { header: { protectedTlvSizeBytes: 0 } }],
    [
      'protected TLVs made up',
      'image-tlv-magic',
      { header: { protectedTlvSizeBytes: 12 }, protectedTlvs: [] },
    ],
    ['no hash', 'image-hash-missing', { unprotectedTlvs: (hash) => signatureTlvs(hash) }],
    [
      'two hashes',
      'image-tlv-duplicate',
      { unprotectedTlvs: (hash) => [...signedTlvs(hash), { type: TLV.sha256, value: hash }] },
    ],
    [
      'a short hash',
      'image-tlv-size',
      { unprotectedTlvs: (hash) => [{ type: TLV.sha256, value: hash.subarray(1) }] },
    ],
    [
      'a wrong hash',
      'image-hash-mismatch',
      { unprotectedTlvs: (hash) => signedTlvs(hash.toReversed()) },
    ],
    [
      'a hash in the protected area',
      'image-tlv-not-allowed',
      { protectedTlvs: [counter, { type: TLV.sha256, value: new Uint8Array(32) }] },
    ],
    [
      'a security counter in the unprotected area',
      'image-tlv-not-allowed',
      { unprotectedTlvs: (hash) => [...signedTlvs(hash), counter], protectedTlvs: [] },
    ],
    [
      'a dependency in the unprotected area',
      'image-tlv-not-allowed',
      { unprotectedTlvs: (hash) => [...signedTlvs(hash), dependency] },
    ],
    [
      'an unknown TLV in the unprotected area',
      'image-tlv-not-allowed',
      { unprotectedTlvs: (hash) => [...signedTlvs(hash), { ...dependency, type: 0xa0 }] },
    ],
    [
      'an unknown TLV in the protected area',
      'ok',
      { protectedTlvs: [counter, { ...dependency, type: 0xa0 }] },
    ],
    [
      'a pure signature',
      'image-tlv-not-allowed',
      {
        unprotectedTlvs: (hash) => [
          ...signedTlvs(hash),
          { type: TLV.signaturePure, value: Uint8Array.of(1) },
        ],
      },
    ],
    ['two security counters', 'image-tlv-duplicate', { protectedTlvs: [counter, counter] }],
    [
      'a security counter of 5 bytes',
      'image-tlv-size',
      { protectedTlvs: [{ ...counter, value: new Uint8Array(5) }] },
    ],
    [
      'a dependency of 11 bytes',
      'image-tlv-size',
      { protectedTlvs: [counter, { ...dependency, value: new Uint8Array(11) }] },
    ],
    [
      'an empty key hash, which is a prefix of every key hash',
      'image-tlv-size',
      {
        unprotectedTlvs: (hash) => [
          { type: TLV.sha256, value: hash },
          { type: TLV.keyHash, value: new Uint8Array(0) },
          ...signatureTlvs(hash).slice(1),
        ],
      },
    ],
    [
      'a signature without a key hash',
      'image-key-unknown',
      {
        unprotectedTlvs: (hash) => [
          { type: TLV.sha256, value: hash },
          ...signatureTlvs(hash).slice(1),
        ],
      },
    ],
    [
      'a key hash without a signature',
      'image-signature-missing',
      { unprotectedTlvs: (hash) => signedTlvs(hash).slice(0, 2) },
    ],
    [
      'the signature TLV of another algorithm',
      'image-signature-invalid',
      {
        unprotectedTlvs: (hash) =>
          signedTlvs(hash).map((tlv) =>
            tlv.type === TLV.ed25519 ? { ...tlv, type: TLV.ecdsa } : tlv,
          ),
      },
    ],
    [
      'too many signatures',
      'image-tlv-count',
      {
        unprotectedTlvs: (hash) => [
          { type: TLV.sha256, value: hash },
          ...Array.from({ length: IMAGE_SIGNATURES_MAX + 1 }, () =>
            signatureTlvs(hash, stranger),
          ).flat(),
        ],
      },
    ],
    [
      'too many TLVs',
      'image-tlv-count',
      {
        protectedTlvs: Array.from({ length: IMAGE_TLV_COUNT_MAX }, () => ({
          type: 0xa0,
          value: new Uint8Array(0),
        })),
      },
    ],
  ])('meets %s with %s', (_, expected, options) => {
    expect(codeOf(handmade(options))).toBe(expected);
  });

  it('refuses a TLV that reaches out of its area, protected or not', () => {
    const image = handmade({});
    const grow = (at: number): Uint8Array =>
      image.map((byte, index) => (index === at ? byte + 1 : byte));
    // The length of the security counter, then the total size of the unprotected area.
    expect(codeOf(grow(32 + 64 + 4 + 2))).toBe('image-tlv-size');
    expect(codeOf(Uint8Array.of(...grow(32 + 64 + 12 + 2), 0xff))).toBe('image-tlv-size');
  });

  it('refuses an area that is shorter than its own beginning, and a second protected one', () => {
    const image = handmade({});
    const unprotected = 32 + 64 + 12;
    const patch = (at: number, ...bytes: readonly number[]): Uint8Array => {
      const patched = image.slice();
      patched.set(bytes, at);
      return patched;
    };
    for (const size of [0, 3]) {
      expect(codeOf(patch(unprotected + 2, size, 0))).toBe('image-tlv-size');
    }
    expect(codeOf(patch(unprotected, 0x08))).toBe('image-tlv-magic');
  });

  it('passes over a second signature behind one key hash, as MCUboot does', () => {
    const image = handmade({
      unprotectedTlvs: (hash) => [
        ...signedTlvs(hash),
        { type: TLV.ed25519, value: new Uint8Array(64) },
      ],
    });
    expect(codeOf(image)).toBe('ok');
  });

  it('is over once the image is cut anywhere', () => {
    const image = handmade({});
    for (let length = 0; length < image.byteLength; length += 1) {
      expect(codeOf(image.subarray(0, length))).toBe('image-truncated');
    }
  });

  it('refuses another magic, an erased slot and an empty source', () => {
    expect(codeOf(build().fill(0, 0, 1))).toBe('image-bad-magic');
    expect(codeOf(new Uint8Array(4096).fill(0xff))).toBe('image-bad-magic');
    expect(codeOf(new Uint8Array(0))).toBe('image-truncated');
  });

  it('never accepts, throws or reads outside for an image with any bytes changed', () => {
    const image = handmade({});
    const change = fc.record({
      at: fc.nat(image.byteLength - 1),
      flip: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: (c) => c.at }),
        (changes) => {
          const changed = image.slice();
          for (const { at, flip } of changes) changed[at] = (changed[at] ?? 0) ^ flip;
          expect(codeOf(changed)).not.toBe('ok');
          readImageSummary(strictSource(changed));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('never accepts, throws or reads outside for random bytes behind a header', () => {
    const header = fc.record({
      headerSizeBytes: fc.integer({ min: 0, max: 100 }),
      protectedTlvSizeBytes: fc.integer({ min: 0, max: 60 }),
      bodySizeBytes: fc.integer({ min: 0, max: 200 }),
      flags: fc.constantFrom(0, 0x10, 0x20, 0x100),
    });
    const tlvMagic = fc.constantFrom(0x6907, 0x6908, 0xffff);
    fc.assert(
      fc.property(
        header,
        tlvMagic,
        fc.integer({ min: 0, max: 80 }),
        fc.uint8Array({ maxLength: 400 }),
        (fields, magic, areaSize, tail) => {
          const bytes = Uint8Array.of(...encodeImageHeader({ ...HEADER, ...fields }), ...tail);
          const at = fields.headerSizeBytes + fields.bodySizeBytes;
          const info = area(magic, [], areaSize);
          if (at + info.byteLength <= bytes.byteLength) bytes.set(info, at);
          expect(codeOf(bytes)).not.toBe('ok');
          readImageSummary(strictSource(bytes));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
