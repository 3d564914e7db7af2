import * as nodeCrypto from 'node:crypto';
import {
  agreementPointOf,
  createContentCipher,
  createNodeCrypto,
  nobleCrypto,
  type AgreementCurve,
  type AgreementKey,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agreementKey, fromHex } from './test-keys.js';

const node = createNodeCrypto(nodeCrypto);
const CURVES: readonly AgreementCurve[] = ['p256', 'x25519'];

/** What both agree on; fails when they differ. */
function bothAgree(key: AgreementKey, point: Uint8Array): Uint8Array | undefined {
  const byNode = node.sharedSecret(key, point);
  expect({ noble: nobleCrypto.sharedSecret(key, point) }).toEqual({ noble: byNode });
  return byNode;
}

const anyContentKey = fc.constantFrom(16, 32).chain((size) => {
  return fc.uint8Array({ minLength: size, maxLength: size });
});

describe('two crypto providers', () => {
  it('authenticate alike, whatever the key and the message', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, bytes, (key, message) => {
        expect(nobleCrypto.hmacSha256(key, message)).toEqual(node.hmacSha256(key, message));
      }),
    );
  });

  it('count alike, over the end of every part of the counter block', () => {
    const end = fc.nat(16).map((ones) => new Uint8Array(16).fill(0xff, 16 - ones));
    const block = fc.oneof(fc.uint8Array({ minLength: 16, maxLength: 16 }), end);
    fc.assert(
      fc.property(anyContentKey, block, fc.uint8Array({ maxLength: 100 }), (key, at, bytes) => {
        const before = { at: at.slice(), bytes: bytes.slice() };
        expect(nobleCrypto.aesCtr(key, at, bytes)).toEqual(node.aesCtr(key, at, bytes));
        expect({ at, bytes }).toEqual(before);
      }),
    );
  });

  it.each([0, 15, 17, 24, 31, 33])('take no AES key of %i bytes', (size) => {
    for (const crypto of [nobleCrypto, node]) {
      const key = new Uint8Array(size);
      expect(() => crypto.aesCtr(key, new Uint8Array(16), new Uint8Array(1))).toThrow(RangeError);
      expect(() => createContentCipher(key, crypto)).toThrow(RangeError);
    }
  });
});

describe.each([nobleCrypto, node])('the content cipher of $name', (crypto) => {
  it('gives the same bytes in any pieces, in any order', () => {
    fc.assert(
      fc.property(
        anyContentKey,
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.array(fc.nat(200), { maxLength: 6 }),
        fc.nat(0xffff_ffff),
        (key, body, cuts, from) => {
          const cipher = createContentCipher(key, crypto);
          const whole = cipher.apply(from, body);
          const pieced = new Uint8Array(body.byteLength);
          const ends = [...cuts.map((cut) => cut % body.byteLength), 0, body.byteLength];
          const edges = [...new Set(ends)].toSorted((a, b) => a - b);
          const pieces = edges.slice(1).map((end, index) => [edges[index] ?? 0, end] as const);
          for (const [start, end] of pieces.toReversed()) {
            pieced.set(cipher.apply(from + start, body.subarray(start, end)), start);
          }
          expect(pieced).toEqual(whole);
          expect(cipher.apply(from, whole)).toEqual(body);
        },
      ),
    );
  });

  it('counts a body of 4 GiB to its end, and nothing that no body has', () => {
    const key = new Uint8Array(16).fill(3);
    const cipher = createContentCipher(key, crypto);
    const counterBlock = fromHex('0000000000000000000000000fffffff');
    const last = node.aesCtr(key, counterBlock, new Uint8Array(16));
    expect(cipher.apply(2 ** 32 - 16, new Uint8Array(16))).toEqual(last);
    for (const offset of [-1, 0.5, 2 ** 36, 2 ** 36 - 1]) {
      expect(() => cipher.apply(offset, new Uint8Array(2))).toThrow(RangeError);
    }
  });

  it('keeps its key, whatever becomes of the bytes it was made of', () => {
    const key = new Uint8Array(16).fill(3);
    const cipher = createContentCipher(key, crypto);
    const before = cipher.apply(0, new Uint8Array(16));
    key.fill(0);
    expect(cipher.apply(0, new Uint8Array(16))).toEqual(before);
  });
});

describe.each(CURVES)('two crypto providers on %s', (curve) => {
  it('agree on a secret from either side', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 254 }), fc.integer({ min: 1, max: 254 }), (a, b) => {
        const [one, other] = [agreementKey(curve, a), agreementKey(curve, b)];
        const secret = bothAgree(one, agreementPointOf(other).point);
        expect(secret).toHaveLength(32);
        expect(secret).toEqual(bothAgree(other, agreementPointOf(one).point));
      }),
      { numRuns: 10 },
    );
  });

  it('give the same answer for any bytes as a point', () => {
    const key = agreementKey(curve);
    const { point } = agreementPointOf(agreementKey(curve, 8));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.nat(point.length - 1),
        fc.integer({ min: 1, max: 255 }),
        (random, at, flip) => {
          bothAgree(key, random);
          bothAgree(key, Uint8Array.of(...random, ...point).subarray(0, point.length));
          bothAgree(
            key,
            point.map((byte, index) => (index === at ? byte ^ flip : byte)),
          );
          expect(bothAgree(key, point.subarray(0, at))).toBeUndefined();
          expect(bothAgree(key, Uint8Array.of(...point, ...random, 0))).toBeUndefined();
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('two crypto providers', () => {
  it.each([
    ['with a y of another x', (point: Uint8Array) => point.fill(1, 33)],
    ['compressed', (point: Uint8Array) => point.fill(0x02, 0, 1).subarray(0, 33)],
    ['of the hybrid form', (point: Uint8Array) => point.fill(0x06 | ((point[64] ?? 0) & 1), 0, 1)],
    ['at infinity', () => new Uint8Array(1)],
    ['at infinity, padded', () => new Uint8Array(65)],
    ['0, 0', () => new Uint8Array(65).fill(0x04, 0, 1)],
    ['whose x is not below the prime', (point: Uint8Array) => point.fill(0xff, 1, 33)],
  ])('refuse a P-256 point %s', (_, change) => {
    const { point } = agreementPointOf(agreementKey('p256', 8));
    expect(bothAgree(agreementKey('p256'), point.slice())).toBeDefined();
    expect(bothAgree(agreementKey('p256'), change(point.slice()))).toBeUndefined();
  });

  it.each(LOW_ORDER_POINTS)('refuse the X25519 point %s of low order', (digits) => {
    const point = fromHex(digits);
    expect(bothAgree(agreementKey('x25519'), point)).toBeUndefined();
    // RFC 7748 §5: the highest bit is not looked at.
    point[31] = (point[31] ?? 0) | 0x80;
    expect(bothAgree(agreementKey('x25519'), point)).toBeUndefined();
  });

  it('take an X25519 point that is not below the prime, as RFC 7748 §5 wants', () => {
    const small = fromHex(`09${'00'.repeat(31)}`);
    const large = fromHex(`f6${'ff'.repeat(30)}7f`);
    const secret = bothAgree(agreementKey('x25519'), small);
    expect(secret).toBeDefined();
    expect(bothAgree(agreementKey('x25519'), large)).toEqual(secret);
  });
});

/** The points whose order is 1, 2, 4 or 8, on the curve or its twist, below the prime and not. */
const LOW_ORDER_POINTS: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
