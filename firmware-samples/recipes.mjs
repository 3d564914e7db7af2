// Which samples there are, how each is made, and what a correct device answers to it.
import { TLV } from '@brickproof/bootloader-sim';
import {
  borrowKeyHash,
  breakTlvMagic,
  changeTlvs,
  changeWrappedKey,
  flipBodyBit,
  flipSignatureBit,
  flipWrappedKeyBit,
  lieAboutTlvSize,
  patchHeader,
  rehash,
  transplantSignature,
  truncate,
} from './changes.mjs';

const HEALTHY = {
  selfTest: 'pass',
  hangBeforeConfirm: false,
  crashAfterMs: undefined,
  resetLoop: false,
  neverConnects: false,
};

/** The payload and header sizes of each device model. */
export const MODEL_SIZES = {
  'nrf-equal': { payloadSizeBytes: 0x42000, headerSizeBytes: 0x200 },
  'stm-unequal': { payloadSizeBytes: 0x50000, headerSizeBytes: 0x400 },
  'nrf-dual': { payloadSizeBytes: 0x20000, headerSizeBytes: 0x200 },
};

/** The model whose samples come in pairs. */
export const PAIR_MODEL = 'nrf-dual';

/**
 * What a device is to answer. `verification`: `accept` or a code, for each slot. `outcome`: what
 * becomes of it on a device that runs good-1.0.0-imgtool.bin and is asked to test it.
 * `verificationWithKey`: as `verification`, on a device that has the decryption key the sample is
 * for, where slot 0 holds images decrypted and slot 1 encrypted.
 */
const RUNS = { verification: both('accept'), outcome: 'runs' };
const ROLLED_BACK = { verification: both('accept'), outcome: 'rolled-back' };

function both(answer) {
  return { slot0: answer, slot1: answer };
}

function refused(code) {
  return { verification: both(code), outcome: 'refused', outcomeCode: code };
}

/** All recipes of a device model, in an order in which what is changed comes after its origin. */
export function recipesOf(modelName) {
  if (modelName === PAIR_MODEL) return pairRecipes();
  return [
    ...goodRecipes(),
    ...misbehavingRecipes(),
    ...signedBadRecipes(),
    ...changedRecipes(),
    ...encryptedRecipes(),
    // The format's own traps do not depend on the flash: once is enough.
    ...(modelName === 'nrf-equal' ? [...formatRecipes(), ...encryptedFormatRecipes()] : []),
  ];
}

function signed(by, file, version, options = {}) {
  return { by, file, version, key: 'ed25519', securityCounter: 1, answer: RUNS, ...options };
}

/** An encrypted image: refused by a device without its key, whatever else is wrong with it. */
function encrypted(by, file, version, encryption, withKey = SECONDARY_ONLY, options = {}) {
  const answer = { ...refused('image-encryption-key-missing'), verificationWithKey: withKey };
  return signed(by, file, version, { ...options, encryption, answer });
}

/** Where images lie encrypted, and not where they run. */
const SECONDARY_ONLY = { slot0: 'image-hash-mismatch', slot1: 'accept' };
const PRIMARY_ONLY = { slot0: 'accept', slot1: 'image-hash-mismatch' };

function encryptedRecipes() {
  const selfTestFails = { card: { ...HEALTHY, selfTest: 'fail' } };
  return [
    encrypted('ours', 'good-1.0.0-encrypted-x25519-clear-ours.bin', '1.0.0', CLEAR, PRIMARY_ONLY),
    encrypted(
      'ours',
      'good-1.1.0-encrypted-ec256-ours.bin',
      '1.1.0',
      { keyName: 'ec256', bits: 128 },
      SECONDARY_ONLY,
      { key: 'ecdsa-p256' },
    ),
    encrypted('ours', ENCRYPTED, '1.1.0', FOR_DEVICE),
    encrypted(
      'ours',
      'good-1.2.0-encrypted-x25519-self-test-fails.bin',
      '1.2.0',
      FOR_DEVICE,
      SECONDARY_ONLY,
      selfTestFails,
    ),
  ];
}

const ENCRYPTED = 'good-1.1.0-encrypted-x25519-ours.bin';
const FOR_DEVICE = { keyName: 'x25519', bits: 128 };
const CLEAR = { ...FOR_DEVICE, clear: true };

/** A change of the encrypted image; `without`: what a device says that has no decryption key. */
function changedEncrypted(file, code, change, what, without = 'image-encryption-key-missing') {
  // In slot 0 its body would have to be plain; only what comes before the body is told from that.
  const early = ['image-encryption-flags', 'image-tlv-not-allowed'].includes(code);
  const slot0 = early ? code : 'image-hash-mismatch';
  const recipe = changed(file, without, change, what, ENCRYPTED);
  const answer = { ...recipe.answer, verificationWithKey: { slot0, slot1: code } };
  return { ...recipe, answer, encryption: FOR_DEVICE };
}

function encryptedFormatRecipes() {
  const forOther = { keyName: 'other-device', bits: 128 };
  const wrongDevice = { slot0: 'image-hash-mismatch', slot1: 'image-encryption-tag' };
  return [
    encrypted(
      'imgtool',
      'good-1.1.0-encrypted-ec256-imgtool.bin',
      '1.1.0',
      { keyName: 'ec256', bits: 128 },
      SECONDARY_ONLY,
      { key: 'ecdsa-p256' },
    ),
    encrypted(
      'ours',
      'good-1.1.0-encrypted-ec256-aes256-ours.bin',
      '1.1.0',
      { keyName: 'ec256', bits: 256 },
      SECONDARY_ONLY,
      { key: 'ecdsa-p256' },
    ),
    encrypted('imgtool', 'good-1.1.0-encrypted-x25519-aes256-imgtool.bin', '1.1.0', {
      keyName: 'x25519',
      bits: 256,
    }),
    encrypted('ours', 'bad-encrypted-other-device-1.1.0.bin', '1.1.0', forOther, wrongDevice),
    changedEncrypted(
      'bad-encrypted-tag-1.1.0.bin',
      'image-encryption-tag',
      (image) => flipWrappedKeyBit(image, 40),
      'one bit of the tag of the wrapped content key changed',
    ),
    changedEncrypted(
      'bad-encrypted-content-key-1.1.0.bin',
      'image-encryption-tag',
      (image) => flipWrappedKeyBit(image, 70),
      'one bit of the wrapped content key changed',
    ),
    changedEncrypted(
      'bad-encrypted-ephemeral-key-1.1.0.bin',
      'image-encryption-point',
      (image) =>
        changeWrappedKey(image, ({ type, value }) => [
          { type, value: Buffer.concat([Buffer.alloc(32), value.subarray(32)]) },
        ]),
      'an ephemeral key of low order',
    ),
    changedEncrypted(
      'bad-encrypted-body-1.1.0.bin',
      'image-hash-mismatch',
      flipBodyBit,
      'one bit in the middle of the encrypted body changed',
    ),
    changedEncrypted(
      'bad-encrypted-both-flags-1.1.0.bin',
      'image-encryption-flags',
      (image) => patchHeader(image, 16, [0x0c]),
      'flagged as encrypted with AES-128 and with AES-256',
      'image-encryption-flags',
    ),
    changedEncrypted(
      'bad-encrypted-other-flag-1.1.0.bin',
      'image-encryption-tlv-size',
      (image) => patchHeader(image, 16, [0x08]),
      'flagged as encrypted with AES-256, with a key for AES-128',
    ),
    changedEncrypted(
      'bad-encrypted-flag-removed-1.1.0.bin',
      'image-tlv-not-allowed',
      (image) => patchHeader(image, 16, [0x00]),
      'not flagged as encrypted',
      'image-tlv-not-allowed',
    ),
    changedEncrypted(
      'bad-encrypted-tlv-truncated-1.1.0.bin',
      'image-encryption-tlv-size',
      (image) =>
        changeWrappedKey(image, ({ type, value }) => [{ type, value: value.subarray(0, -1) }]),
      'a wrapped content key one byte short',
    ),
    changedEncrypted(
      'bad-encrypted-tlv-missing-1.1.0.bin',
      'image-encryption-tlv-missing',
      (image) => changeWrappedKey(image, () => []),
      'the wrapped content key removed',
    ),
    changedEncrypted(
      'bad-encrypted-tlv-duplicate-1.1.0.bin',
      'image-encryption-tlv-duplicate',
      (image) => changeWrappedKey(image, (entry) => [entry, entry]),
      'the wrapped content key twice',
    ),
  ];
}

/** Images 0 and 1 of a board with two, and what they need of each other. */
function pairRecipes() {
  const application = { answer: { verification: both('accept') } };
  const needsImage1 = { ...application, needs: [{ image: 1, version: '1.1.0' }] };
  const image1 = { ...application, image: 1, payloadSizeBytes: 0x10000 };
  return [
    signed('imgtool', 'good-1.0.0-imgtool.bin', '1.0.0', application),
    signed('imgtool', 'good-1.0.0-image1-imgtool.bin', '1.0.0', image1),
    signed('imgtool', 'good-1.1.0-image1-imgtool.bin', '1.1.0', image1),
    signed('imgtool', 'good-1.1.0-needs-image1-imgtool.bin', '1.1.0', needsImage1),
    signed('ours', 'good-1.2.0-needs-image1-self-test-fails.bin', '1.2.0', {
      ...needsImage1,
      card: { ...HEALTHY, selfTest: 'fail' },
    }),
  ];
}

function goodRecipes() {
  const slot1Only = {
    verification: { slot0: 'image-load-address', slot1: 'accept' },
    outcome: 'runs',
  };
  const slot0Only = {
    verification: { slot0: 'accept', slot1: 'image-load-address' },
    outcome: 'refused',
    outcomeCode: 'image-load-address',
  };
  return [
    signed('imgtool', 'good-1.0.0-imgtool.bin', '1.0.0'),
    signed('imgtool', 'good-1.1.0-imgtool.bin', '1.1.0'),
    signed('ours', 'good-1.1.0-ours.bin', '1.1.0'),
    signed('imgtool', 'good-1.1.0-ecdsa-p256-imgtool.bin', '1.1.0', { key: 'ecdsa-p256' }),
    signed('ours', 'good-1.1.0-ecdsa-p256-ours.bin', '1.1.0', { key: 'ecdsa-p256' }),
    signed('imgtool', 'good-1.1.0-rsa-2048-imgtool.bin', '1.1.0', { key: 'rsa-2048' }),
    signed('imgtool', 'good-1.1.0-rsa-3072-imgtool.bin', '1.1.0', { key: 'rsa-3072' }),
    signed('imgtool', 'good-1.1.0-custom-tlv-imgtool.bin', '1.1.0', {
      customTlvs: [{ type: 0xa0, value: Buffer.from('0badcafe', 'hex') }],
    }),
    signed('imgtool', 'good-1.1.0-confirmed-imgtool.bin', '1.1.0', { padding: 'confirm' }),
    signed('imgtool', 'good-1.1.0-rom-fixed-slot0-imgtool.bin', '1.1.0', {
      romFixedSlot: 0,
      answer: slot0Only,
    }),
    signed('imgtool', 'good-1.1.0-rom-fixed-slot1-imgtool.bin', '1.1.0', {
      romFixedSlot: 1,
      answer: slot1Only,
    }),
    signed('imgtool', 'good-2.0.0-counter-2-imgtool.bin', '2.0.0', { securityCounter: 2 }),
    signed('imgtool', 'good-0.9.0-downgrade.bin', '0.9.0', {
      answer: {
        verification: both('accept'),
        outcome: 'refused',
        outcomeCode: 'boot-version-not-higher',
      },
    }),
  ];
}

function misbehavingRecipes() {
  return [
    ['self-test-fails', { selfTest: 'fail' }],
    ['hangs', { hangBeforeConfirm: true }],
    ['crashes', { crashAfterMs: 1000 }],
    ['reset-loop', { resetLoop: true }],
    ['never-connects', { neverConnects: true }],
  ].map(([name, behaviour]) =>
    signed('ours', `good-1.2.0-${name}.bin`, '1.2.0', {
      card: { ...HEALTHY, ...behaviour },
      answer: ROLLED_BACK,
    }),
  );
}

function signedBadRecipes() {
  return [
    signed('imgtool', 'bad-unknown-key-1.1.0.bin', '1.1.0', {
      key: 'unknown',
      answer: refused('image-key-unknown'),
    }),
    signed('imgtool', 'bad-unsigned-1.1.0.bin', '1.1.0', {
      key: undefined,
      answer: refused('image-signature-missing'),
    }),
    signed('imgtool', 'bad-security-counter-1.1.0.bin', '1.1.0', {
      securityCounter: 0,
      answer: refused('image-security-counter-low'),
    }),
    signed('imgtool', 'bad-security-counter-missing-1.1.0.bin', '1.1.0', {
      securityCounter: undefined,
      answer: refused('image-security-counter-missing'),
    }),
    signed('imgtool', 'bad-not-bootable-1.1.0.bin', '1.1.0', {
      nonBootable: true,
      answer: refused('image-not-bootable'),
    }),
    signed('ours', 'bad-too-large-1.1.0.bin', '1.1.0', {
      fillsSlot: true,
      answer: refused('image-too-large'),
    }),
  ];
}

function changed(file, code, change, what, origin = 'good-1.1.0-ours.bin', version = '1.1.0') {
  return { by: 'change', file, version, origin, change, what, answer: refused(code) };
}

function changedRecipes() {
  return [
    changed(
      'bad-signature-1.1.0.bin',
      'image-signature-invalid',
      flipSignatureBit,
      'one bit of the signature changed',
    ),
    changed(
      'bad-hash-1.1.0.bin',
      'image-hash-mismatch',
      flipBodyBit,
      'one bit in the middle of the body changed',
    ),
    changed(
      'bad-truncated-1.1.0.bin',
      'image-tlv-magic',
      truncate,
      'the last 2 percent missing; in their place the slot is erased',
    ),
    changed(
      'bad-magic-1.1.0.bin',
      'image-bad-magic',
      (image) => patchHeader(image, 0, [0x3c]),
      'the magic of the first image format',
    ),
    changed(
      'bad-signature-transplanted-1.1.0.bin',
      'image-signature-invalid',
      (image, sample) => transplantSignature(image, sample('good-1.0.0-imgtool.bin')),
      'the signature of 1.0.0',
    ),
    changed(
      'bad-signature-forged-1.1.0.bin',
      'image-signature-invalid',
      (image, sample) => borrowKeyHash(image, sample('good-1.1.0-ours.bin')),
      "signed with an unknown key, in a trusted key's name",
      'bad-unknown-key-1.1.0.bin',
    ),
    changed(
      'bad-version-rewritten-9.9.9.bin',
      'image-signature-invalid',
      (image) => rehash(patchHeader(image, 20, [9, 9, 9, 0])),
      '0.9.0 with the version in its header rewritten, and its hash made right',
      'good-0.9.0-downgrade.bin',
      '9.9.9',
    ),
  ];
}

function formatRecipes() {
  return [
    changed(
      'bad-header-size-1.1.0.bin',
      'image-header-size',
      (image) => patchHeader(image, 8, [16, 0]),
      'a header that claims 16 bytes',
    ),
    changed(
      'bad-length-1.1.0.bin',
      'image-too-large',
      (image) => patchHeader(image, 12, [0xff, 0xff, 0xff, 0xff]),
      'a body that claims 4 GiB',
    ),
    changed(
      'bad-encrypted-1.1.0.bin',
      'image-encryption-key-missing',
      (image) => patchHeader(image, 16, [0x04]),
      'flagged as encrypted',
    ),
    changed(
      'bad-tlv-magic-1.1.0.bin',
      'image-tlv-magic',
      breakTlvMagic,
      'the magic of the unprotected TLVs zeroed',
    ),
    changed(
      'bad-tlv-size-1.1.0.bin',
      'image-tlv-size',
      lieAboutTlvSize,
      'a hash that claims 65535 bytes',
    ),
    changed(
      'bad-tlv-unprotected-1.1.0.bin',
      'image-tlv-not-allowed',
      (image) => changeTlvs(image, (tlvs) => [...tlvs, { type: 0xa0, value: Buffer.alloc(4) }]),
      'a TLV added behind the signature, which nothing covers',
    ),
    changed(
      'bad-tlv-duplicate-1.1.0.bin',
      'image-tlv-duplicate',
      (image) => changeTlvs(image, (tlvs) => [tlvs[0], ...tlvs]),
      'the hash twice',
    ),
    changed(
      'bad-hash-missing-1.1.0.bin',
      'image-hash-missing',
      (image) => changeTlvs(image, (tlvs) => tlvs.filter(({ type }) => type !== TLV.sha256)),
      'the hash removed',
    ),
  ];
}
