import { IMAGE_COMMAND, IMAGE_ERROR } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { markForDirectXip, reject } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../test-device.js';
import type { TestImage } from '../test-device.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0.7', 900);

const STATE = [1, IMAGE_COMMAND.state] as const;
const UPLOAD = [1, IMAGE_COMMAND.upload] as const;
const ERASE = [1, IMAGE_COMMAND.erase] as const;

const imageError = (name: keyof typeof IMAGE_ERROR): SmpBody => ({
  err: { group: 1, rc: IMAGE_ERROR[name] },
});

const NO_FLAGS = {
  bootable: true,
  pending: false,
  confirmed: false,
  active: false,
  permanent: false,
};

function entry(slot: number, image: TestImage, flags: Partial<typeof NO_FLAGS>): SmpBody {
  const version = image === NEXT ? '1.1.0.7' : '1.0.0';
  return { slot, version, hash: image.hash, ...NO_FLAGS, ...flags };
}

const list = (...images: readonly SmpBody[]): SmpBody => ({ images, splitStatus: 0 });

const RUNNING_ENTRY = entry(0, RUNNING, { active: true, confirmed: true });

function device(): TestDevice {
  return new TestDevice().program(0, RUNNING);
}

/** With the next image staged. */
function staged(): TestDevice {
  return device().program(1, NEXT, false);
}

/** With the next image running on trial. */
function onTrial(): TestDevice {
  const target = staged();
  markForDirectXip(target.bootControl.area(1), { confirm: false });
  return target.restart(1);
}

function upload(target: TestDevice, image: TestImage, first: SmpBody = {}): SmpBody {
  let off = 0;
  for (let packets = 0; packets < 100; packets += 1) {
    const data = image.bytes.subarray(off, off + 256);
    const head = off === 0 ? { len: image.bytes.byteLength, sha: image.sha, ...first } : {};
    const body = target.ask('write', UPLOAD, { off, data, ...head });
    if (typeof body['off'] !== 'number' || body['off'] >= image.bytes.byteLength) return body;
    off = body['off'];
  }
  throw new Error('the upload does not end');
}

describe('the image state', () => {
  it('lists the slots that hold an image, with standard keys only', () => {
    expect(device().ask('read', STATE)).toEqual(list(RUNNING_ENTRY));
    expect(staged().ask('read', STATE)).toEqual(list(RUNNING_ENTRY, entry(1, NEXT, {})));
  });

  it('sets an image for test once, and again without effect', () => {
    const target = staged();
    const expected = list(RUNNING_ENTRY, entry(1, NEXT, { pending: true }));
    expect(target.ask('write', STATE, { hash: NEXT.hash })).toEqual(expected);
    expect(target.ask('write', STATE, { hash: NEXT.hash, confirm: false })).toEqual(expected);
    expect(target.ask('read', STATE)).toEqual(expected);
  });

  it('sets an image for good when it is confirmed before it ran', () => {
    const target = staged();
    const expected = list(RUNNING_ENTRY, entry(1, NEXT, { pending: true, permanent: true }));
    expect(target.ask('write', STATE, { hash: NEXT.hash, confirm: true })).toEqual(expected);
    expect(target.ask('write', STATE, { hash: NEXT.hash, confirm: true })).toEqual(expected);
    const test = target.ask('write', STATE, { hash: NEXT.hash });
    expect(test).toEqual(imageError('alreadyPending'));
  });

  it('does not make a test permanent, or confirm the running image while another is pending', () => {
    const target = staged();
    target.ask('write', STATE, { hash: NEXT.hash });
    const before = target.slotBytes(1);
    for (const body of [{ hash: NEXT.hash, confirm: true }, { confirm: true }]) {
      expect(target.ask('write', STATE, body)).toEqual(imageError('alreadyPending'));
    }
    expect(target.slotBytes(1)).toEqual(before);
  });

  it('shows a trial as what it is, and confirms it by hash or without', () => {
    for (const body of [{ confirm: true }, { confirm: true, hash: NEXT.hash }]) {
      const target = onTrial();
      const fallback = entry(0, RUNNING, { confirmed: true });
      expect(target.ask('read', STATE)).toEqual(list(fallback, entry(1, NEXT, { active: true })));
      const confirmed = entry(1, NEXT, { active: true, confirmed: true });
      expect(target.ask('write', STATE, body)).toEqual(list(entry(0, RUNNING, {}), confirmed));
      expect(target.ask('write', STATE, body)).toEqual(list(entry(0, RUNNING, {}), confirmed));
    }
  });

  it('starts no second trial during a trial', () => {
    const target = onTrial();
    const test = target.ask('write', STATE, { hash: RUNNING.hash });
    expect(test).toEqual(imageError('alreadyPending'));
    const before = target.slotBytes(0);
    expect(target.ask('write', STATE, { hash: RUNNING.hash, confirm: true })).toMatchObject({
      splitStatus: 0,
    });
    expect(target.slotBytes(0)).toEqual(before);
  });

  it.each<[string, SmpBody, keyof typeof IMAGE_ERROR]>([
    ['a test of the running image', { hash: RUNNING.hash }, 'testOfActiveDenied'],
    ['a hash that no slot holds', { hash: new Uint8Array(32) }, 'hashNotFound'],
    ['a hash that is too short', { hash: NEXT.hash.subarray(0, 31) }, 'invalidHash'],
    ['a hash that is too long', { hash: new Uint8Array(33) }, 'invalidHash'],
    ['a test without a hash', { confirm: false }, 'invalidHash'],
    ['nothing', {}, 'invalidHash'],
  ])('refuses %s', (_, body, name) => {
    const target = staged();
    const before = [target.slotBytes(0), target.slotBytes(1)];
    expect(target.ask('write', STATE, body)).toEqual(imageError(name));
    expect([target.slotBytes(0), target.slotBytes(1)]).toEqual(before);
  });

  it('takes the running image to be meant when both slots hold the same', () => {
    const target = device().program(1, RUNNING, false);
    const test = target.ask('write', STATE, { hash: RUNNING.hash });
    expect(test).toEqual(imageError('testOfActiveDenied'));
    const active = onTrial().program(0, NEXT, false);
    expect(active.ask('write', STATE, { hash: NEXT.hash, confirm: true })).toMatchObject({
      splitStatus: 0,
    });
    expect(active.bootControl.state(1).confirmed).toBe(true);
  });

  it.each([
    ['image-signature-invalid', 'confirmationDenied'],
    ['image-security-counter-low', 'currentVersionIsNewer'],
    ['flash-write-failed', 'flashWriteFailed'],
    ['boot-no-image', 'unknown'],
  ] as const)('says why an image may not boot: %s is %s', (code, name) => {
    const target = new TestDevice({ mayBoot: () => reject(code, 'said the test') });
    target.program(0, RUNNING).program(1, NEXT, false);
    expect(target.ask('write', STATE, { hash: NEXT.hash })).toEqual(imageError(name));
  });

  it('refuses an image that the bootloader would never start', () => {
    const target = device().program(1, buildTestImage('0.9.0', 500), false);
    const { hash } = target.bootControl.state(1).image ?? { hash: new Uint8Array(32) };
    const test = target.ask('write', STATE, { hash });
    expect(test).toEqual(imageError('currentVersionIsNewer'));
  });
});

describe('the image upload', () => {
  it('ends with a match, and the image can be tested', () => {
    const target = device();
    expect(upload(target, NEXT)).toEqual({ off: NEXT.bytes.byteLength, match: true });
    expect(target.ask('write', STATE, { hash: NEXT.hash })).toEqual(
      list(RUNNING_ENTRY, entry(1, NEXT, { pending: true })),
    );
  });

  it('ends without a match for other bytes than announced, and there is nothing to test', () => {
    const target = device();
    const lie = { sha: new Uint8Array(32) };
    expect(upload(target, NEXT, lie)).toEqual({ off: NEXT.bytes.byteLength, match: false });
    expect(target.ask('read', STATE)).toEqual(list(RUNNING_ENTRY));
    expect(target.ask('write', STATE, { hash: NEXT.hash })).toEqual(imageError('hashNotFound'));
  });

  it('refuses an encrypted image on a device without a key, which says why', () => {
    const encrypted = buildTestImage('1.1.0', 900, 0x04);
    const target = device();
    expect(upload(target, encrypted)).toEqual(imageError('confirmationDenied'));
    expect(target.log).toEqual([
      expect.stringMatching(/^Upload refused: image-encryption-key-missing: .*AES-128/),
    ]);
    expect(target.ask('read', STATE)).toEqual(list(RUNNING_ENTRY));
    const withKey = new TestDevice({ takesEncryptedImages: true }).program(0, RUNNING);
    expect(upload(withKey, encrypted)).toMatchObject({ match: true });
    expect(withKey.log).toEqual([]);
  });

  it('does not list or test an image before the last byte of its upload', () => {
    const target = device();
    const whole = { len: NEXT.bytes.byteLength + 4, off: 0 };
    target.ask('write', UPLOAD, { ...whole, data: NEXT.bytes });
    expect(target.bootControl.state(1).image).toBeUndefined();
    for (const each of [target, target.restart()]) {
      expect(each.ask('read', STATE)).toEqual(list(RUNNING_ENTRY));
      expect(each.ask('write', STATE, { hash: NEXT.hash })).toEqual(imageError('hashNotFound'));
    }
  });

  it.each<[keyof typeof IMAGE_ERROR, SmpBody]>([
    ['invalidOffset', { data: NEXT.bytes, len: 5000 }],
    ['invalidImageHeader', { off: 0, data: NEXT.bytes.subarray(0, 20), len: 5000 }],
    ['invalidLength', { off: 0, data: NEXT.bytes }],
    ['invalidImageMagic', { off: 0, data: new Uint8Array(64), len: 1000 }],
    ['invalidHash', { off: 0, data: NEXT.bytes, len: 1000, sha: new Uint8Array(40) }],
    ['tooLarge', { off: 0, data: NEXT.bytes, len: 500_000 }],
    ['dataOverrun', { off: 0, data: NEXT.bytes, len: 64 }],
    ['noFreeSlot', { off: 0, data: NEXT.bytes, len: 1000, image: 1 }],
    ['currentVersionIsNewer', { off: 0, data: RUNNING.bytes, len: 1000, upgrade: true }],
  ])('refuses with %s', (name, body) => {
    const target = device();
    expect(target.ask('write', UPLOAD, body)).toEqual(imageError(name));
    expect(target.slotBytes(1).every((byte) => byte === 0xff)).toBe(true);
  });

  it.each([{ off: -1 }, { off: 'x' }, { off: 0.5 }, { off: 2n ** 32n }, { data: 'x', off: 0 }])(
    'refuses fields of the wrong type: %o',
    (body) => {
      expect(device().ask('write', UPLOAD, body)).toEqual({ rc: 3 });
    },
  );

  it('refuses to write over a slot that is pending or under a trial', () => {
    const pending = staged();
    pending.ask('write', STATE, { hash: NEXT.hash });
    expect(upload(pending, NEXT)).toEqual(imageError('noFreeSlot'));
    expect(upload(onTrial(), NEXT)).toEqual(imageError('noFreeSlot'));
  });
});

describe('the image erase', () => {
  it('erases the slot that does not run, and forgets the upload into it', () => {
    const target = device();
    target.ask('write', UPLOAD, {
      off: 0,
      data: NEXT.bytes.subarray(0, 600),
      len: 980,
      sha: NEXT.sha,
    });
    expect(target.ask('write', ERASE)).toEqual({});
    expect(target.slotBytes(1).every((byte) => byte === 0xff)).toBe(true);
    expect(target.ask('write', UPLOAD, { off: 600, data: new Uint8Array(1) })).toEqual({ off: 0 });
    expect(target.ask('write', ERASE, { slot: 1 })).toEqual({});
  });

  it('erases a slot full of junk', () => {
    const target = device();
    target.bootControl.area(1).write(0, new Uint8Array(512).fill(0x55));
    expect(target.ask('write', ERASE)).toEqual({});
    expect(target.slotBytes(1).every((byte) => byte === 0xff)).toBe(true);
  });

  it.each<[string, () => TestDevice, SmpBody, keyof typeof IMAGE_ERROR]>([
    ['the running slot', staged, { slot: 0 }, 'noFreeSlot'],
    ['a slot that does not exist', staged, { slot: 2 }, 'invalidSlot'],
    ['what a trial falls back to', onTrial, { slot: 0 }, 'noFreeSlot'],
    ['what a trial falls back to, not named', onTrial, {}, 'noFreeSlot'],
  ])('refuses %s', (_, start, body, name) => {
    const target = start();
    const before = [target.slotBytes(0), target.slotBytes(1)];
    expect(target.ask('write', ERASE, body)).toEqual(imageError(name));
    expect([target.slotBytes(0), target.slotBytes(1)]).toEqual(before);
  });

  it('refuses a pending slot', () => {
    const target = staged();
    target.ask('write', STATE, { hash: NEXT.hash });
    expect(target.ask('write', ERASE)).toEqual(imageError('noFreeSlot'));
    expect(target.ask('write', ERASE, { slot: 'x' })).toEqual({ rc: 3 });
  });

  it('says so when the flash fails', () => {
    const target = staged();
    target.ask('read', STATE);
    target.flash.watch(() => ({ kind: 'failure', effect: 'untouched' }));
    expect(target.ask('write', ERASE)).toEqual(imageError('flashEraseFailed'));
  });
});

describe('the slot info', () => {
  it('tells the sizes of the slots and of the largest image', () => {
    const target = device();
    const max_image_size = target.bootControl.maxImageSizeBytes(1);
    expect(target.ask('read', [1, IMAGE_COMMAND.slotInfo])).toEqual({
      images: [
        {
          image: 0,
          slots: [
            { slot: 0, size: 4096 },
            { slot: 1, size: 4096 },
          ],
          max_image_size,
        },
      ],
    });
  });
});
