import * as nodeCrypto from 'node:crypto';
import {
  agreementPointOf,
  createNodeCrypto,
  makeAgreementKey,
  parseDecryptionKey,
  parseEncryptionKey,
  type AgreementCurve,
  type KeyRejectCode,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agreementKey, fromHex } from './test-keys.js';

const node = createNodeCrypto(nodeCrypto);
const SCALAR = '07'.repeat(32);
const POINT = Buffer.from(agreementPointOf(agreementKey('p256')).point).toString('hex');
const OID_P256 = '06082a8648ce3d030107';
const EC_ALGORITHM = `301306072a8648ce3d0201${OID_P256}`;
const X25519_ALGORITHM = '300506032b656e';

/** One DER element, from the hexadecimal digits inside. */
function der(tag: string, ...parts: readonly string[]): string {
  const contents = parts.join('');
  const length = contents.length / 2;
  return `${tag}${length < 128 ? '' : '81'}${length.toString(16).padStart(2, '0')}${contents}`;
}

function pkcs8(algorithm: string, contents: string, version = '020100'): string {
  return der('30', version, algorithm, der('04', contents));
}

function ecPrivateKey(...optional: readonly string[]): string {
  return der('30', '020101', der('04', SCALAR), ...optional);
}

const PUBLIC_HALF = der('a1', der('03', '00', POINT));

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function codeOf(file: Uint8Array): KeyRejectCode | 'ok' {
  const parsed = parseDecryptionKey(file);
  return parsed.ok ? 'ok' : parsed.code;
}

const CURVES = [
  ['p256', () => nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['x25519', () => nodeCrypto.generateKeyPairSync('x25519')],
] as const satisfies readonly (readonly [
  AgreementCurve,
  () => nodeCrypto.KeyPairKeyObjectResult,
])[];

describe.each(CURVES)('a decryption key on %s', (curve, generate) => {
  it('is read from what OpenSSL writes, in PEM and in DER, and its public half too', () => {
    for (let run = 0; run < 5; run += 1) {
      const { privateKey, publicKey } = generate();
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const fromPem = parseDecryptionKey(bytesOf(pem));
      const fromDer = parseDecryptionKey(
        new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })),
      );
      if (!fromPem.ok) throw new Error(fromPem.detail);
      expect(fromDer).toEqual(fromPem);
      const { d = '' } = privateKey.export({ format: 'jwk' });
      expect(fromPem.value.privateKey).toEqual(new Uint8Array(Buffer.from(d, 'base64url')));

      const publicPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
      const point = parseEncryptionKey(bytesOf(publicPem));
      expect(point).toEqual({ ok: true, value: agreementPointOf(fromPem.value) });
      expect(parseEncryptionKey(bytesOf(pem))).toEqual(point);
      const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
      expect(parseEncryptionKey(spki)).toEqual(point);
    }
  });

  it('may have text around it, lines of any length and either kind of line end', () => {
    const pem = generate().privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const plain = codeOf(bytesOf(pem));
    const parsed = parseDecryptionKey(bytesOf(pem));
    for (const file of [
      `0 TEST KEY. Never trust it.\n${pem}and behind it\n`,
      pem.replaceAll('\n', '\r\n'),
      pem.replace(/(?<=[A-Za-z0-9+/])\n(?=[A-Za-z0-9+/])/g, ''),
      pem.trimEnd(),
    ]) {
      expect(parseDecryptionKey(bytesOf(file))).toEqual(parsed);
    }
    expect(plain).toBe('ok');
  });

  it('is refused with any one byte of its DER changed to something that is no key', () => {
    const whole = new Uint8Array(generate().privateKey.export({ format: 'der', type: 'pkcs8' }));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        expect(codeOf(whole.subarray(0, at))).toBe('key-malformed');
        const changed = parseDecryptionKey(
          whole.map((byte, index) => (index === at ? byte ^ flip : byte)),
        );
        // Only the secret of an X25519 key may be any bytes.
        if (changed.ok)
          expect({ curve, isSecret: at >= 16 }).toEqual({ curve: 'x25519', isSecret: true });
      }),
      { numRuns: 200 },
    );
    expect(codeOf(Uint8Array.of(...whole, 0))).toBe('key-malformed');
  });

  it('stays what it is when the bytes of its file are written over', () => {
    const file = generate().privateKey.export({ format: 'der', type: 'pkcs8' });
    const parsed = parseDecryptionKey(file);
    if (!parsed.ok) throw new Error(parsed.detail);
    const before = Uint8Array.from(parsed.value.privateKey);
    file.fill(0);
    expect(parsed.value.privateKey).toEqual(before);
  });

  it('is made from entropy, and is another one from other entropy', () => {
    const asked: number[] = [];
    const made = [1, 2].map((filler) =>
      makeAgreementKey(curve, (lengthBytes) => {
        asked.push(lengthBytes);
        return new Uint8Array(lengthBytes).fill(filler);
      }),
    );
    expect(new Set(made.map((key) => Buffer.from(key.privateKey).toString('hex'))).size).toBe(2);
    expect(Math.min(...asked)).toBeGreaterThanOrEqual(32);
    const [one = agreementKey(curve), other = agreementKey(curve)] = made;
    const secret = node.sharedSecret(one, agreementPointOf(other).point);
    expect(secret).toBeDefined();
    expect(node.sharedSecret(other, agreementPointOf(one).point)).toEqual(secret);
  });
});

describe('a decryption key', () => {
  it.each([
    ['minimal, as imgtool writes it for a bootloader', pkcs8(EC_ALGORITHM, ecPrivateKey())],
    ['with its public half', pkcs8(EC_ALGORITHM, ecPrivateKey(PUBLIC_HALF))],
    [
      'with its curve named twice',
      pkcs8(EC_ALGORITHM, ecPrivateKey(der('a0', OID_P256), PUBLIC_HALF)),
    ],
    ['X25519', pkcs8(X25519_ALGORITHM, der('04', SCALAR))],
  ])('may be %s', (_, digits) => {
    const parsed = parseDecryptionKey(fromHex(digits));
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(Buffer.from(parsed.value.privateKey).toString('hex')).toBe(SCALAR);
  });

  const p256 = (digits: string): string =>
    pkcs8(EC_ALGORITHM, der('30', '020101', der('04', digits)));
  it.each<readonly [string, KeyRejectCode, string]>([
    ['nothing', 'key-malformed', ''],
    ['an empty sequence', 'key-malformed', '3000'],
    ['PKCS #8 of version 1', 'key-malformed', pkcs8(EC_ALGORITHM, ecPrivateKey(), '020101')],
    ['an ECPrivateKey alone', 'key-malformed', ecPrivateKey(PUBLIC_HALF)],
    ['a scalar of 31 bytes', 'key-malformed', p256('07'.repeat(31))],
    ['a scalar of 33 bytes', 'key-malformed', p256('07'.repeat(33))],
    ['the scalar 0', 'key-malformed', p256('00'.repeat(32))],
    [
      'a scalar that is the order',
      'key-malformed',
      p256('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
    ],
    [
      'the public half of another key',
      'key-malformed',
      pkcs8(EC_ALGORITHM, ecPrivateKey(PUBLIC_HALF.slice(0, -2) + '00')),
    ],
    [
      'something behind the public half',
      'key-malformed',
      pkcs8(EC_ALGORITHM, ecPrivateKey(PUBLIC_HALF, '0500')),
    ],
    [
      'another curve inside',
      'key-malformed',
      pkcs8(EC_ALGORITHM, ecPrivateKey(der('a0', '06052b81040022'), PUBLIC_HALF)),
    ],
    ['P-384', 'key-unsupported', pkcs8('301006072a8648ce3d020106052b81040022', ecPrivateKey())],
    ['Ed25519', 'key-unsupported', pkcs8('300506032b6570', der('04', SCALAR))],
    ['X25519 with parameters', 'key-malformed', pkcs8('300706032b656e0500', der('04', SCALAR))],
    ['X25519 of 31 bytes', 'key-malformed', pkcs8(X25519_ALGORITHM, der('04', '07'.repeat(31)))],
    ['X25519 without its second wrapping', 'key-malformed', pkcs8(X25519_ALGORITHM, SCALAR)],
  ])('is not %s', (_, code, digits) => {
    expect(codeOf(fromHex(digits))).toBe(code);
  });

  it('is not PEM of another kind, and the answer names the kind', () => {
    const { privateKey, publicKey } = nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const passphrase = { cipher: 'aes-256-cbc', passphrase: 'secret' };
    for (const [label, pem] of [
      ['EC PRIVATE KEY', privateKey.export({ format: 'pem', type: 'sec1' })],
      ['PUBLIC KEY', publicKey.export({ format: 'pem', type: 'spki' })],
      ['ENCRYPTED PRIVATE KEY', privateKey.export({ format: 'pem', type: 'pkcs8', ...passphrase })],
    ] as const) {
      const parsed = parseDecryptionKey(bytesOf(pem.toString()));
      expect(parsed).toMatchObject({ ok: false, code: 'key-unsupported' });
      if (!parsed.ok) expect(parsed.detail).toContain(`"${label}"`);
    }
  });

  it.each([
    ['text', 'no key at all'],
    ['a beginning without an end', '-----BEGIN PRIVATE KEY-----\nMEEC\n'],
    ['an end of another kind', '-----BEGIN PRIVATE KEY-----\nMEEC\n-----END PUBLIC KEY-----\n'],
    ['no base64', '-----BEGIN PRIVATE KEY-----\nMEE*\n-----END PRIVATE KEY-----\n'],
    ['base64 without its padding', '-----BEGIN PRIVATE KEY-----\nMEE\n-----END PRIVATE KEY-----\n'],
    [
      'base64 with bits left over',
      '-----BEGIN PRIVATE KEY-----\nMAB=\n-----END PRIVATE KEY-----\n',
    ],
    ['padding in the middle', '-----BEGIN PRIVATE KEY-----\nMA==MEEC\n-----END PRIVATE KEY-----\n'],
  ])('is not PEM that is %s', (_, pem) => {
    expect(codeOf(bytesOf(pem))).toBe('key-malformed');
  });

  it('has one spelling in base64', () => {
    const base64 = Buffer.from(pkcs8(EC_ALGORITHM, ecPrivateKey()), 'hex').toString('base64');
    const pemOf = (body: string): Uint8Array =>
      bytesOf(`-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`);
    expect(codeOf(pemOf(base64))).toBe('ok');
    expect(base64).toMatch(/[AQgw]==$/);
    const other = base64.replace(/(.)==$/, (_, last: string) => {
      return `${String.fromCharCode(last.charCodeAt(0) + 1)}==`;
    });
    expect(codeOf(pemOf(other))).toBe('key-malformed');
    expect(codeOf(pemOf(base64.slice(0, -1)))).toBe('key-malformed');
    expect(codeOf(pemOf(base64.slice(0, -2)))).toBe('key-malformed');
  });

  it('is not a file longer than any key', () => {
    const { privateKey } = nodeCrypto.generateKeyPairSync('x25519');
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(codeOf(bytesOf(' '.repeat(16_384 - pem.length) + pem))).toBe('ok');
    expect(codeOf(bytesOf(' '.repeat(16_385 - pem.length) + pem))).toBe('key-malformed');
  });

  it('is never made of random bytes, which make nothing throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(bytes)).not.toBe('ok');
        expect(parseEncryptionKey(bytes).ok).toBe(false);
        const inside = `30${bytes.length < 128 ? '' : '81'}`;
        expect(codeOf(Uint8Array.of(...fromHex(inside), bytes.length, ...bytes))).not.toBe('ok');
      }),
    );
  });
});

describe('an encryption key', () => {
  const spki = (algorithm: string, point: string): Uint8Array =>
    fromHex(der('30', algorithm, der('03', '00', point)));

  it.each<readonly [string, KeyRejectCode, Uint8Array]>([
    ['a point off the curve', 'key-malformed', spki(EC_ALGORITHM, `${POINT.slice(0, -2)}00`)],
    ['a compressed point', 'key-malformed', spki(EC_ALGORITHM, `02${POINT.slice(2, 66)}`)],
    ['an X25519 point of low order', 'key-malformed', spki(X25519_ALGORITHM, '00'.repeat(32))],
    ['an X25519 point of 31 bytes', 'key-malformed', spki(X25519_ALGORITHM, '09'.repeat(31))],
    ['an Ed25519 key', 'key-unsupported', spki('300506032b6570', SCALAR)],
    [
      'bits that are not whole bytes',
      'key-malformed',
      fromHex(der('30', X25519_ALGORITHM, der('03', '01', SCALAR))),
    ],
  ])('is not %s', (_, code, file) => {
    expect(parseEncryptionKey(file)).toMatchObject({ ok: false, code });
  });
});
