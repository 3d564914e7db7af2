import * as nodeCrypto from 'node:crypto';
import {
  createNobleSigningKey,
  createNodeCrypto,
  nobleCrypto,
  parsePublicKey,
  publicKeyFromPoint,
  publicKeyHash,
  signedMessageFromBytes,
} from '@brickproof/bootloader-sim';
import { loadSigningKey, loadVerificationKey } from '@brickproof/harness';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedKey, fromHex, keysOfAllAlgorithms, rsaKey } from './test-keys.js';

const node = createNodeCrypto(nodeCrypto);

function spkiOf(key: nodeCrypto.KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }));
}

function ecSpki(namedCurve: string): Uint8Array {
  return spkiOf(nodeCrypto.generateKeyPairSync('ec', { namedCurve }).publicKey);
}

function codeOf(spki: Uint8Array): string {
  const key = parsePublicKey(spki);
  return key.ok ? 'ok' : key.code;
}

describe('parsePublicKey', () => {
  it('reads the keys of all four algorithms', () => {
    for (const [algorithm, key] of Object.entries(keysOfAllAlgorithms())) {
      const parsed = parsePublicKey(key.verificationKey.spki);
      expect(parsed).toMatchObject({ ok: true, value: { algorithm } });
    }
  });

  it('does not support other curves, sizes, exponents and kinds', () => {
    const rsa = (modulusLength: number, publicExponent = 65_537): Uint8Array =>
      spkiOf(nodeCrypto.generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey);
    for (const spki of [
      ecSpki('secp384r1'),
      ecSpki('secp256k1'),
      rsa(1024),
      rsa(2056),
      rsa(2048, 3),
      spkiOf(nodeCrypto.generateKeyPairSync('x25519').publicKey),
      spkiOf(nodeCrypto.generateKeyPairSync('ed448').publicKey),
      spkiOf(nodeCrypto.generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
    ]) {
      expect(codeOf(spki)).toBe('key-unsupported');
    }
  });

  it('refuses bytes before, behind or missing from a key', () => {
    for (const key of Object.values(keysOfAllAlgorithms())) {
      const { spki } = key.verificationKey;
      expect(codeOf(Uint8Array.of(...spki, 0))).toBe('key-malformed');
      expect(codeOf(Uint8Array.of(0, ...spki))).toBe('key-malformed');
      for (let length = 0; length < spki.length; length += 1) {
        expect(codeOf(spki.subarray(0, length))).toBe('key-malformed');
      }
    }
  });

  it('refuses a compressed point and a point off the curve', () => {
    const { spki } = fixedKey('ecdsa-p256-sha256').verificationKey;
    const point = spki.subarray(-65);
    const compressed = Uint8Array.of(2 + ((point[64] ?? 0) & 1), ...point.subarray(1, 33));
    const off = point.map((byte, index) => (index === 64 ? byte ^ 1 : byte));
    for (const bad of [compressed, off, new Uint8Array(65), Uint8Array.of(0)]) {
      const key = publicKeyFromPoint('ecdsa-p256-sha256', bad);
      expect(key).toMatchObject({ ok: false, code: 'key-malformed' });
    }
    expect(publicKeyFromPoint('ecdsa-p256-sha256', point)).toMatchObject({ ok: true });
  });

  it('refuses parameters where Ed25519 has none, and none where RSA has NULL', () => {
    const { spki } = fixedKey('ed25519').verificationKey;
    const withNull = `302c300706032b65700500${Buffer.from(spki.subarray(9)).toString('hex')}`;
    expect(codeOf(fromHex(withNull))).toBe('key-malformed');
    const rsa = rsaKey(2048).verificationKey.spki;
    // SEQUENCE 0122 { SEQUENCE 0d { OID 09 .., NULL 00 }, BIT STRING .. } loses its NULL.
    const rest = Buffer.from(rsa.subarray(19)).toString('hex');
    const oid = Buffer.from(rsa.subarray(6, 17)).toString('hex');
    expect(codeOf(fromHex(`30820120300b${oid}${rest}`))).toBe('key-malformed');
  });

  it('refuses an even RSA modulus', () => {
    const spki = rsaKey(2048).verificationKey.spki.slice();
    const last = spki.length - 6;
    spki[last] = (spki[last] ?? 0) & 0xfe;
    expect(codeOf(spki)).toBe('key-malformed');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(parsePublicKey(bytes).ok).toBe(false);
      }),
    );
  });
});

describe('publicKeyHash', () => {
  it('is over the SubjectPublicKeyInfo, for RSA over the RSAPublicKey', () => {
    for (const key of Object.values(keysOfAllAlgorithms())) {
      const { algorithm, spki } = key.verificationKey;
      const object = nodeCrypto.createPublicKey({
        key: Buffer.from(spki),
        format: 'der',
        type: 'spki',
      });
      const type = algorithm.startsWith('rsa') ? 'pkcs1' : 'spki';
      const expected = nodeCrypto
        .createHash('sha256')
        .update(object.export({ format: 'der', type }))
        .digest('hex');
      for (const crypto of [nobleCrypto, node]) {
        const hash = publicKeyHash(key.verificationKey, crypto);
        expect(Buffer.from(hash).toString('hex')).toBe(expected);
      }
    }
  });
});

describe('a signing key from raw bytes', () => {
  it('signs ECDSA as RFC 6979 §A.2.5 says', () => {
    const key = createNobleSigningKey({
      algorithm: 'ecdsa-p256-sha256',
      bytes: fromHex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721'),
    });
    if (!key.ok) throw new Error(key.detail);
    const message = signedMessageFromBytes(new TextEncoder().encode('sample'), nobleCrypto);
    const signature = Buffer.from(key.value.sign(message)).toString('hex');
    expect(signature).toBe(
      '3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716' +
        '022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
    );
  });

  it('signs Ed25519 as RFC 8032 §7.1 says', () => {
    const key = createNobleSigningKey({
      algorithm: 'ed25519',
      bytes: fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
    });
    if (!key.ok) throw new Error(key.detail);
    const message = signedMessageFromBytes(Uint8Array.of(0x72), nobleCrypto);
    expect(Buffer.from(key.value.sign(message)).toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
  });

  it('refuses a wrong length and a scalar out of range', () => {
    for (const bytes of [
      new Uint8Array(31).fill(1),
      new Uint8Array(33).fill(1),
      new Uint8Array(32),
      new Uint8Array(32).fill(0xff),
    ]) {
      const key = createNobleSigningKey({ algorithm: 'ecdsa-p256-sha256', bytes });
      expect(key).toMatchObject({ ok: false, code: 'key-malformed' });
    }
    const short = createNobleSigningKey({ algorithm: 'ed25519', bytes: new Uint8Array(31) });
    expect(short).toMatchObject({ ok: false, code: 'key-malformed' });
  });
});

describe('a key from PEM', () => {
  it('signs what both halves of it verify, whatever its algorithm and spelling', () => {
    for (const pem of pemSpellings()) {
      const signing = loadSigningKey(pem);
      if (!signing.ok) throw new Error(signing.detail);
      const verification = loadVerificationKey(pem);
      expect(verification).toEqual({ ok: true, value: signing.value.verificationKey });
      const message = signedMessageFromBytes(new TextEncoder().encode('firmware'), node);
      const signature = signing.value.sign(message);
      expect(node.verify(signing.value.verificationKey, message, signature)).toBe('valid');
    }
  });

  it('is refused when it is malformed, of another kind, or only public where it should sign', () => {
    const { publicKey } = nodeCrypto.generateKeyPairSync('ed25519');
    const publicPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(loadVerificationKey(publicPem).ok).toBe(true);
    expect(loadSigningKey(publicPem)).toMatchObject({ code: 'key-malformed' });
    for (const text of ['', 'no key', publicPem.replace('M', '!'), 'x'.repeat(100_000)]) {
      expect(loadSigningKey(text)).toMatchObject({ code: 'key-malformed' });
      expect(loadVerificationKey(text)).toMatchObject({ code: 'key-malformed' });
    }
    const p384 = nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
    const pem = p384.export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(loadSigningKey(pem)).toMatchObject({ code: 'key-unsupported' });
  });
});

function pemSpellings(): readonly string[] {
  const ec = nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const rsa = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
  const ed = nodeCrypto.generateKeyPairSync('ed25519').privateKey;
  return [
    ec.export({ format: 'pem', type: 'pkcs8' }),
    ec.export({ format: 'pem', type: 'sec1' }),
    rsa.export({ format: 'pem', type: 'pkcs8' }),
    rsa.export({ format: 'pem', type: 'pkcs1' }),
    ed.export({ format: 'pem', type: 'pkcs8' }),
  ].map(String);
}
