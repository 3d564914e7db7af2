import * as nodeCrypto from 'node:crypto';
import {
  createContentCipher,
  createNodeCrypto,
  decryptedSource,
  decodeImageHeader,
  encodeImageHeader,
  imageSourceFromBytes,
  nobleCrypto,
  parseImageHeader,
  readImageEncryption,
  readImageSummary,
  TLV,
  unwrapContentKey,
  verifyImage,
  wrappedKeySizeBytes,
  type ImageBuildOptions,
  type ImageEncryption,
  type ImagePolicy,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agreementKey, fixedKey } from '../crypto/test-keys.js';
import {
  buildEncrypted,
  ENCRYPTIONS,
  entropyFrom,
  partsOf,
  type EncryptionKind,
} from './encrypted-image.js';
import { strictSource } from './strict-source.js';

const node = createNodeCrypto(nodeCrypto);
const POLICY: ImagePolicy = {
  keys: [fixedKey('ed25519').verificationKey],
  maxImageSizeBytes: 8192,
  minimumSecurityCounter: 3,
};
const AES128 = 0x04;
const AES256 = 0x08;
const WRAPPED_TYPES: readonly number[] = [TLV.encryptedEc256, TLV.encryptedX25519];

function secondary(curve: EncryptionKind['curve'], filler?: number): Partial<ImagePolicy> {
  return { encryption: { body: 'encrypted', key: agreementKey(curve, filler) } };
}

const PRIMARY: Partial<ImagePolicy> = { encryption: { body: 'plain' } };

/** What both providers answer; fails when they differ. */
function codeOf(image: Uint8Array, policy: Partial<ImagePolicy>): string {
  const answers = [node, nobleCrypto].map((crypto) => {
    const verdict = verifyImage(strictSource(image), { ...POLICY, ...policy }, crypto);
    return verdict.ok ? 'ok' : verdict.code;
  });
  expect(new Set(answers).size).toBe(1);
  return answers[0] ?? '';
}

function encryptionOf(image: Uint8Array, curve: EncryptionKind['curve']): ImageEncryption {
  const { header } = partsOf(image);
  const read = readImageEncryption(strictSource(image), header, agreementKey(curve), node);
  if (!read.ok) throw new Error(`${read.code}: ${read.detail}`);
  return read.value;
}

function wrappedKeyOffset(image: Uint8Array): number {
  const entry = partsOf(image).tlvs.find(({ type }) => WRAPPED_TYPES.includes(type));
  if (entry === undefined) throw new Error('the image carries no content key');
  return entry.offset;
}

function patched(image: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array {
  const changed = image.slice();
  changed.set(bytes, at);
  return changed;
}

/** The image with other unprotected TLVs; their area is rebuilt around them. */
function withTlvs(
  image: Uint8Array,
  change: (tlvs: readonly TlvBytes[]) => readonly TlvBytes[],
): Uint8Array {
  const { tlvs } = partsOf(image);
  const unprotected = tlvs.filter((tlv) => !tlv.protected);
  const areaOffset = (unprotected[0]?.offset ?? 0) - 8;
  const entries = change(
    unprotected.map(({ type, offset, sizeBytes }) => {
      return { type, value: image.subarray(offset, offset + sizeBytes) };
    }),
  );
  const bytes = entries.flatMap(({ type, value }) => [
    ...[type & 0xff, type >> 8, value.length & 0xff, value.length >> 8],
    ...value,
  ]);
  const size = bytes.length + 4;
  const info = [0x07, 0x69, size & 0xff, size >> 8];
  return Uint8Array.of(...image.subarray(0, areaOffset), ...info, ...bytes);
}

interface TlvBytes {
  readonly type: number;
  readonly value: Uint8Array;
}

describe.each(ENCRYPTIONS)('an image encrypted on $curve with a key of $size bytes', (kind) => {
  const { curve, size } = kind;
  const image = buildEncrypted(kind);
  const clear = buildEncrypted(kind, { clear: true });

  it('is good where it lies encrypted, and, decrypted in place, where it runs', () => {
    expect(codeOf(image, secondary(curve))).toBe('ok');
    expect(codeOf(clear, PRIMARY)).toBe('ok');
  });

  it('is no good where it should be plain, nor plain where it should be encrypted', () => {
    expect(codeOf(image, PRIMARY)).toBe('image-hash-mismatch');
    expect(codeOf(clear, secondary(curve))).toBe('image-hash-mismatch');
  });

  it('is refused where there is no key', () => {
    expect(codeOf(image, {})).toBe('image-encryption-key-missing');
    expect(codeOf(clear, {})).toBe('image-encryption-key-missing');
    expect(parseImageHeader(strictSource(image))).toMatchObject({
      code: 'image-encryption-key-missing',
    });
  });

  it('has the hash and the signature of its plain self', () => {
    const { tlvs } = partsOf(image);
    const { tlvs: clearTlvs } = partsOf(clear);
    expect(tlvs).toEqual(clearTlvs);
    for (const { type, offset, sizeBytes } of tlvs) {
      const values = [image, clear].map((bytes) => bytes.slice(offset, offset + sizeBytes));
      expect({ type, value: values[0] }).toEqual({ type, value: values[1] });
    }
    const summary = readImageSummary(strictSource(image));
    const verified = verifyImage(strictSource(image), { ...POLICY, ...secondary(curve) }, node);
    if (!summary.ok || !verified.ok) throw new Error('the image is not good');
    expect(summary.value.hash).toEqual(verified.value.hash);
    expect(verified.value.securityCounter).toBe(3);
  });

  it('differs from its plain self in every block of its body, and in nothing else', () => {
    const { header } = partsOf(image);
    const bodyEnd = header.headerSizeBytes + header.bodySizeBytes;
    expect(image.subarray(0, header.headerSizeBytes)).toEqual(
      clear.subarray(0, header.headerSizeBytes),
    );
    expect(image.subarray(bodyEnd)).toEqual(clear.subarray(bodyEnd));
    for (let at = header.headerSizeBytes; at < bodyEnd; at += 16) {
      expect(image.subarray(at, at + 16)).not.toEqual(clear.subarray(at, at + 16));
    }
  });

  it('gives away its content key to the device, encrypted and decrypted in place alike', () => {
    const encryption = encryptionOf(image, curve);
    expect(encryption).toEqual(encryptionOf(clear, curve));
    expect(encryption.contentKey).toHaveLength(size);
    expect(encryption.contentKey).toEqual(entropyFrom('seed')(size));
    const offset = wrappedKeyOffset(image);
    const length = wrappedKeySizeBytes(curve, size);
    expect(encryption.wrappedKeyTlv).toEqual(image.slice(offset, offset + length));
  });

  it('wraps its content key as MCUboot unwraps it, done here once more with OpenSSL alone', () => {
    const { wrappedKeyTlv, contentKey } = encryptionOf(image, curve);
    const pointBytes = wrappedKeyTlv.byteLength - 32 - size;
    const secret = opensslSecret(curve, wrappedKeyTlv.subarray(0, pointBytes));
    const keys = new Uint8Array(
      nodeCrypto.hkdfSync('sha256', secret, new Uint8Array(32), 'MCUBoot_ECIES_v1', size + 32),
    );
    const encryptedKey = wrappedKeyTlv.subarray(pointBytes + 32);
    const tag = nodeCrypto.createHmac('sha256', keys.subarray(size)).update(encryptedKey).digest();
    expect(new Uint8Array(tag)).toEqual(wrappedKeyTlv.slice(pointBytes, pointBytes + 32));
    const aes = `aes-${size * 8}-ctr`;
    const unwrap = nodeCrypto.createDecipheriv(aes, keys.subarray(0, size), new Uint8Array(16));
    expect(new Uint8Array(unwrap.update(encryptedKey))).toEqual(contentKey);
    const body = nodeCrypto.createDecipheriv(aes, contentKey, new Uint8Array(16));
    const { header } = partsOf(image);
    const end = header.headerSizeBytes + header.bodySizeBytes;
    const plain = new Uint8Array(body.update(image.subarray(header.headerSizeBytes, end)));
    expect(plain).toEqual(clear.slice(header.headerSizeBytes, end));
  });

  it('has keys of its own, and the same ones from the same entropy', () => {
    expect(buildEncrypted(kind)).toEqual(image);
    const other = encryptionOf(buildEncrypted(kind, { seed: 'other' }), curve);
    const one = encryptionOf(image, curve);
    expect(other.contentKey).not.toEqual(one.contentKey);
    expect(other.wrappedKeyTlv.subarray(0, 32)).not.toEqual(one.wrappedKeyTlv.subarray(0, 32));
  });

  it('is refused by a device with another key, or one of another kind', () => {
    expect(codeOf(image, secondary(curve, 8))).toBe('image-encryption-tag');
    const otherCurve = curve === 'p256' ? 'x25519' : 'p256';
    expect(codeOf(image, secondary(otherCurve))).toBe('image-encryption-key-kind');
  });

  it('is refused with any byte of its wrapped key changed', () => {
    const offset = wrappedKeyOffset(image);
    const pointBytes = curve === 'p256' ? 65 : 32;
    for (let index = 0; index < wrappedKeySizeBytes(curve, size); index += 1) {
      const changed = patched(image, offset + index, (image[offset + index] ?? 0) ^ 0x01);
      const code = codeOf(changed, secondary(curve));
      const isPoint = index < pointBytes && curve === 'p256';
      expect({ index, code }).toEqual({
        index,
        code: isPoint ? 'image-encryption-point' : 'image-encryption-tag',
      });
    }
  });

  it('is refused with any bit of its body changed, like any other image', () => {
    const { header } = partsOf(image);
    for (const at of [0, 1, 15, 16, header.bodySizeBytes - 1]) {
      const changed = patched(
        image,
        header.headerSizeBytes + at,
        (image[header.headerSizeBytes + at] ?? 0) ^ 0x80,
      );
      expect(codeOf(changed, secondary(curve))).toBe('image-hash-mismatch');
    }
  });

  it('cannot have its flag taken away, or set for the other AES', () => {
    const flags = size === 16 ? AES128 : AES256;
    expect(image[16]).toBe(flags);
    const plain = patched(image, 16, 0);
    expect(codeOf(plain, secondary(curve))).toBe('image-tlv-not-allowed');
    const other = patched(image, 16, flags ^ (AES128 | AES256));
    expect(codeOf(other, secondary(curve))).toBe('image-encryption-tlv-size');
    const both = patched(image, 16, AES128 | AES256);
    for (const policy of [{}, PRIMARY, secondary(curve)]) {
      expect(codeOf(both, policy)).toBe('image-encryption-flags');
    }
  });

  it('cannot have its flag added, nor taken away with the wrapped key', () => {
    const plain = buildEncrypted(kind, { clear: true });
    const naked = withTlvs(patched(plain, 16, 0), (tlvs) =>
      tlvs.filter(({ type }) => !WRAPPED_TYPES.includes(type)),
    );
    expect(codeOf(naked, {})).toBe('image-hash-mismatch');
  });

  it.each<readonly [string, string, (tlvs: readonly TlvBytes[]) => readonly TlvBytes[]]>([
    ['no content key', 'image-encryption-tlv-missing', (tlvs) => tlvs.slice(0, -1)],
    ['two content keys', 'image-encryption-tlv-duplicate', (tlvs) => [...tlvs, ...tlvs.slice(-1)]],
    [
      'one of each kind',
      'image-encryption-tlv-duplicate',
      (tlvs) => [
        ...tlvs,
        {
          type: curve === 'p256' ? TLV.encryptedX25519 : TLV.encryptedEc256,
          value: Uint8Array.of(1),
        },
      ],
    ],
    [
      'a content key one byte short',
      'image-encryption-tlv-size',
      (tlvs) =>
        tlvs.map((tlv, index) => (index === 3 ? { ...tlv, value: tlv.value.slice(1) } : tlv)),
    ],
    [
      'a content key one byte long',
      'image-encryption-tlv-size',
      (tlvs) =>
        tlvs.map((tlv, index) =>
          index === 3 ? { ...tlv, value: Uint8Array.of(...tlv.value, 0) } : tlv,
        ),
    ],
    [
      'an empty content key',
      'image-encryption-tlv-size',
      (tlvs) =>
        tlvs.map((tlv, index) => (index === 3 ? { ...tlv, value: new Uint8Array(0) } : tlv)),
    ],
    [
      'a content key wrapped with RSA',
      'image-tlv-not-allowed',
      (tlvs) =>
        tlvs.map((tlv, index) => (index === 3 ? { ...tlv, type: TLV.encryptedRsa2048 } : tlv)),
    ],
    ['the content key in front', 'ok', (tlvs) => [...tlvs.slice(-1), ...tlvs.slice(0, -1)]],
  ])('is met with %s by %s', (_, code, change) => {
    expect(codeOf(withTlvs(image, change), secondary(curve))).toBe(code);
  });

  it('lets the primary slot be without its content key, as MCUboot does', () => {
    expect(
      codeOf(
        withTlvs(clear, (tlvs) => tlvs.slice(0, -1)),
        PRIMARY,
      ),
    ).toBe('ok');
  });

  it('fits its slot exactly, and not one byte less', () => {
    const fits = { ...secondary(curve), maxImageSizeBytes: image.byteLength };
    expect(codeOf(image, fits)).toBe('ok');
    const less = { ...fits, maxImageSizeBytes: image.byteLength - 1 };
    expect(codeOf(image, less)).toBe('image-too-large');
  });

  it('is read decrypted from any place, in any length, without a read outside', () => {
    const { header } = partsOf(image);
    const cipher = createContentCipher(encryptionOf(image, curve).contentKey, node);
    fc.assert(
      fc.property(
        fc.nat(image.byteLength),
        fc.nat(image.byteLength),
        fc.integer({ min: 1, max: 700 }),
        (a, b, pieceBytes) => {
          const [start, end] = [Math.min(a, b), Math.max(a, b)];
          for (const [from, to] of [
            [image, clear],
            [clear, image],
          ] as const) {
            const source = decryptedSource(strictSource(from, pieceBytes), header, cipher);
            const expected = Buffer.from(to.subarray(start, end));
            expect(Buffer.from(source.read(start, end - start)).equals(expected)).toBe(true);
            const chunks = [...source.chunks(start, end - start)];
            expect(Buffer.concat(chunks).equals(expected)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('an encrypted image', () => {
  it.each<readonly [string, Partial<ImageBuildOptions>]>([
    ['the smallest body', { payload: Uint8Array.of(1) }],
    ['a header that ends inside a block', { headerSizeBytes: 33 }],
    ['whole blocks', { payload: new Uint8Array(1024) }],
    ['many TLVs', { customTlvs: [{ type: 0xa0, value: new Uint8Array(333) }] }],
    ['a fixed address', { address: { kind: 'rom-fixed', value: 0xc000 } }],
  ])('may have %s', (_, options) => {
    for (const kind of ENCRYPTIONS) {
      const image = buildEncrypted(kind, options);
      expect(codeOf(image, secondary(kind.curve))).toBe('ok');
      const { header } = partsOf(image);
      expect((header.headerSizeBytes + header.bodySizeBytes) % 16).toBe(0);
    }
  });

  it('may carry its content key nowhere but unprotected', () => {
    const image = buildEncrypted(ENCRYPTIONS[0], {
      customTlvs: [{ type: 0xa0, value: new Uint8Array(113) }],
    });
    const entry = partsOf(image).tlvs.find(({ type }) => type === 0xa0);
    const moved = patched(image, (entry?.offset ?? 0) - 4, TLV.encryptedEc256, 0);
    expect(codeOf(moved, secondary('p256'))).toBe('image-tlv-not-allowed');
    const { header } = partsOf(moved);
    const key = agreementKey('p256');
    const withoutOther = withTlvs(moved, (tlvs) => tlvs.slice(0, -1));
    expect(readImageEncryption(strictSource(withoutOther), header, key, node)).toMatchObject({
      code: 'image-encryption-tlv-missing',
    });
  });

  it('is read, and its keys kept, without a change to the bytes it comes in', () => {
    const [, , kind] = ENCRYPTIONS;
    // Node's own kind of bytes: a slice of it shares its memory.
    const image = Buffer.from(buildEncrypted(kind));
    const before = Uint8Array.from(image);
    const { header } = partsOf(image);
    const { contentKey, wrappedKeyTlv } = encryptionOf(image, kind.curve);
    const cipher = createContentCipher(contentKey, node);
    const source = decryptedSource(imageSourceFromBytes(image), header, cipher);
    for (const [offset, length] of [
      [0, image.length],
      [500, 100],
      [600, 100],
    ] as const) {
      source.read(offset, length);
      for (const chunk of source.chunks(offset, length)) expect(chunk).toBeInstanceOf(Uint8Array);
    }
    expect(Uint8Array.from(image)).toEqual(before);
    const kept = Uint8Array.from(wrappedKeyTlv);
    image.fill(0);
    expect(wrappedKeyTlv).toEqual(kept);
  });

  it('gives no content key when it is none', () => {
    const plain = withTlvs(patched(buildEncrypted(ENCRYPTIONS[0]), 16, 0), (tlvs) => tlvs);
    const { header } = partsOf(plain);
    const read = readImageEncryption(
      imageSourceFromBytes(plain),
      header,
      agreementKey('p256'),
      node,
    );
    expect(read).toMatchObject({ code: 'image-not-encrypted' });
  });

  it('is refused with an ephemeral key of low order, whose tag anyone can make', () => {
    const [, , kind] = ENCRYPTIONS;
    const image = buildEncrypted(kind);
    const forged = patched(image, wrappedKeyOffset(image), ...new Uint8Array(32));
    expect(codeOf(forged, secondary('x25519'))).toBe('image-encryption-point');
  });

  it('may have the one bit changed that X25519 does not look at, as with MCUboot', () => {
    const [, , kind] = ENCRYPTIONS;
    const changed = ignoredBit(buildEncrypted(kind), 'x25519');
    if (changed === undefined) throw new Error('there is no such bit');
    expect(codeOf(changed, secondary('x25519'))).toBe('ok');
  });

  it('unwraps nothing from random bytes, and never throws', () => {
    const wrapped = fc.constantFrom(...ENCRYPTIONS).chain(({ curve, size }) =>
      fc
        .uint8Array({
          minLength: wrappedKeySizeBytes(curve, size),
          maxLength: wrappedKeySizeBytes(curve, size),
        })
        .map((bytes) => ({ curve, size, bytes })),
    );
    fc.assert(
      fc.property(wrapped, fc.uint8Array({ maxLength: 200 }), ({ curve, size, bytes }, random) => {
        for (const crypto of [node, nobleCrypto]) {
          const device = { key: agreementKey(curve), contentKeySizeBytes: size };
          const refused = unwrapContentKey(bytes, device, crypto);
          expect(refused.ok ? 'ok' : refused.code).toBe(
            curve === 'p256' ? 'image-encryption-point' : 'image-encryption-tag',
          );
          expect(unwrapContentKey(random, device, crypto).ok).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is never accepted, never throws and is never read outside with any bytes changed', () => {
    const images = ENCRYPTIONS.map((kind) => ({
      curve: kind.curve,
      image: buildEncrypted(kind, { payload: new Uint8Array(40), headerSizeBytes: 32 }),
    }));
    const change = fc.record({ at: fc.nat(400), flip: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...images),
        fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: (c) => c.at }),
        fc.option(fc.nat(400), { nil: undefined }),
        ({ curve, image }, changes, cut) => {
          const changed = image.slice(0, cut);
          for (const { at, flip } of changes) {
            if (at < changed.byteLength) changed[at] = (changed[at] ?? 0) ^ flip;
          }
          if (Buffer.from(changed).equals(Buffer.from(image))) return;
          const ignored = ignoredBit(image, curve);
          if (ignored !== undefined && Buffer.from(changed).equals(Buffer.from(ignored))) return;
          const source = strictSource(changed, 7);
          const policies: readonly Partial<ImagePolicy>[] = [{}, PRIMARY, secondary(curve)];
          const accepted = policies.filter((policy) => {
            return verifyImage(source, { ...POLICY, ...policy }, node).ok;
          });
          expect(accepted).toEqual([]);
          const header = parseImageHeader(source, { takesEncrypted: true });
          if (header.ok) readImageEncryption(source, header.value, agreementKey(curve), node);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('keeps random TLVs behind a random header from throwing or reading outside', () => {
    const header = fc.record({
      headerSizeBytes: fc.integer({ min: 30, max: 60 }),
      bodySizeBytes: fc.integer({ min: 0, max: 60 }),
      flags: fc.constantFrom(AES128, AES256, AES128 | AES256, 0),
    });
    const tlv = fc.record({
      type: fc.constantFrom(...WRAPPED_TYPES, TLV.sha256, TLV.keyHash, TLV.encryptedAesKw),
      size: fc.oneof(fc.nat(140), fc.constantFrom(80, 96, 113, 129)),
      claimed: fc.option(fc.nat(0xffff), { nil: undefined, freq: 6 }),
    });
    fc.assert(
      fc.property(header, fc.array(tlv, { maxLength: 5 }), (fields, tlvs) => {
        const entries = tlvs.flatMap(({ type, size, claimed = size }) => [
          ...[type & 0xff, type >> 8, claimed & 0xff, claimed >> 8],
          ...new Uint8Array(size).fill(type),
        ]);
        const size = entries.length + 4;
        const bytes = new Uint8Array(
          Math.max(32, fields.headerSizeBytes + fields.bodySizeBytes) + size,
        );
        bytes.set(
          encodeImageHeader({
            loadAddress: 0,
            protectedTlvSizeBytes: 0,
            version: { major: 1, minor: 0, revision: 0, buildNumber: 0 },
            ...fields,
          }),
        );
        const area = [0x07, 0x69, size & 0xff, size >> 8, ...entries];
        bytes.set(area, fields.headerSizeBytes + fields.bodySizeBytes);
        const source = strictSource(bytes, 5);
        const decoded = parseImageHeader(source, { takesEncrypted: true });
        for (const curve of ['p256', 'x25519'] as const) {
          const policy = { ...POLICY, ...secondary(curve) };
          expect(verifyImage(source, policy, node).ok).toBe(false);
          if (!decoded.ok) continue;
          const read = readImageEncryption(source, decoded.value, agreementKey(curve), node);
          expect(read.ok).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('is read by its header alone only where encrypted images are taken', () => {
    const head = buildEncrypted(ENCRYPTIONS[0]).subarray(0, 32);
    expect(decodeImageHeader(head)).toMatchObject({ code: 'image-encryption-key-missing' });
    expect(decodeImageHeader(head, { takesEncrypted: false }).ok).toBe(false);
    expect(decodeImageHeader(head, { takesEncrypted: true }).ok).toBe(true);
  });
});

/** X25519 does not look at the highest bit of a point, and nothing else covers it. */
function ignoredBit(image: Uint8Array, curve: EncryptionKind['curve']): Uint8Array | undefined {
  if (curve === 'p256') return undefined;
  const at = wrappedKeyOffset(image) + 31;
  return patched(image, at, (image[at] ?? 0) ^ 0x80);
}

/** The secret of the device's key and an ephemeral point, without any code of ours. */
function opensslSecret(curve: EncryptionKind['curve'], point: Uint8Array): Uint8Array {
  const secret = agreementKey(curve).privateKey;
  if (curve === 'p256') {
    const ecdh = nodeCrypto.createECDH('prime256v1');
    ecdh.setPrivateKey(secret);
    return ecdh.computeSecret(point);
  }
  const prefixed = (prefix: string, bytes: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from(prefix, 'hex'), bytes]);
  return nodeCrypto.diffieHellman({
    privateKey: nodeCrypto.createPrivateKey({
      key: prefixed('302e020100300506032b656e04220420', secret),
      format: 'der',
      type: 'pkcs8',
    }),
    publicKey: nodeCrypto.createPublicKey({
      key: prefixed('302a300506032b656e032100', point),
      format: 'der',
      type: 'spki',
    }),
  });
}
