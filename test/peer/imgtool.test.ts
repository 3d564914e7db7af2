import { execFileSync, spawnSync } from 'node:child_process';
import * as nodeCrypto from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildImage,
  createNodeCrypto,
  imageSourceFromBytes,
  nobleCrypto,
  parseImageVersion,
  publicKeyHash,
  verifyImage,
  type ImageBuildOptions,
  type ImagePolicy,
  type ImageVersion,
  type SigningKey,
} from '@brickproof/bootloader-sim';
import { loadSigningKey } from '@brickproof/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const IMGTOOL = process.env['IMGTOOL'] ?? 'imgtool';
const found = spawnSync(IMGTOOL, ['version'], { encoding: 'utf8' });
const isMissing = found.status !== 0;
if (isMissing) {
  console.warn(`skipped: imgtool is not on the PATH, and IMGTOOL does not name it`);
}

const node = createNodeCrypto(nodeCrypto);
const KEY_TYPES = ['ecdsa-p256', 'ed25519', 'rsa-2048', 'rsa-3072'] as const;
type KeyType = (typeof KEY_TYPES)[number];

/** One set of options, in imgtool's spelling and in ours. */
interface Variant {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: Partial<ImageBuildOptions>;
}

function version(text: string): ImageVersion {
  const parsed = parseImageVersion(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

const HEADER_SIZES: readonly Variant[] = [0x20, 0x100, 0x200, 0x400, 0x1000].map((size) => ({
  name: `header of ${size}`,
  args: ['-H', `${size}`],
  options: { headerSizeBytes: size },
}));

const VERSIONS: readonly Variant[] = ['0.0.0', '1.2.3+4', '255.255.65535+4294967295', '7'].map(
  (text) => ({ name: `version ${text}`, args: ['-v', text], options: { version: version(text) } }),
);

const TLVS: readonly Variant[] = [
  { name: 'counter 0', args: ['-s', '0'], options: { securityCounter: 0 } },
  {
    name: 'counter 4294967295',
    args: ['-s', '4294967295'],
    options: { securityCounter: 4_294_967_295 },
  },
  {
    name: 'counter auto',
    args: ['-s', 'auto', '-v', '200.2.3+4'],
    options: { securityCounter: 'auto', version: version('200.2.3+4') },
  },
  {
    name: 'dependencies',
    args: ['-d', '(1,1.2.3+4),(0,2.0.0)'],
    options: {
      dependencies: [
        { imageIndex: 1, minimumVersion: version('1.2.3+4') },
        { imageIndex: 0, minimumVersion: version('2.0.0') },
      ],
    },
  },
  {
    name: 'custom TLVs',
    args: ['--custom-tlv', '0xfa0', '0x010203', '--custom-tlv', '0xa1', 'text'],
    options: {
      customTlvs: [
        { type: 0xfa0, value: Uint8Array.of(1, 2, 3) },
        { type: 0xa1, value: new TextEncoder().encode('text') },
      ],
    },
  },
  {
    name: 'everything protected',
    args: ['-s', '9', '-d', '(1,1.0.0)', '--custom-tlv', '0x00b0', '0xff'],
    options: {
      securityCounter: 9,
      dependencies: [{ imageIndex: 1, minimumVersion: version('1.0.0') }],
      customTlvs: [{ type: 0xb0, value: Uint8Array.of(0xff) }],
    },
  },
];

const ADDRESSES: readonly Variant[] = [
  {
    name: 'rom-fixed',
    args: ['--rom-fixed', '0xc000'],
    options: { address: { kind: 'rom-fixed', value: 0xc000 } },
  },
  {
    name: 'load-addr',
    args: ['--load-addr', '0x20000000'],
    options: { address: { kind: 'ram-load', value: 0x2000_0000 } },
  },
  { name: 'erased 0', args: ['-R', '0'], options: { erasedValue: 0 } },
];

const SLOT_SIZE = 0x20000;

const PADDINGS: readonly Variant[] = ([1, 2, 4, 8, 16, 32] as const).flatMap((alignBytes) =>
  (['none', 'pad', 'test', 'confirm'] as const).flatMap((padding) =>
    [false, true].map((overwriteOnly): Variant => {
      return {
        name: `align ${alignBytes} ${padding}${overwriteOnly ? ' overwrite-only' : ''}`,
        args: [
          ...['--align', `${alignBytes}`],
          ...(padding === 'none' ? [] : [`--${padding}`]),
          ...(overwriteOnly ? ['--overwrite-only'] : []),
        ],
        options: { slot: { sizeBytes: SLOT_SIZE, alignBytes, padding, overwriteOnly } },
      };
    }),
  ),
);

const VARIANTS: readonly Variant[] = [
  { name: 'plain', args: [], options: {} },
  ...HEADER_SIZES,
  ...VERSIONS,
  ...TLVS,
  ...ADDRESSES,
  {
    name: 'non-bootable',
    args: ['--non-bootable'],
    options: { nonBootable: true },
  },
  {
    name: 'max sectors and erased 0 under confirm',
    args: ['--align', '8', '-M', '64', '--confirm', '-R', '0'],
    options: {
      erasedValue: 0,
      slot: { sizeBytes: SLOT_SIZE, alignBytes: 8, padding: 'confirm', maxSectors: 64 },
    },
  },
];

describe.skipIf(isMissing)('imgtool and this project', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brickproof-imgtool-'));
  const payload = nodeCrypto.createHash('sha512').update('payload').digest();
  const firmware = Uint8Array.from({ length: 5001 }, (_, at) => payload[at % 64] ?? 0);
  const infile = join(folder, 'firmware.bin');
  const keys = new Map<KeyType, SigningKey>();

  const keyFile = (type: KeyType): string => join(folder, `${type}.pem`);

  const keyOf = (type: KeyType): SigningKey => {
    const key = keys.get(type);
    if (key === undefined) throw new Error(`no key ${type}`);
    return key;
  };

  beforeAll(() => {
    writeFileSync(infile, firmware);
    for (const type of KEY_TYPES) {
      execFileSync(IMGTOOL, ['keygen', '-k', keyFile(type), '-t', type]);
      const key = loadSigningKey(readFileSync(keyFile(type), 'utf8'));
      if (!key.ok) throw new Error(key.detail);
      keys.set(type, key.value);
    }
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function signWithImgtool(args: readonly string[], type?: KeyType): Uint8Array {
    const outfile = join(folder, 'signed.bin');
    // The last of two equal options wins, so a variant can say otherwise.
    const defaults = ['-H', '0x200', '-v', '1.0.0', '-S', `${SLOT_SIZE}`, '--pad-header'];
    const key = type === undefined ? [] : ['-k', keyFile(type)];
    execFileSync(IMGTOOL, ['sign', ...defaults, ...args, ...key, infile, outfile]);
    return new Uint8Array(readFileSync(outfile));
  }

  function build(options: Partial<ImageBuildOptions>, type?: KeyType): Uint8Array {
    const image = buildImage(
      {
        payload: firmware,
        version: version('1.0.0'),
        headerSizeBytes: 0x200,
        slot: { sizeBytes: SLOT_SIZE, alignBytes: 1, padding: 'none' },
        ...(type === undefined ? {} : { signingKey: keyOf(type) }),
        ...options,
      },
      node,
    );
    if (!image.ok) throw new Error(image.detail);
    return image.value;
  }

  function policyFor(types: readonly KeyType[]): ImagePolicy {
    return {
      keys: types.map((type) => keyOf(type).verificationKey),
      maxImageSizeBytes: SLOT_SIZE,
      minimumSecurityCounter: undefined,
      slotAddress: 0xc000,
    };
  }

  it.each(VARIANTS)('make the same unsigned and Ed25519 bytes: $name', ({ args, options }) => {
    expect(Buffer.compare(build(options), signWithImgtool(args))).toBe(0);
    expect(Buffer.compare(build(options, 'ed25519'), signWithImgtool(args, 'ed25519'))).toBe(0);
  });

  it.each(PADDINGS)('pad alike: $name', ({ args, options }) => {
    expect(Buffer.compare(build(options), signWithImgtool(args))).toBe(0);
  });

  it.each(KEY_TYPES)('name a key of %s by the same hash', (type) => {
    const outfile = join(folder, 'hash.bin');
    execFileSync(IMGTOOL, ['getpubhash', '-k', keyFile(type), '-e', 'raw', '-o', outfile]);
    expect(publicKeyHash(keyOf(type).verificationKey, node)).toEqual(
      new Uint8Array(readFileSync(outfile)),
    );
  });

  it.each(KEY_TYPES)('sign with %s what imgtool verifies', (type) => {
    for (const options of [
      {},
      { securityCounter: 'auto' as const },
      { slot: { sizeBytes: SLOT_SIZE, alignBytes: 4, padding: 'confirm' } as const },
    ]) {
      const file = join(folder, `ours-${type}.bin`);
      writeFileSync(file, build(options, type));
      const answer = execFileSync(IMGTOOL, ['verify', '-k', keyFile(type), file], {
        encoding: 'utf8',
      });
      expect(answer).toContain('Image was correctly validated');
    }
  });

  it.each(KEY_TYPES)('verify with %s what imgtool signs, in all variants', (type) => {
    for (const { name, args } of [
      ...VARIANTS,
      { name: 'align 8 pad confirm', args: ['--align', '8', '--pad', '--confirm'] },
    ]) {
      const source = imageSourceFromBytes(signWithImgtool(args, type));
      const verdict = verifyImage(source, policyFor(KEY_TYPES), node);
      const expected = name === 'non-bootable' ? 'image-not-bootable' : KEY_TYPES.indexOf(type);
      expect({ name, is: verdict.ok ? verdict.value.keyIndex : verdict.code }).toEqual({
        name,
        is: expected,
      });
      if (type.startsWith('rsa')) continue;
      const byNoble = verifyImage(source, policyFor(KEY_TYPES), nobleCrypto);
      expect(byNoble.ok).toBe(verdict.ok);
    }
  });

  it.each(KEY_TYPES)('refuse with %s what imgtool signed with another key', (type) => {
    const others = KEY_TYPES.filter((other) => other !== type);
    const source = imageSourceFromBytes(signWithImgtool([], type));
    const verdict = verifyImage(source, policyFor(others), node);
    expect(verdict).toMatchObject({ ok: false, code: 'image-key-unknown' });
  });

  it.each<readonly [string, readonly string[]]>([
    ['image-flags-unsupported', ['--compression', 'lzma2']],
    ['image-tlv-not-allowed', ['--pure']],
    ['image-tlv-not-allowed', ['--public-key-format', 'full']],
    ['image-tlv-not-allowed', ['--sha', '512']],
  ])('answer %s to what is not supported: %j', (code, args) => {
    const source = imageSourceFromBytes(signWithImgtool(args, 'ed25519'));
    const verdict = verifyImage(source, policyFor(KEY_TYPES), node);
    expect(verdict).toMatchObject({ ok: false, code });
  });

  it('refuse an encrypted image where there is no key', () => {
    const encryptionKey = join(folder, 'encryption.pem');
    execFileSync(IMGTOOL, ['keygen', '-k', encryptionKey, '-t', 'ecdsa-p256']);
    const source = imageSourceFromBytes(signWithImgtool(['-E', encryptionKey], 'ecdsa-p256'));
    const verdict = verifyImage(source, policyFor(KEY_TYPES), node);
    expect(verdict).toMatchObject({ ok: false, code: 'image-encryption-key-missing' });
  });
});
