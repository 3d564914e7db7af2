import { execFileSync, spawnSync } from 'node:child_process';
import * as nodeCrypto from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  buildImage,
  createContentCipher,
  createNodeCrypto,
  decryptedSource,
  imageSourceFromBytes,
  nobleCrypto,
  parseDecryptionKey,
  parseEncryptionKey,
  parseImageHeader,
  parseImageTlvs,
  readImageEncryption,
  verifyImage,
  type AgreementKey,
  type ImageBuildOptions,
  type ImageEncryptionPolicy,
  type ImagePolicy,
  type ImageTlv,
  type SigningKey,
} from '@brickproof/bootloader-sim';
import { loadSigningKey } from '@brickproof/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPeer } from './peers.js';

const imgtool = findPeer('imgtool');
const python = findPeer('python-cryptography');
const DECRYPT_SCRIPT = fileURLToPath(new URL('mcuboot_decrypt.py', import.meta.url));

const node = createNodeCrypto(nodeCrypto);
const SLOT_SIZE = 0x20000;
const VERSION = { major: 1, minor: 2, revision: 3, buildNumber: 4 };
/** imgtool signs and encrypts with keys of the same type, where both types can do both. */
const KINDS = [
  { curve: 'p256', type: 'ecdsa-p256', signing: 'ecdsa-p256' },
  { curve: 'x25519', type: 'x25519', signing: 'ed25519' },
] as const;
type Kind = (typeof KINDS)[number];

/** One set of options, in imgtool's spelling and in ours. */
const VARIANTS: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: Partial<ImageBuildOptions>;
  readonly firmwareBytes: number;
}[] = [
  { name: 'a body of whole blocks', args: [], options: {}, firmwareBytes: 4096 },
  { name: 'a body to be padded', args: [], options: {}, firmwareBytes: 5001 },
  { name: 'a body of one byte', args: [], options: {}, firmwareBytes: 1 },
  {
    name: 'a header that ends inside a block',
    args: ['-H', '0x24'],
    options: { headerSizeBytes: 0x24 },
    firmwareBytes: 1000,
  },
  {
    name: 'protected TLVs',
    args: ['-s', '9', '-d', '(1,1.2.3+4)', '--custom-tlv', '0xa0', '0x0102'],
    options: {
      securityCounter: 9,
      dependencies: [{ imageIndex: 1, minimumVersion: VERSION }],
      customTlvs: [{ type: 0xa0, value: Uint8Array.of(1, 2) }],
    },
    firmwareBytes: 1000,
  },
  {
    name: 'a padded slot',
    args: ['--align', '8', '--pad', '--confirm'],
    options: { slot: { sizeBytes: SLOT_SIZE, alignBytes: 8, padding: 'confirm' } },
    firmwareBytes: 1000,
  },
];

function must<T>(verdict: { ok: true; value: T } | { ok: false; code: string; detail: string }): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}

function tlvsOf(image: Uint8Array): readonly ImageTlv[] {
  const source = imageSourceFromBytes(image);
  const header = must(parseImageHeader(source, { takesEncrypted: true }));
  return must(parseImageTlvs(source, header)).entries;
}

function firmware(sizeBytes: number): Uint8Array {
  const seed = nodeCrypto.createHash('sha512').update('payload').digest();
  return Uint8Array.from({ length: sizeBytes }, (_, at) => seed[at % 64] ?? 0);
}

describe.skipIf(imgtool.isSkipped)(`imgtool and this project${imgtool.titleSuffix}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'brickproof-imgtool-'));
  const file = (name: string): string => join(folder, name);
  const signingKeys = new Map<string, SigningKey>();

  beforeAll(() => {
    for (const type of ['ecdsa-p256', 'ed25519', 'rsa-2048']) {
      execFileSync(imgtool.command(), ['keygen', '-k', file(`sign-${type}.pem`), '-t', type]);
    }
    for (const type of ['ecdsa-p256', 'x25519', 'rsa-2048']) {
      execFileSync(imgtool.command(), ['keygen', '-k', file(`device-${type}.pem`), '-t', type]);
    }
    for (const { signing } of KINDS) {
      const pem = readFileSync(file(`sign-${signing}.pem`), 'utf8');
      signingKeys.set(signing, must(loadSigningKey(pem)));
    }
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const deviceKey = ({ type }: Kind): AgreementKey =>
    must(parseDecryptionKey(new Uint8Array(readFileSync(file(`device-${type}.pem`)))));

  const signingKey = ({ signing }: Kind): SigningKey => {
    const key = signingKeys.get(signing);
    if (key === undefined) throw new Error(`no key ${signing}`);
    return key;
  };

  function runImgtool(args: readonly string[], firmwareBytes: number): Uint8Array | undefined {
    writeFileSync(file('firmware.bin'), firmware(firmwareBytes));
    const defaults = ['-H', '0x200', '-v', '1.2.3+4', '-S', `${SLOT_SIZE}`, '--pad-header'];
    const files = [file('firmware.bin'), file('signed.bin')];
    const { status } = spawnSync(imgtool.command(), ['sign', ...defaults, ...args, ...files]);
    return status === 0 ? new Uint8Array(readFileSync(file('signed.bin'))) : undefined;
  }

  function encryptWithImgtool(
    kind: Kind,
    args: readonly string[],
    firmwareBytes: number,
  ): Uint8Array {
    const keys = ['-k', file(`sign-${kind.signing}.pem`), '-E', file(`device-${kind.type}.pem`)];
    const image = runImgtool([...keys, ...args], firmwareBytes);
    if (image === undefined) throw new Error(`imgtool refused ${args.join(' ')}`);
    return image;
  }

  function encrypt(
    kind: Kind,
    firmwareBytes: number,
    options: Partial<ImageBuildOptions> & { readonly size: 16 | 32; readonly clear?: boolean },
  ): Uint8Array {
    const { size, clear = false, ...rest } = options;
    const key = must(
      parseEncryptionKey(new Uint8Array(readFileSync(file(`device-${kind.type}.pem`)))),
    );
    const entropy = (lengthBytes: number): Uint8Array => nodeCrypto.randomBytes(lengthBytes);
    return must(
      buildImage(
        {
          payload: firmware(firmwareBytes),
          version: VERSION,
          headerSizeBytes: 0x200,
          slot: { sizeBytes: SLOT_SIZE, alignBytes: 1, padding: 'none' },
          signingKey: signingKey(kind),
          encryption: { key, contentKeySizeBytes: size, entropy, clear },
          ...rest,
        },
        node,
      ),
    );
  }

  function codeOf(kind: Kind, image: Uint8Array, encryption?: ImageEncryptionPolicy): string {
    const policy: ImagePolicy = {
      keys: [signingKey(kind).verificationKey],
      maxImageSizeBytes: SLOT_SIZE,
      minimumSecurityCounter: undefined,
      encryption,
    };
    const answers = [node, nobleCrypto].map((crypto) => {
      const verdict = verifyImage(imageSourceFromBytes(image), policy, crypto);
      return verdict.ok ? 'ok' : verdict.code;
    });
    expect(new Set(answers).size).toBe(1);
    return answers[0] ?? '';
  }

  /** The image decrypted by us: header, body, and all that follows. */
  function decrypt(kind: Kind, image: Uint8Array): Uint8Array {
    const source = imageSourceFromBytes(image);
    const header = must(parseImageHeader(source, { takesEncrypted: true }));
    const { contentKey } = must(readImageEncryption(source, header, deviceKey(kind), node));
    const cipher = createContentCipher(contentKey, node);
    return decryptedSource(source, header, cipher).read(0, image.byteLength);
  }

  describe.each(KINDS)('encrypting on $curve', (kind) => {
    const encrypted = (): ImageEncryptionPolicy => ({ body: 'encrypted', key: deviceKey(kind) });
    const sizes = [
      [16, '128'],
      [32, '256'],
    ] as const;

    it.each(sizes)(
      'verify and decrypt with keys of %i bytes what imgtool encrypts',
      (size, bits) => {
        for (const { name, args, options, firmwareBytes } of VARIANTS) {
          const flags = [...args, '--encrypt-keylen', bits];
          const image = encryptWithImgtool(kind, flags, firmwareBytes);
          expect({ name, code: codeOf(kind, image, encrypted()) }).toEqual({ name, code: 'ok' });
          // Header, body and protected TLVs bit for bit as we build them.
          const plain = encrypt(kind, firmwareBytes, { ...options, size, clear: true });
          const hashedBytes = (tlvsOf(image).find((tlv) => !tlv.protected)?.offset ?? 0) - 8;
          const ours = Buffer.from(plain.subarray(0, hashedBytes));
          expect(ours.equals(decrypt(kind, image).subarray(0, hashedBytes))).toBe(true);
          expect(codeOf(kind, image)).toBe('image-encryption-key-missing');
          expect(codeOf(kind, image, { body: 'plain' })).toBe('image-hash-mismatch');
        }
      },
    );

    it.each(sizes)('put TLVs of the same kinds and sizes in the same order (%i)', (size, bits) => {
      for (const { name, args, options, firmwareBytes } of VARIANTS) {
        const flags = [...args, '--encrypt-keylen', bits];
        const theirs = encryptWithImgtool(kind, flags, firmwareBytes);
        const ours = encrypt(kind, firmwareBytes, { ...options, size });
        expect({ name, tlvs: shapeOf(ours) }).toEqual({ name, tlvs: shapeOf(theirs) });
        const { headerSizeBytes = 0x200 } = options;
        expect(ours.subarray(0, headerSizeBytes)).toEqual(theirs.subarray(0, headerSizeBytes));
        const isPadded = options.slot !== undefined;
        if (isPadded) expect(ours.byteLength).toBe(theirs.byteLength);
        if (isPadded) expect(ours.subarray(-100)).toEqual(theirs.subarray(-100));
      }
    });

    it('leave the body plain for a primary slot alike', () => {
      const image = encryptWithImgtool(kind, ['--clear'], 5001);
      expect(codeOf(kind, image, { body: 'plain' })).toBe('ok');
      expect(codeOf(kind, image, encrypted())).toBe('image-hash-mismatch');
      expect(shapeOf(encrypt(kind, 5001, { size: 16, clear: true }))).toEqual(shapeOf(image));
      const read = decrypt(kind, decrypt(kind, image));
      expect(Buffer.from(read).equals(image)).toBe(true);
    });

    it('sign a plain body that imgtool verifies', () => {
      writeFileSync(file('ours.bin'), encrypt(kind, 5001, { size: 32, clear: true }));
      const verify = ['verify', '-k', file(`sign-${kind.signing}.pem`), file('ours.bin')];
      const answer = execFileSync(imgtool.command(), verify, { encoding: 'utf8' });
      expect(answer).toContain('Image was correctly validated');
    });

    it('take the same images for a slot, to the byte', () => {
      // 128 sectors of 3 words, two content keys, four fields and the magic.
      const trailerBytes = 128 * 3 * 8 + 2 * 16 + 4 * 8 + 16;
      const { byteLength } = encrypt(kind, 1000, { size: 16 });
      // A signature by ECDSA has another length each time.
      const slack = kind.signing === 'ed25519' ? 0 : 16;
      for (const [more, isTaken] of [
        [slack, true],
        [-slack - 1, false],
      ] as const) {
        const sizeBytes = byteLength + trailerBytes + more;
        const keys = [
          '-k',
          file(`sign-${kind.signing}.pem`),
          '-E',
          file(`device-${kind.type}.pem`),
        ];
        const theirs = runImgtool([...keys, '--align', '8', '-S', `${sizeBytes}`], 1000);
        expect(theirs !== undefined).toBe(isTaken);
        const slot = { sizeBytes, alignBytes: 8, padding: 'none' } as const;
        const ours = (): Uint8Array => encrypt(kind, 1000, { size: 16, slot });
        if (isTaken) expect(ours).not.toThrow();
        else expect(ours).toThrow('build-slot-size');
      }
    });

    it("read imgtool's keys in every form it has", () => {
      const pem = file(`device-${kind.type}.pem`);
      const key = deviceKey(kind);
      const c = execFileSync(
        imgtool.command(),
        ['getpriv', '--minimal', '-f', 'pkcs8', '-k', pem],
        {
          encoding: 'utf8',
        },
      );
      const digits = [...c.matchAll(/0x([0-9a-f]{2})/g)].map(([, byte = '']) => parseInt(byte, 16));
      expect(must(parseDecryptionKey(Uint8Array.from(digits)))).toEqual(key);
      const publicPem = execFileSync(imgtool.command(), ['getpub', '-e', 'pem', '-k', pem]);
      const own = must(parseEncryptionKey(new Uint8Array(readFileSync(pem))));
      expect(must(parseEncryptionKey(new Uint8Array(publicPem)))).toEqual(own);
    });

    it('refuse what was encrypted for another device', () => {
      const other = file(`other-${kind.type}.pem`);
      execFileSync(imgtool.command(), ['keygen', '-k', other, '-t', kind.type]);
      const keys = ['-k', file(`sign-${kind.signing}.pem`), '-E', other];
      const image = runImgtool(keys, 1000) ?? new Uint8Array(0);
      expect(codeOf(kind, image, encrypted())).toBe('image-encryption-tag');
    });

    it.skipIf(python.isSkipped).each(sizes)(
      `encrypt with keys of %i bytes what OpenSSL decrypts as MCUboot does${python.titleSuffix}`,
      (size) => {
        for (const { options, firmwareBytes } of VARIANTS) {
          const image = encrypt(kind, firmwareBytes, { ...options, size });
          writeFileSync(file('ours.bin'), image);
          const args = [DECRYPT_SCRIPT, file(`device-${kind.type}.pem`), file('ours.bin')];
          const answer: unknown = JSON.parse(
            execFileSync(python.command(), args, { encoding: 'utf8' }),
          );
          const source = imageSourceFromBytes(image);
          const header = must(parseImageHeader(source, { takesEncrypted: true }));
          const { contentKey } = must(readImageEncryption(source, header, deviceKey(kind), node));
          const [hash] = tlvsOf(image).filter(({ type }) => type === 0x10);
          const at = hash?.offset ?? 0;
          expect(answer).toEqual({
            contentKey: Buffer.from(contentKey).toString('hex'),
            hash: Buffer.from(image.subarray(at, at + 32)).toString('hex'),
          });
        }
      },
    );
  });

  it.each([
    ['RSA', ['-k', 'sign-rsa-2048.pem', '-E', 'device-rsa-2048.pem']],
    [
      'ECIES with SHA-512',
      ['-k', 'sign-ed25519.pem', '-E', 'device-x25519.pem', '--hmac-sha', '512'],
    ],
  ])('refuse a content key wrapped with %s', (_, args) => {
    const [, kind] = KINDS;
    const paths = args.map((word) => (word.endsWith('.pem') ? file(word) : word));
    const image = runImgtool(paths, 1000) ?? new Uint8Array(0);
    const key = deviceKey(kind);
    expect(codeOf(kind, image, { body: 'encrypted', key })).toBe('image-tlv-not-allowed');
  });
});

/** The TLVs without their values; of a signature by ECDSA, whose length varies, only the kind. */
function shapeOf(image: Uint8Array): readonly unknown[] {
  const ecdsa = 0x22;
  return tlvsOf(image).map(({ type, protected: isProtected, sizeBytes }) => {
    return type === ecdsa ? { type, isProtected } : { type, isProtected, sizeBytes };
  });
}
