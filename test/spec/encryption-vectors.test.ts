import * as nodeCrypto from 'node:crypto';
import {
  createContentCipher,
  createNodeCrypto,
  hkdfSha256,
  nobleCrypto,
} from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../bootloader-sim/crypto/test-keys.js';

const PROVIDERS = [nobleCrypto, createNodeCrypto(nodeCrypto)];

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex');
}

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

function filled(byte: number, count: number): Uint8Array {
  return new Uint8Array(count).fill(byte);
}

function counting(from: number, to: number): Uint8Array {
  return Uint8Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe.each(PROVIDERS)('$name', (crypto) => {
  it.each([
    [
      'AES-128 (SP 800-38A F.5.1)',
      '2b7e151628aed2a6abf7158809cf4f3c',
      '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff' +
        '5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
    ],
    [
      'AES-256 (SP 800-38A F.5.5)',
      '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
      '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5' +
        '2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
    ],
  ])('counts with %s', (_, key, encrypted) => {
    const counterBlock = fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
    const plain =
      '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
      '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
    const [keyBytes, plainBytes] = [fromHex(key), fromHex(plain)];
    expect(hex(crypto.aesCtr(keyBytes, counterBlock, plainBytes))).toBe(encrypted);
    expect(hex(crypto.aesCtr(keyBytes, counterBlock, fromHex(encrypted)))).toBe(plain);
  });

  // "The Galois/Counter Mode of Operation", test cases 1, 2, 13 and 14: the keystream of a zero
  // key at counters 0, 1 and 2, of which an image's first three blocks are made.
  it.each([
    [
      'AES-128',
      16,
      ['66e94bd4ef8a2c3b884cfa59ca342b2e', '58e2fccefa7e3061367f1d57a4e7455a'],
      '0388dace60b6a392f328c2b971b2fe78',
    ],
    [
      'AES-256',
      32,
      ['dc95c078a2408989ad48a21492842087', '530f8afbc74536b9a963b4f1c4cb738b'],
      'cea7403d4d606b6e074ec5d3baf39d18',
    ],
  ] as const)('counts the blocks of a body from zero with %s', (_, size, first, third) => {
    const cipher = createContentCipher(new Uint8Array(size), crypto);
    expect(hex(cipher.apply(0, new Uint8Array(48)))).toBe(first.join('') + third);
    expect(hex(cipher.apply(32, new Uint8Array(16)))).toBe(third);
    expect(hex(cipher.apply(19, new Uint8Array(5)))).toBe(first[1].slice(6, 16));
  });

  it.each([
    // RFC 4231 §4.2 to §4.8; §4.6 is about truncation.
    [
      filled(0x0b, 20),
      text('Hi There'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      text('Jefe'),
      text('what do ya want for nothing?'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      filled(0xaa, 20),
      filled(0xdd, 50),
      '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    ],
    [
      counting(0x01, 0x19),
      filled(0xcd, 50),
      '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
    ],
    [
      filled(0xaa, 131),
      text('Test Using Larger Than Block-Size Key - Hash Key First'),
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      filled(0xaa, 131),
      text(
        'This is a test using a larger than block-size key and a larger than block-size data. ' +
          'The key needs to be hashed before being used by the HMAC algorithm.',
      ),
      '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
    ],
  ])('authenticates as RFC 4231 says (case %#)', (key, message, tag) => {
    expect(hex(crypto.hmacSha256(key, message))).toBe(tag);
  });

  it.each([
    // RFC 5869 §A.1 to §A.3.
    [
      filled(0x0b, 22),
      counting(0x00, 0x0c),
      counting(0xf0, 0xf9),
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    ],
    [
      counting(0x00, 0x4f),
      counting(0x60, 0xaf),
      counting(0xb0, 0xff),
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c' +
        '59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71' +
        'cc30c58179ec3e87c14c01d5c1f3434f1d87',
    ],
    [
      filled(0x0b, 22),
      new Uint8Array(0),
      new Uint8Array(0),
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    ],
  ])('derives keys as RFC 5869 says (case %#)', (secret, salt, info, material) => {
    const lengthBytes = material.length / 2;
    expect(hex(hkdfSha256({ secret, salt, info, lengthBytes }, crypto))).toBe(material);
  });

  it.each([
    // RFC 7748 §5.2: two vectors, and the first step of the iterated one.
    [
      'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
      'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    ],
    [
      '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
      'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
      '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
    ],
    [
      '0900000000000000000000000000000000000000000000000000000000000000',
      '0900000000000000000000000000000000000000000000000000000000000000',
      '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079',
    ],
  ])('agrees on X25519 as RFC 7748 says (case %#)', (privateKey, point, secret) => {
    const key = { curve: 'x25519', privateKey: fromHex(privateKey) } as const;
    expect(hex(crypto.sharedSecret(key, fromHex(point)))).toBe(secret);
  });

  it('agrees on P-256 as RFC 5903 §8.1 says', () => {
    const privateKey = fromHex('c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433');
    const point = fromHex(
      '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63' +
        '56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
    );
    expect(hex(crypto.sharedSecret({ curve: 'p256', privateKey }, point))).toBe(
      'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de',
    );
  });
});
