import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './run-cli.js';
import type { CliRun } from './run-cli.js';

const SAMPLES = fileURLToPath(new URL('../../../firmware-samples', import.meta.url));
const HEADER = ['--header-size', '0x200', '--pad-header'];

let folder: string;
let p256: string;
let ed25519: string;
let x25519: string;
let firmware: string;

function path(name: string): string {
  return join(folder, name);
}

function writeKey(name: string, pem: string | Buffer): string {
  writeFileSync(path(name), pem);
  return path(name);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
  const pem = { format: 'pem', type: 'pkcs8' } as const;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  p256 = writeKey('p256.pem', ec.privateKey.export(pem));
  ed25519 = writeKey('ed25519.pem', generateKeyPairSync('ed25519').privateKey.export(pem));
  x25519 = writeKey('x25519.pem', generateKeyPairSync('x25519').privateKey.export(pem));
  firmware = path('app.bin');
  writeFileSync(firmware, Buffer.alloc(10_000, 'firmware'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function sign(output: string, ...flags: readonly string[]): Promise<CliRun> {
  return runCli(['image', 'sign', firmware, path(output), '--version', '1.2.3+4', ...flags]);
}

describe('brickproof image', () => {
  it('signs what it then verifies and shows', async () => {
    const signed = await sign('good.bin', ...HEADER, '--key', p256, '--security-counter', '7');
    expect(signed).toMatchObject({ status: 0, stderr: '' });
    const verified = await runCli([
      ...['image', 'verify', path('good.bin'), '--key', ed25519, '--key', p256],
      ...['--security-counter', '7', '--slot-size', '64KiB', '--json'],
    ]);
    expect(verified.status).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: true,
      version: '1.2.3+4',
      key: p256,
      securityCounter: 7,
      headerSizeBytes: 512,
      bodySizeBytes: 10_000,
    });
    const shown = await runCli(['image', 'show', path('good.bin')]);
    expect(shown.status).toBe(0);
    expect(shown.stdout).toMatch(/^version +1\.2\.3\+4$/m);
    expect(shown.stdout).toMatch(/^securityCounter +protected +4 bytes +07000000$/m);
  });

  it('pads to the slot, in bytes that a bootloader takes for a confirmed image', async () => {
    const flags = ['--slot-size', '32KiB', '--align', '4', '--confirm', '--key', ed25519];
    expect(await sign('padded.bin', ...HEADER, ...flags)).toMatchObject({ status: 0 });
    const bytes = readFileSync(path('padded.bin'));
    expect(bytes.byteLength).toBe(32 * 1024);
    expect(bytes.subarray(-16).toString('hex')).toBe('77c295f360d2ef7f3552500f2cb67980');
    expect(bytes.at(-24)).toBe(1);
  });

  it('says what an image needs of others, byte for byte as imgtool does', async () => {
    const sample = readFileSync(join(SAMPLES, 'nrf-dual/good-1.1.0-needs-image1-imgtool.bin'));
    const bodySizeBytes = sample.readUInt32LE(12);
    writeFileSync(path('body.bin'), sample.subarray(0x200, 0x200 + bodySizeBytes));
    const run = await runCli([
      ...['image', 'sign', path('body.bin'), path('needs.bin'), '--version', '1.1.0', ...HEADER],
      ...['--key', join(SAMPLES, 'keys/test-key-ed25519.pem'), '--security-counter', '1'],
      ...['--dependencies', '(1, 1.1.0)'],
    ]);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(path('needs.bin')).equals(sample)).toBe(true);
    expect(await sign('both.bin', ...HEADER, '-d', '(1,1.0.0) , (2, 3.0.0+4)')).toMatchObject({
      status: 0,
    });
    const shown = await runCli(['image', 'show', path('both.bin')]);
    expect(shown.stdout).toMatch(/^dependency +protected +12 bytes +010000000100000000000000$/m);
    expect(shown.stdout).toMatch(/^dependency +protected +12 bytes +020000000300000004000000$/m);
  });

  it.each(['1.1.0', '(1)', '(1, x)', '(9, 1.0.0)', '(1, 1.0.0), (1, 2.0.0)', '(1, 1.0.0) (2, 2)'])(
    'takes %j for no list of what an image needs',
    async (text) => {
      const run = await sign('no.bin', ...HEADER, '--dependencies', text);
      expect(run).toMatchObject({ status: 2, stdout: '' });
      expect(run.stderr).toContain('--dependencies');
    },
  );

  it.each([
    ['was changed', (image: Buffer) => image.fill(0, 600, 700), 'image-hash-mismatch'],
    ['was cut short', (image: Buffer) => image.subarray(0, 5_000), 'image-truncated'],
    [
      'is none',
      () => Buffer.from('text, not firmware, but long enough for a header'),
      'image-bad-magic',
    ],
  ])('refuses an image that %s, with status 1', async (_, change, code) => {
    await sign('changed.bin', ...HEADER, '--key', p256);
    writeFileSync(path('changed.bin'), change(readFileSync(path('changed.bin'))));
    const run = await runCli(['image', 'verify', path('changed.bin'), '-k', p256, '--json']);
    expect(run).toMatchObject({ status: 1, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject({ ok: false, code });
  });

  it('refuses another key, a lower counter, a slot too small, and says which', async () => {
    await sign('good.bin', ...HEADER, '--key', p256, '--security-counter', '7');
    const codes = await Promise.all(
      [
        ['--key', ed25519],
        ['--key', p256, '--security-counter', '8'],
        ['--key', p256, '--slot-size', '4KiB'],
      ].map(async (flags) => {
        const run = await runCli(['image', 'verify', path('good.bin'), ...flags, '--json']);
        expect(run.status).toBe(1);
        const { code } = JSON.parse(run.stdout) as { readonly code: string };
        return code;
      }),
    );
    expect(codes).toEqual(['image-key-unknown', 'image-security-counter-low', 'image-too-large']);
  });

  describe.each([
    ['p256', () => p256, 'encryptedEc256'],
    ['x25519', () => x25519, 'encryptedX25519'],
  ] as const)('with a device key on %s', (_, deviceKey, tlvName) => {
    it.each([
      ['128', 'its public half', () => publicHalf(deviceKey())],
      ['256', 'the key itself', deviceKey],
    ])('encrypts with AES-%s and %s what it then verifies and shows', async (bits, _half, key) => {
      const flags = ['--key', ed25519, '--encrypt-keylen', bits, '--encrypt', key()];
      const signed = await sign('encrypted.bin', ...HEADER, ...flags);
      expect(signed).toMatchObject({ status: 0, stderr: '' });
      expect(signed.stdout).toContain('signed, encrypted');
      expect(readFileSync(path('encrypted.bin')).includes('firmwarefirmware')).toBe(false);
      const verify = ['image', 'verify', path('encrypted.bin'), '--key', ed25519, '--json'];
      const verified = await runCli([...verify, '--decrypt', deviceKey()]);
      const answer: unknown = JSON.parse(verified.stdout);
      expect(answer).toMatchObject({ ok: true, flags: [`encryptedAes${bits}`] });
      const shown = await runCli(['image', 'show', path('encrypted.bin'), '--json']);
      const { tlvs } = JSON.parse(shown.stdout) as { tlvs: readonly { name: string }[] };
      expect(tlvs.map(({ name }) => name)).toEqual(['sha256', 'keyHash', 'ed25519', tlvName]);
    });

    it('leaves the body plain for a primary slot', async () => {
      const flags = [...HEADER, '--key', ed25519, '--encrypt', deviceKey(), '--clear'];
      expect(await sign('clear.bin', ...flags)).toMatchObject({ status: 0 });
      expect(readFileSync(path('clear.bin')).includes('firmwarefirmware')).toBe(true);
      const verify = ['image', 'verify', path('clear.bin'), '--key', ed25519, '--json'];
      expect(await runCli([...verify, '--clear'])).toMatchObject({ status: 0 });
      const encrypted = await runCli([...verify, '--decrypt', deviceKey()]);
      expect(JSON.parse(encrypted.stdout)).toMatchObject({ code: 'image-hash-mismatch' });
    });

    it('encrypts each time with other keys', async () => {
      const flags = [...HEADER, '--key', ed25519, '--encrypt', deviceKey()];
      const bodies = [];
      for (let run = 0; run < 2; run += 1) {
        await sign('again.bin', ...flags);
        bodies.push(readFileSync(path('again.bin')).subarray(512, 10_000).toString('hex'));
      }
      expect(new Set(bodies).size).toBe(2);
    });

    it('refuses without the key of the device, or with another one, and says which', async () => {
      await sign('encrypted.bin', ...HEADER, '--key', ed25519, '--encrypt', deviceKey());
      const verify = ['image', 'verify', path('encrypted.bin'), '--key', ed25519];
      const without = await runCli(verify);
      expect(without).toMatchObject({ status: 1, stdout: '' });
      expect(without.stderr).toMatch(/^brickproof: [^\n]+--decrypt\n$/);
      const codes: string[] = [];
      for (const flags of [[], ['--decrypt', otherDeviceKey(deviceKey())]]) {
        const run = await runCli([...verify, ...flags, '--json']);
        codes.push((JSON.parse(run.stdout) as { readonly code: string }).code);
      }
      expect(codes).toEqual(['image-encryption-key-missing', 'image-encryption-tag']);
    });
  });

  it('does not write an image that does not fit its slot', async () => {
    const run = await sign('large.bin', ...HEADER, '--key', p256, '--slot-size', '8KiB');
    expect(run).toMatchObject({ status: 1, stdout: '' });
    expect(run.stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(existsSync(path('large.bin'))).toBe(false);
  });

  it.each([
    ['the firmware itself', () => 'own.bin'],
    ['another path to it', () => join('..', basename(folder), 'own.bin')],
    ['a link to it', () => 'own-link.bin'],
    ['its second name', () => 'own-name.bin'],
    ['the key', () => 'own.pem'],
    ['the key of the device', () => 'own-device.pem'],
  ])('does not write over %s', async (_, output) => {
    for (const name of ['own-link.bin', 'own-name.bin']) rmSync(path(name), { force: true });
    copyFileSync(firmware, path('own.bin'));
    copyFileSync(p256, path('own.pem'));
    copyFileSync(x25519, path('own-device.pem'));
    symlinkSync(path('own.bin'), path('own-link.bin'));
    linkSync(path('own.bin'), path('own-name.bin'));
    const keys = ['--key', path('own.pem'), '--encrypt', path('own-device.pem')];
    const flags = [...HEADER, '--version', '1.0.0', ...keys];
    const to = `${folder}/${output()}`;
    const run = await runCli(['image', 'sign', path('own.bin'), to, ...flags, '--json']);
    expect(run).toMatchObject({ status: 2, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject({ ok: false, code: 'output-is-input' });
    expect(readFileSync(path('own.bin')).equals(readFileSync(firmware))).toBe(true);
    expect(readFileSync(path('own.pem')).equals(readFileSync(p256))).toBe(true);
    expect(readFileSync(path('own-device.pem')).equals(readFileSync(x25519))).toBe(true);
  });

  it.each([
    ['no room for the header', ['--header-size', '0x200']],
    ['a header too small', ['--header-size', '16', '--pad-header']],
    ['padding without a slot', [...HEADER, '--pad']],
    ['an alignment that is none', [...HEADER, '--align', '3']],
    ['a size that is none', [...HEADER, '--slot-size', '4KB']],
    ['two addresses', [...HEADER, '--rom-fixed', '0x1000', '--load-addr', '0x2000']],
    ['a key that is not there', [...HEADER, '--key', '/no/such.pem']],
    ['no header size', []],
    ['a device key that is not there', [...HEADER, '--encrypt', '/no/such.pem']],
    ['a device key that is none', [...HEADER, '--encrypt', '/dev/null']],
    ['a key length that is none', [...HEADER, '--encrypt', 'key.pem', '--encrypt-keylen', '192']],
    ['a key length without a device key', [...HEADER, '--encrypt-keylen', '256']],
    ['a plain body without a device key', [...HEADER, '--clear']],
  ])('ends with 2, one line and no file for %s', async (_, flags) => {
    const run = await sign('none.bin', ...flags);
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toMatch(/^brickproof: [^\n]+\n$/);
    expect(existsSync(path('none.bin'))).toBe(false);
  });

  it.each([
    ['a key that is no key', () => ['image', 'verify', firmware, '--key', firmware]],
    ['no key', () => ['image', 'verify', firmware]],
    ['a device key that only signs', () => verifyWith('--decrypt', ed25519)],
    ['a device key that is only the public half', () => verifyWith('--decrypt', publicHalf(p256))],
    ['a body both plain and encrypted', () => verifyWith('--decrypt', p256, '--clear')],
    ['a file that is not there', () => ['image', 'show', path('nothing.bin')]],
    ['a place that cannot be written', () => signTo('/no/such/folder/out.bin')],
  ])('ends with 2 and one line for %s', async (_, args) => {
    const run = await runCli(args());
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toMatch(/^brickproof: [^\n]+\n$/);
  });
});

function verifyWith(...flags: readonly string[]): readonly string[] {
  return ['image', 'verify', firmware, '--key', p256, ...flags];
}

/** The file of the public half of a key. */
function publicHalf(keyPath: string): string {
  const pem = createPublicKey(readFileSync(keyPath)).export({ format: 'pem', type: 'spki' });
  return writeKey(`public-${basename(keyPath)}`, pem);
}

/** The file of another key of the same kind. */
function otherDeviceKey(keyPath: string): string {
  const isP256 = keyPath === p256;
  const pair = isP256
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('x25519');
  return writeKey('other-device.pem', pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
}

function signTo(output: string): readonly string[] {
  return ['image', 'sign', firmware, output, '--version', '1.0.0', ...HEADER];
}
