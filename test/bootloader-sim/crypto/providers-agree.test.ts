import * as nodeCrypto from 'node:crypto';
import {
  createNodeCrypto,
  nobleCrypto,
  parsePublicKey,
  signedMessageFromBytes,
  type SignatureCheck,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { ED25519_TORSION_SUBGROUP, ed25519 as nobleEd25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedKey, fromHex, rsaKey } from './test-keys.js';

const node = createNodeCrypto(nodeCrypto);
const ecdsa = fixedKey('ecdsa-p256-sha256');
const ed25519 = fixedKey('ed25519');
const MESSAGE = Uint8Array.from({ length: 1000 }, (_, index) => index & 0xff);

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** What both say; fails when they differ. */
function bothSay(key: VerificationKey, message: Uint8Array, signature: Uint8Array): SignatureCheck {
  const byNoble = nobleCrypto.verify(key, signedMessageFromBytes(message, nobleCrypto), signature);
  const byNode = node.verify(key, signedMessageFromBytes(message, node), signature);
  expect({ noble: byNoble }).toEqual({ noble: byNode });
  return byNode;
}

function sign(key: typeof ecdsa, message: Uint8Array): Uint8Array {
  return key.sign(signedMessageFromBytes(message, nobleCrypto));
}

function toDer(r: bigint, s: bigint): Uint8Array {
  const body = `${derInteger(r)}${derInteger(s)}`;
  return fromHex(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`);
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function derInteger(value: bigint): string {
  let digits = value.toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  if (parseInt(digits.slice(0, 2), 16) >= 0x80) digits = `00${digits}`;
  return `02${(digits.length / 2).toString(16).padStart(2, '0')}${digits}`;
}

function fromDer(der: Uint8Array): { readonly r: bigint; readonly s: bigint } {
  const rLength = der[3] ?? 0;
  const hex = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  return { r: hex(der.subarray(4, 4 + rLength)), s: hex(der.subarray(6 + rLength)) };
}

function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0')).toReversed();
}

function ed25519KeyOf(point: Uint8Array): VerificationKey {
  const spki = Uint8Array.of(...fromHex('302a300506032b6570032100'), ...point);
  return { algorithm: 'ed25519', spki };
}

/** A signature by an honest key whose R was moved by a point of order 8. */
function signWithTorsion(message: Uint8Array): {
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
} {
  const { Point } = nobleEd25519;
  const key = nobleEd25519.utils.getExtendedPublicKey(new Uint8Array(32).fill(9));
  const torsion = Point.fromHex(ED25519_TORSION_SUBGROUP[1] ?? '');
  const nonce = 123_456_789n;
  const encodedR = Point.BASE.multiply(nonce).add(torsion).toBytes();
  const hashed = nodeCrypto
    .createHash('sha512')
    .update(encodedR)
    .update(key.pointBytes)
    .update(message)
    .digest('hex');
  const k = BigInt(`0x${Buffer.from(fromHex(hashed).toReversed()).toString('hex')}`);
  const s = (nonce + k * key.scalar) % ED25519_ORDER;
  return {
    signature: Uint8Array.of(...encodedR, ...littleEndian(s)),
    publicKey: key.pointBytes,
  };
}

describe('two crypto providers', () => {
  it('hash alike, however the bytes arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (chunks) => {
        const hashers = [nobleCrypto.sha256(), node.sha256()];
        for (const chunk of chunks) for (const hasher of hashers) hasher.update(chunk);
        const [byNoble, byNode] = hashers.map((hasher) => hasher.digest());
        expect(byNoble).toEqual(byNode);
        expect(byNoble).toEqual(
          new Uint8Array(nodeCrypto.createHash('sha256').update(Buffer.concat(chunks)).digest()),
        );
      }),
    );
  });

  for (const [name, key] of [
    ['ECDSA P-256', ecdsa],
    ['Ed25519', ed25519],
  ] as const) {
    describe(`on ${name}`, () => {
      it('accept what was signed, whatever the message', () => {
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
            expect(bothSay(key.verificationKey, message, sign(key, message))).toBe('valid');
          }),
          { numRuns: 15 },
        );
      });

      it('refuse every signature with one byte changed, cut or added', () => {
        const signature = sign(key, MESSAGE);
        fc.assert(
          fc.property(
            fc.nat(signature.length - 1),
            fc.integer({ min: 1, max: 255 }),
            (index, flip) => {
              const changed = signature.map((byte, at) => (at === index ? byte ^ flip : byte));
              expect(bothSay(key.verificationKey, MESSAGE, changed)).toBe('invalid');
              const cut = signature.subarray(0, index);
              expect(bothSay(key.verificationKey, MESSAGE, cut)).toBe('invalid');
            },
          ),
          { numRuns: 60 },
        );
        const longer = Uint8Array.of(...signature, 0);
        expect(bothSay(key.verificationKey, MESSAGE, longer)).toBe('invalid');
      });

      it('refuse another message and another key', () => {
        const signature = sign(key, MESSAGE);
        const other = fixedKey(key === ecdsa ? 'ecdsa-p256-sha256' : 'ed25519', 8);
        expect(bothSay(key.verificationKey, MESSAGE.subarray(1), signature)).toBe('invalid');
        expect(bothSay(other.verificationKey, MESSAGE, signature)).toBe('invalid');
      });

      it('refuse random bytes as key and as signature, without throwing', () => {
        const { algorithm, spki } = key.verificationKey;
        fc.assert(
          fc.property(
            fc.uint8Array({ maxLength: 120 }),
            fc.uint8Array({ maxLength: 80 }),
            fc.nat(spki.length - 1),
            fc.integer({ min: 1, max: 255 }),
            (random, signature, index, flip) => {
              expect(bothSay({ algorithm, spki: random }, MESSAGE, signature)).toBe('invalid');
              const changed = spki.map((byte, at) => (at === index ? byte ^ flip : byte));
              expect(bothSay({ algorithm, spki: changed }, MESSAGE, signature)).toBe('invalid');
            },
          ),
          { numRuns: 60 },
        );
      });

      it('refuse a key that claims another algorithm', () => {
        const { spki } = key.verificationKey;
        const algorithm = key === ecdsa ? 'ed25519' : 'ecdsa-p256-sha256';
        expect(bothSay({ algorithm, spki }, MESSAGE, sign(key, MESSAGE))).toBe('invalid');
      });
    });
  }

  it('take an ECDSA signature with a high s as well as one with a low s', () => {
    const { r, s } = fromDer(sign(ecdsa, MESSAGE));
    expect(bothSay(ecdsa.verificationKey, MESSAGE, toDer(r, s))).toBe('valid');
    expect(bothSay(ecdsa.verificationKey, MESSAGE, toDer(r, P256_ORDER - s))).toBe('valid');
  });

  it('refuse ECDSA numbers that are zero or not below the order', () => {
    const { r, s } = fromDer(sign(ecdsa, MESSAGE));
    for (const [badR, badS] of [
      [0n, s],
      [r, 0n],
      [0n, 0n],
      [P256_ORDER, s],
      [r, P256_ORDER],
      [r + P256_ORDER, s],
      [r, s + P256_ORDER],
      [r, 2n ** 256n - 1n],
    ] as const) {
      expect(bothSay(ecdsa.verificationKey, MESSAGE, toDer(badR, badS))).toBe('invalid');
    }
  });

  it('refuse every other way to write an ECDSA signature', () => {
    const { r, s } = fromDer(sign(ecdsa, MESSAGE));
    const body = `${derInteger(r)}${derInteger(s)}`;
    const length = body.length / 2;
    for (const other of [
      `3081${hexByte(length)}${body}`,
      `3080${body}0000`,
      `31${hexByte(length)}${body}`,
      `30${hexByte(length - 1)}${body}`,
      `30${hexByte(length + 1)}${body}00`,
      '3006020100020100',
      '30080203000001020101',
      '3006020181020101',
      '3000',
      '30',
      '',
    ]) {
      expect(bothSay(ecdsa.verificationKey, MESSAGE, fromHex(other))).toBe('invalid');
    }
  });

  it('refuse ECDSA numbers with a zero too many, or without the one that makes them positive', () => {
    const seen = new Set<string>();
    for (let index = 0; index < 12; index += 1) {
      const message = Uint8Array.of(index);
      const { r, s } = fromDer(sign(ecdsa, message));
      const [derR, derS] = [derInteger(r), derInteger(s)];
      const isSigned = derR.startsWith('022100');
      seen.add(isSigned ? 'without' : 'too many');
      const digits = isSigned ? derR.slice(6) : `00${derR.slice(4)}`;
      const otherR = `02${hexByte(digits.length / 2)}${digits}`;
      const other = `30${hexByte((otherR.length + derS.length) / 2)}${otherR}${derS}`;
      expect(bothSay(ecdsa.verificationKey, message, toDer(r, s))).toBe('valid');
      expect(bothSay(ecdsa.verificationKey, message, fromHex(other))).toBe('invalid');
    }
    expect(seen.size).toBe(2);
  });

  it('refuse an Ed25519 signature whose s is not below the order', () => {
    const signature = sign(ed25519, MESSAGE);
    const s = BigInt(`0x${Buffer.from(signature.subarray(32).toReversed()).toString('hex')}`);
    const malleated = signature.slice();
    malleated.set(littleEndian(s + ED25519_ORDER), 32);
    expect(bothSay(ed25519.verificationKey, MESSAGE, malleated)).toBe('invalid');
  });

  it('refuse Ed25519 keys of small order, with which anyone can sign', () => {
    for (const point of SMALL_ORDER_POINTS) {
      const key = ed25519KeyOf(fromHex(point));
      // R = the point, s = 0 satisfies the equation for some messages.
      for (let last = 0; last < 8; last += 1) {
        const signature = fromHex(point + '00'.repeat(32));
        expect(bothSay(key, Uint8Array.of(last), signature)).toBe('invalid');
      }
    }
  });

  it('refuse an R with a small-order part, which only the cofactor would hide', () => {
    const { signature, publicKey } = signWithTorsion(MESSAGE);
    // The library alone would take it: this is the case that could tell the providers apart.
    expect(nobleEd25519.verify(signature, MESSAGE, publicKey, { zip215: false })).toBe(true);
    expect(bothSay(ed25519KeyOf(publicKey), MESSAGE, signature)).toBe('invalid');
  });

  it('refuse an Ed25519 key with a small-order part', () => {
    const { Point } = nobleEd25519;
    const torsion = Point.fromHex(ED25519_TORSION_SUBGROUP[1] ?? '');
    const mixed = Point.BASE.multiply(5n).add(torsion).toBytes();
    expect(bothSay(ed25519KeyOf(mixed), MESSAGE, sign(ed25519, MESSAGE))).toBe('invalid');
    expect(parsePublicKey(ed25519KeyOf(mixed).spki)).toMatchObject({ code: 'key-malformed' });
  });

  it('differ on RSA only in that noble has none', () => {
    const key = rsaKey(2048);
    const signature = key.sign(signedMessageFromBytes(MESSAGE, node));
    const message = signedMessageFromBytes(MESSAGE, node);
    expect(node.verify(key.verificationKey, message, signature)).toBe('valid');
    expect(nobleCrypto.verify(key.verificationKey, message, signature)).toBe('unsupported');
  });
});

/** All eight points of small order, and their non-canonical encodings. */
const SMALL_ORDER_POINTS: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
