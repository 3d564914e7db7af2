import { describe, expect, it } from 'vitest';
import {
  imageSourceFromBytes,
  markForUpgrade,
  parseImageHeader,
  readTrailer,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import { agreementKey, fixedKey } from '../crypto/test-keys.js';
import { ENCRYPTIONS, buildEncrypted, type EncryptionKind } from '../image/encrypted-image.js';
import { FIRST_KEY, hostCrypto, signedImage } from './signed-image.js';
import { TestBoard, type BoardLayout } from './test-board.js';

const SECTORS = { count: 8, sizeBytes: 1024 };
const ONE_MORE = { count: 9, sizeBytes: 1024 };
const LAYOUTS: Partial<Readonly<Record<StrategyName, BoardLayout>>> = {
  'overwrite-only': layout([SECTORS], [SECTORS]),
  'swap-using-offset': layout([SECTORS], [ONE_MORE]),
  'swap-using-move': layout([ONE_MORE], [SECTORS]),
  'swap-using-scratch': layout([SECTORS], [SECTORS]),
};

function layout(
  primary: readonly (typeof SECTORS)[],
  secondary: readonly (typeof SECTORS)[],
): BoardLayout {
  const scratch = [{ count: 2, sizeBytes: 1024 }];
  return {
    areas: [
      { name: 'primary', sectorRuns: primary },
      { name: 'secondary', sectorRuns: secondary },
      { name: 'scratch', sectorRuns: scratch },
    ],
  };
}

const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;
const CASES = SWAPS.flatMap((strategy) => ENCRYPTIONS.map((kind) => ({ strategy, kind })));

const SIGNER = fixedKey('ed25519');
const KEYS = [SIGNER.verificationKey, FIRST_KEY.verificationKey];
const PLAIN = signedImage({ version: '1.0.0', sizeBytes: 3000, contents: 1 });
const OLD_BODY = body(2900, 3);
const NEW_BODY = body(3500, 5);

function body(lengthBytes: number, step: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, index) => (index * step + 1) & 0xff);
}

/** The same image as it is sent and stored, and as it runs. */
interface TwoForms {
  readonly encrypted: Uint8Array;
  readonly clear: Uint8Array;
}

function makeImage(kind: EncryptionKind, minor: number, payload: Uint8Array): TwoForms {
  const options = {
    payload,
    version: { major: 1, minor, revision: 0, buildNumber: 0 },
    headerSizeBytes: 32,
    signingKey: SIGNER,
    seed: `image ${minor}`,
  };
  return {
    encrypted: buildEncrypted(kind, options),
    clear: buildEncrypted(kind, { ...options, clear: true }),
  };
}

function makeBoard(strategy: StrategyName, kind: EncryptionKind): TestBoard {
  const found = LAYOUTS[strategy];
  if (found === undefined) throw new Error(`no layout for ${strategy}`);
  return new TestBoard(
    { strategy, layout: found, writeAlignBytes: 8, erasedValue: 0xff },
    {
      keys: KEYS,
      decryptionKey: agreementKey(kind.curve),
      encryptionKeySizeBytes: kind.size,
    },
  );
}

/** A board that runs the old image in the clear, with the new one staged and marked. */
function stagedBoard(
  strategy: StrategyName,
  kind: EncryptionKind,
): { readonly board: TestBoard; readonly old: TwoForms; readonly next: TwoForms } {
  const board = makeBoard(strategy, kind);
  const old = makeImage(kind, 0, OLD_BODY);
  const next = makeImage(kind, 1, NEW_BODY);
  board.install(0, old.clear);
  board.install(1, next.encrypted);
  markForUpgrade(board.slot(1), { permanent: false });
  return { board, old, next };
}

function holds(board: TestBoard, slot: 0 | 1, offset: number, image: Uint8Array): boolean {
  const found = board.slot(slot).read(offset, image.byteLength);
  return found.every((byte, index) => byte === image[index]);
}

/** Whether some bytes of a body, in the clear, lie anywhere outside of the primary slot. */
function leaks(board: TestBoard, image: Uint8Array): boolean {
  const source = imageSourceFromBytes(image);
  const header = parseImageHeader(source, { takesEncrypted: true });
  if (!header.ok) throw new Error(header.detail);
  const start = header.value.headerSizeBytes;
  const areas = [board.slot(1), ...(board.scratch === undefined ? [] : [board.scratch])];
  for (let at = start; at + 64 <= start + header.value.bodySizeBytes; at += 1024) {
    const piece = Buffer.from(image.subarray(at, at + 64));
    if (areas.some((area) => Buffer.from(area.read(0, area.sizeBytes)).includes(piece)))
      return true;
  }
  return false;
}

describe.each(CASES)('an encrypted image, $strategy, $kind.curve, key of $kind.size bytes', (c) => {
  const { strategy, kind } = c;

  it('runs in the clear, and the old one is stored encrypted; both go back on a revert', () => {
    const { board, old, next } = stagedBoard(strategy, kind);
    expect(board.bootsTo()).toBe('primary 1.1.0');
    expect(holds(board, 0, 0, next.clear)).toBe(true);
    expect(holds(board, 1, 0, old.encrypted)).toBe(true);
    expect(readTrailer(board.slot(0))).toMatchObject({ copyDone: 'set', imageOk: 'unset' });
    expect(board.bootsTo()).toBe('primary 1.0.0');
    expect(holds(board, 0, 0, old.clear)).toBe(true);
    expect(holds(board, 1, board.capacity.uploadOffsetBytes, next.encrypted)).toBe(true);
  });

  it('comes through a power cut at every operation, and is never stored in the clear', () => {
    const { board, old, next } = stagedBoard(strategy, kind);
    const start = board.flash.snapshot();
    const operations = board.bootOperations().length;
    expect(operations).toBeGreaterThan(20);
    for (let cut = 0; cut < operations; cut += 1) {
      board.flash.restore(start);
      expect(board.bootCutAfter(cut)).toBe(true);
      expect(leaks(board, old.clear) || leaks(board, next.clear)).toBe(false);
      expect(board.bootsTo()).toBe('primary 1.1.0');
      expect(holds(board, 0, 0, next.clear)).toBe(true);
      expect(holds(board, 1, 0, old.encrypted)).toBe(true);
      board.bootCutAfter(cut);
      expect(leaks(board, old.clear) || leaks(board, next.clear)).toBe(false);
      expect(board.bootsTo()).toBe('primary 1.0.0');
      expect(holds(board, 0, 0, old.clear)).toBe(true);
    }
  });
});

describe.each([...SWAPS, 'overwrite-only'] as const)('encrypted images under %s', (strategy) => {
  const [kind] = ENCRYPTIONS;

  it('replace a plain one, which stays plain in the other slot', () => {
    const board = makeBoard(strategy, kind);
    board.install(0, PLAIN);
    const next = makeImage(kind, 1, NEW_BODY);
    board.install(1, next.encrypted);
    markForUpgrade(board.slot(1), { permanent: true });
    expect(board.bootsTo()).toBe('primary 1.1.0');
    expect(holds(board, 0, 0, next.clear)).toBe(true);
    expect(holds(board, 1, 0, PLAIN)).toBe(strategy !== 'overwrite-only');
    expect(board.bootsTo()).toBe('primary 1.1.0');
  });

  it.each([
    ['for another device', { keys: 'other' }],
    ['of another key size', { keys: 'size' }],
    ['without a key on the device', { keys: 'none' }],
  ] as const)('are refused and erased when they are %s', (_, { keys }) => {
    const found = LAYOUTS[strategy];
    if (found === undefined) throw new Error('no layout');
    const board = new TestBoard(
      { strategy, layout: found, writeAlignBytes: 8, erasedValue: 0xff },
      {
        keys: KEYS,
        ...(keys === 'none'
          ? {}
          : { decryptionKey: agreementKey('p256', keys === 'other' ? 9 : 7) }),
        ...(keys === 'size' ? { encryptionKeySizeBytes: 32 as const } : {}),
        crypto: hostCrypto,
      },
    );
    board.install(0, PLAIN);
    board.install(1, makeImage(kind, 1, NEW_BODY).encrypted);
    markForUpgrade(board.slot(1), { permanent: false });
    expect(board.bootsTo()).toBe('primary 1.0.0');
    const slot = board.slot(1);
    expect(slot.read(0, slot.sizeBytes).every((byte) => byte === slot.erasedValue)).toBe(true);
    expect(board.log.join('\n')).toMatch(/image-encryption-(tag|key-size|key-missing)/);
  });
});
