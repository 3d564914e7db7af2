import * as nodeCrypto from 'node:crypto';
import { createNodeCrypto, signedMessageFromBytes } from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedKey } from './test-keys.js';

const node = createNodeCrypto(nodeCrypto);
const MESSAGE = new TextEncoder().encode('an image');

function rsaSignature(
  privateKey: nodeCrypto.KeyObject,
  options: { readonly saltLength: number; readonly hash?: string; readonly pss?: boolean },
): Uint8Array {
  const { RSA_PKCS1_PSS_PADDING, RSA_PKCS1_PADDING } = nodeCrypto.constants;
  const padding = options.pss === false ? RSA_PKCS1_PADDING : RSA_PKCS1_PSS_PADDING;
  const { saltLength, hash = 'sha256' } = options;
  return nodeCrypto.sign(hash, MESSAGE, { key: privateKey, padding, saltLength });
}

/** Enough that one in 256 comes up: it fails once in 10^17 runs. */
const RUNS_MAX = 10_000;

describe.each([2048, 3072] as const)('RSA-PSS with %i bits', (modulusLength) => {
  const { privateKey, publicKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const key = { algorithm: `rsa-${modulusLength}-pss-sha256`, spki } as const;
  const check = (signature: Uint8Array, message = MESSAGE): string =>
    node.verify(key, signedMessageFromBytes(message, node), signature);

  it('takes what OpenSSL signs with a salt of 32 bytes', () => {
    for (let run = 0; run < 10; run += 1) {
      expect(check(rsaSignature(privateKey, { saltLength: 32 }))).toBe('valid');
    }
  });

  it('refuses other salts, hashes and paddings', () => {
    for (const saltLength of [0, 20, 31, 33, 64]) {
      expect(check(rsaSignature(privateKey, { saltLength }))).toBe('invalid');
    }
    expect(check(rsaSignature(privateKey, { saltLength: 32, hash: 'sha1' }))).toBe('invalid');
    expect(check(rsaSignature(privateKey, { saltLength: 32, pss: false }))).toBe('invalid');
  });

  it('answers as OpenSSL for changed signatures and messages', () => {
    const signature = rsaSignature(privateKey, { saltLength: 32 });
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = signature.map((byte, index) => (index === at ? byte ^ flip : byte));
        expect(check(changed)).toBe('invalid');
      }),
    );
    expect(check(signature, Uint8Array.of(1))).toBe('invalid');
    expect(check(signature.subarray(1))).toBe('invalid');
    expect(check(Uint8Array.of(0, ...signature))).toBe('invalid');
    expect(check(new Uint8Array(0))).toBe('invalid');
    expect(check(new Uint8Array(modulusLength / 8).fill(0xff))).toBe('invalid');
  });

  it('refuses every encoded message that breaks one rule of EMSA-PSS', () => {
    for (const [name, encoded] of Object.entries(brokenEncodings(modulusLength / 8))) {
      const signature = nodeCrypto.privateEncrypt(
        { key: privateKey, padding: nodeCrypto.constants.RSA_NO_PADDING },
        encoded,
      );
      expect({ name, answer: check(signature) }).toEqual({
        name,
        answer: name === 'unbroken' ? 'valid' : 'invalid',
      });
    }
  });

  it('refuses an encoded message whose leftmost bit is set', () => {
    const signature = firstThatFits(privateKey, (salt) =>
      encodePss(modulusLength / 8, { salt, leftmostBit: 0x80 }),
    );
    expect(check(signature)).toBe('invalid');
  });

  it('refuses a key of the other size', () => {
    const other = modulusLength === 2048 ? 'rsa-3072-pss-sha256' : 'rsa-2048-pss-sha256';
    const signature = rsaSignature(privateKey, { saltLength: 32 });
    const message = signedMessageFromBytes(MESSAGE, node);
    expect(node.verify({ algorithm: other, spki }, message, signature)).toBe('invalid');
  });
});

describe('an RSA signature that begins with zeros', () => {
  it('is refused without them, though OpenSSL would take it', () => {
    const { privateKey, publicKey } = nodeCrypto.generateKeyPairSync('rsa', {
      modulusLength: 2048,
    });
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    const key = { algorithm: 'rsa-2048-pss-sha256', spki } as const;
    const message = signedMessageFromBytes(MESSAGE, node);
    let signature = rsaSignature(privateKey, { saltLength: 32 });
    for (let run = 0; run < RUNS_MAX && signature[0] !== 0; run += 1) {
      signature = rsaSignature(privateKey, { saltLength: 32 });
    }
    expect(signature[0]).toBe(0);
    expect(node.verify(key, message, signature)).toBe('valid');
    expect(node.verify(key, message, signature.subarray(1))).toBe('invalid');
  });
});

/** EMSA-PSS (RFC 8017 §9.1.1) done here once more, with one thing wrong in each. */
function brokenEncodings(lengthBytes: number): Readonly<Record<string, Uint8Array>> {
  return {
    unbroken: encodePss(lengthBytes, {}),
    trailer: encodePss(lengthBytes, { trailer: 0xcc }),
    separator: encodePss(lengthBytes, { separator: 0x02 }),
    zeros: encodePss(lengthBytes, { firstZero: 0x01 }),
    prefix: encodePss(lengthBytes, { prefix: 0x01 }),
  };
}

/** The signature over the first encoding, by salt, that is below the modulus. */
function firstThatFits(
  key: nodeCrypto.KeyObject,
  encode: (salt: Uint8Array) => Uint8Array,
): Uint8Array {
  const padding = nodeCrypto.constants.RSA_NO_PADDING;
  for (let filler = 0; filler < 256; filler += 1) {
    try {
      return nodeCrypto.privateEncrypt({ key, padding }, encode(new Uint8Array(32).fill(filler)));
    } catch {
      // Not below the modulus: the next salt may be.
    }
  }
  throw new Error('no salt fits');
}

function encodePss(
  lengthBytes: number,
  wrong: {
    readonly salt?: Uint8Array;
    readonly leftmostBit?: number;
    readonly trailer?: number;
    readonly separator?: number;
    readonly firstZero?: number;
    readonly prefix?: number;
  },
): Uint8Array {
  const sha256 = (...parts: readonly Uint8Array[]): Uint8Array =>
    nodeCrypto.createHash('sha256').update(Buffer.concat(parts)).digest();
  const salt = wrong.salt ?? new Uint8Array(32).fill(5);
  const prefix = new Uint8Array(8).fill(wrong.prefix ?? 0);
  const hash = sha256(prefix, sha256(MESSAGE), salt);
  const maskedLength = lengthBytes - 33;
  const block = new Uint8Array(maskedLength);
  block[1] = wrong.firstZero ?? 0;
  block[maskedLength - 33] = wrong.separator ?? 1;
  block.set(salt, maskedLength - 32);
  for (let at = 0; at < maskedLength; at += 1) {
    const mask = sha256(hash, Uint8Array.of(0, 0, 0, Math.floor(at / 32)));
    block[at] = (block[at] ?? 0) ^ (mask[at % 32] ?? 0);
  }
  block[0] = ((block[0] ?? 0) & 0x7f) | (wrong.leftmostBit ?? 0);
  return Buffer.concat([block, hash, Uint8Array.of(wrong.trailer ?? 0xbc)]);
}

describe('the node:crypto provider', () => {
  it('reads a key once, however often it verifies with it', () => {
    let made = 0;
    const counting = createNodeCrypto({
      ...nodeCrypto,
      createPublicKey: (input: Parameters<typeof nodeCrypto.createPublicKey>[0]) => {
        made += 1;
        return nodeCrypto.createPublicKey(input);
      },
    });
    const key = fixedKey('ed25519');
    const message = signedMessageFromBytes(MESSAGE, counting);
    for (let run = 0; run < 3; run += 1) {
      expect(counting.verify(key.verificationKey, message, key.sign(message))).toBe('valid');
    }
    expect(made).toBe(1);
  });
});
