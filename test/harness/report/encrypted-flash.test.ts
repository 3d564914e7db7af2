import { describe, expect, it } from 'vitest';
import {
  agreementPointOf,
  buildImage,
  imageSourceFromBytes,
  parseImageHeader,
  readImageEncryption,
} from '@brickproof/bootloader-sim';
import { PLAIN, flashToJson, formatFlash } from '@brickproof/harness';
import { OUR_KEY, image } from '../../bootloader-sim/boot/fixture.js';
import {
  CRYPTO,
  EQUAL_SHAPE,
  SwapBench,
  type SwapShape,
} from '../../bootloader-sim/boot/swap-bench.js';
import { agreementKey } from '../../bootloader-sim/crypto/test-keys.js';
import { entropyFrom } from '../../bootloader-sim/image/encrypted-image.js';
import { reportOf, section, textOf } from './flash-board.js';

const DEVICE_KEY = agreementKey('x25519');
const SHAPE: SwapShape = {
  ...EQUAL_SHAPE,
  settings: { encryptionKeySizeBytes: 16 },
  decryptionKey: DEVICE_KEY,
};

function encrypted(): Uint8Array {
  const built = buildImage(
    {
      payload: Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) & 0xff),
      version: { major: 2, minor: 0, revision: 0, buildNumber: 0 },
      headerSizeBytes: 32,
      securityCounter: 1,
      signingKey: OUR_KEY,
      encryption: {
        key: agreementPointOf(DEVICE_KEY),
        contentKeySizeBytes: 16,
        entropy: entropyFrom('flash'),
      },
    },
    CRYPTO,
  );
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

/** What no report may tell. */
function contentKeyOf(bytes: Uint8Array): string {
  const source = imageSourceFromBytes(bytes);
  const header = parseImageHeader(source, { takesEncrypted: true });
  if (!header.ok) throw new Error(header.detail);
  const encryption = readImageEncryption(source, header.value, DEVICE_KEY, CRYPTO);
  if (!encryption.ok) throw new Error(encryption.detail);
  return Buffer.from(encryption.value.contentKey).toString('hex');
}

function offered(): SwapBench {
  const bench = new SwapBench('swap-using-move', SHAPE);
  bench.install(image('1.0.0'));
  bench.offer(encrypted());
  return bench;
}

describe('a flash with an encrypted image', () => {
  it('says how it is encrypted, and that it verifies with the key of the device', () => {
    const slot = section(textOf(offered()), 'slot1');
    expect(slot).toContain('flags        encryptedAes128');
    expect(slot).toContain('verifies     yes, signed with our-key.pem');
    expect(slot).toContainEqual(expect.stringMatching(/^content key, ECIES on X25519 +80 bytes$/));
  });

  it('says that it needs a key where none is given', () => {
    const text = formatFlash(reportOf(offered(), { decryptionKey: undefined }), PLAIN);
    expect(section(text, 'slot1')).toContainEqual(
      expect.stringMatching(/^verifies +no \(image-encryption-key-missing: /),
    );
  });

  it('tells of a swap that its keys are in the trailer, and never which', () => {
    const bench = offered();
    expect(bench.boot(20)).toBe('cut');
    const report = reportOf(bench);
    const text = formatFlash(report, PLAIN);
    expect(section(text, 'slot0')).toContain('content keys unset, present');
    const json = JSON.stringify(flashToJson(report));
    const secret = contentKeyOf(encrypted());
    const raw = Buffer.from(bench.primary.read(0, bench.primary.sizeBytes)).toString('hex');
    expect(raw).toContain(secret);
    expect(text + json).not.toContain(secret);
  });
});
