import { IMAGE_ERROR, UPDATE_COMMAND } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { PowerCut, type DowngradePrevention } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import {
  BOOTLOADER,
  ERASE,
  SECTOR_BYTES,
  SLOT_INFO,
  STRANGER,
  SWAP_STRATEGIES,
  SwapDevice,
  UPLOAD,
  signedImage,
  type SignedImage,
} from '../swap-device.js';

const OLD = signedImage('1.0.0', { mark: 1 });
const NEW = signedImage('1.1.0', { mark: 2 });
const NEXT = signedImage('1.2.0', { mark: 3, payloadBytes: 5000 });
const OLDER = signedImage('0.9.0', { mark: 4, securityCounter: 2 });
const LAST_UPDATE = [64, UPDATE_COMMAND.lastUpdate] as const;

const imageError = (name: keyof typeof IMAGE_ERROR): SmpBody => ({
  err: { group: 1, rc: IMAGE_ERROR[name] },
});

/** Cuts the power in the n-th flash operation from now, and starts the device again. */
function cutDuring(device: SwapDevice, operation: number, action: () => void): void {
  let left = operation;
  device.flash.watch(() => {
    left -= 1;
    return left === 0 ? { kind: 'power-cut', effect: { kind: 'prefix', words: 2 } } : undefined;
  });
  expect(action).toThrow(PowerCut);
  device.flash.watch(undefined);
  device.reset();
}

function changesOf({ flash }: SwapDevice): readonly number[] {
  const { writes, erases } = flash.statistics;
  return [writes, erases];
}

describe.each(SWAP_STRATEGIES)('an update under %s', (strategy) => {
  const device = (image: SignedImage = OLD): SwapDevice =>
    new SwapDevice({ strategy, images: [image] });

  it('is uploaded, tried, confirmed by its self-test, and stays', () => {
    const target = device();
    expect(target.upload(NEW)).toEqual({ off: NEW.bytes.byteLength, match: true });
    target.test(NEW);
    expect(target.ask('read', LAST_UPDATE)).toMatchObject({ state: 'marked' });
    target.reset();
    expect([target.running, target.trialState]).toEqual(['1.1.0', 'testing']);
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'on-trial', hash: NEW.hash });
    target.selfTest = 'pass';
    target.settle();
    expect(target.trialState).toBe('confirmed');
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'confirmed', hash: NEW.hash });
    target.reset();
    expect([target.running, target.trialState]).toEqual(['1.1.0', 'idle']);
    expect(target.counters.read(0)).toBe(1);
  });

  it('is given up when its self-test fails, and the old image runs again', () => {
    const target = device();
    target.upload(NEW);
    target.test(NEW);
    target.reset();
    target.selfTest = 'fail';
    target.settle();
    expect([target.trialState, target.isResetAsked]).toEqual(['failed', true]);
    target.reset();
    expect([target.running, target.trialState]).toEqual(['1.0.0', 'idle']);
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'failed', hash: NEW.hash });
    expect(target.reset().running).toBe('1.0.0');
  });

  it('can be tried again after a revert, without a second upload', () => {
    const target = device();
    target.upload(NEW);
    target.test(NEW);
    target.reset().reset();
    const before = changesOf(target);
    expect(target.upload(NEW)).toEqual({ off: NEW.bytes.byteLength, match: true });
    expect(changesOf(target)).toEqual(before);
    target.test(NEW);
    expect(target.reset().running).toBe('1.1.0');
  });

  it('is followed by the next one, and by the one before, as often as one likes', () => {
    const target = new SwapDevice({
      strategy,
      images: [OLD],
      settings: { downgradePrevention: 'none' },
    });
    for (const [image, version] of [
      [NEW, '1.1.0'],
      [NEXT, '1.2.0'],
      [OLD, '1.0.0'],
      [NEXT, '1.2.0'],
    ] as const) {
      expect(target.upload(image)).toMatchObject({ match: true });
      target.test(image);
      expect(target.reset().running).toBe(version);
      target.confirm();
    }
    expect(target.reset().running).toBe('1.2.0');
  });

  it('does not take an image that was swapped out for one that was just uploaded', () => {
    const target = device();
    target.upload(NEW);
    target.test(NEW);
    target.reset();
    target.confirm();
    expect(target.upload(OLD)).toEqual({ off: OLD.bytes.byteLength, match: true });
    expect(target.list()).toContain('1: 1.0.0');
    expect(target.test(OLD)).toEqual(imageError('currentVersionIsNewer'));
  });

  it('takes an image of the largest size that slot info tells, and brings it back', () => {
    const target = device();
    const [info] = target.ask('read', SLOT_INFO)['images'] as readonly SmpBody[];
    const max = Number(info?.['max_image_size']);
    expect(info).toEqual({
      image: 0,
      slots: [
        { slot: 0, size: 10 * SECTOR_BYTES },
        { slot: 1, size: 10 * SECTOR_BYTES },
      ],
      max_image_size: max,
    });
    const overhead = NEW.bytes.byteLength - 2500;
    const largest = signedImage('1.1.0', { payloadBytes: max - overhead });
    expect(largest.bytes.byteLength).toBe(max);
    expect(target.upload(largest)).toMatchObject({ match: true });
    target.test(largest);
    expect(target.reset().running).toBe('1.1.0');
    expect(target.reset().running).toBe('1.0.0');
    const tooLarge = signedImage('1.1.0', { payloadBytes: max - overhead + 1 });
    expect(target.upload(tooLarge)).toEqual(imageError('tooLarge'));
  });

  it('is not marked when it is signed with an unknown key', () => {
    const target = device();
    const forged = signedImage('1.1.0', { key: STRANGER });
    target.upload(forged);
    expect(target.test(forged)).toEqual(imageError('confirmationDenied'));
    expect(target.confirm(forged)).toEqual(imageError('confirmationDenied'));
    expect(target.reset().running).toBe('1.0.0');
  });

  it('is refused by the bootloader alone when the agent trusts anybody', () => {
    const target = new SwapDevice({ strategy, images: [OLD], isTrusting: true });
    const forged = signedImage('1.1.0', { key: STRANGER });
    target.upload(forged);
    target.test(forged);
    expect(target.reset().running).toBe('1.0.0');
    expect(target.log).toContain('Image in the secondary slot is not valid!');
    expect(target.list()).toEqual(['0: 1.0.0 active confirmed']);
  });

  it('leaves a slot alone that boots next, or that a trial falls back to', () => {
    const target = device();
    target.upload(NEW);
    target.test(NEW);
    const refused = imageError('noFreeSlot');
    expect(target.upload(NEXT)).toEqual(refused);
    expect(target.ask('write', ERASE)).toEqual(refused);
    target.reset();
    expect(target.upload(NEXT)).toEqual(refused);
    for (const body of [{}, { slot: 0 }, { slot: 1 }]) {
      expect(target.ask('write', ERASE, body)).toEqual(refused);
    }
    expect(target.ask('write', ERASE, { slot: 2 })).toEqual(imageError('invalidSlot'));
    expect(target.test(OLD)).toEqual(imageError('alreadyPending'));
    target.confirm();
    expect(target.ask('write', ERASE)).toEqual({});
    expect(target.slotBytes(1).every((byte) => byte === 0xff)).toBe(true);
  });

  it('goes on with an upload after a power cut in any operation of it', () => {
    const most = device();
    const before = changesOf(most).reduce((sum, count) => sum + count);
    most.upload(NEXT);
    const operations = changesOf(most).reduce((sum, count) => sum + count) - before;
    expect(operations).toBeGreaterThan(20);
    let resumed = 0;
    for (let operation = 1; operation <= operations; operation += 1) {
      const target = device();
      cutDuring(target, operation, () => target.upload(NEXT));
      const first = {
        off: 0,
        data: NEXT.bytes.subarray(0, 500),
        len: NEXT.bytes.byteLength,
        sha: NEXT.sha,
      };
      const from = Number(target.ask('write', UPLOAD, first)['off']);
      if (from > 500) resumed += 1;
      expect(target.upload(NEXT)).toEqual({ off: NEXT.bytes.byteLength, match: true });
      target.test(NEXT);
      expect(target.reset().running).toBe('1.2.0');
    }
    expect(resumed).toBeGreaterThan(10);
  });

  it('can be marked after a mark that was cut short', () => {
    const whole = device();
    whole.upload(NEW);
    const before = changesOf(whole).reduce((sum, count) => sum + count);
    whole.confirm(NEW);
    const operations = changesOf(whole).reduce((sum, count) => sum + count) - before;
    for (let operation = 1; operation <= operations; operation += 1) {
      const target = device();
      target.upload(NEW);
      cutDuring(target, operation, () => target.confirm(NEW));
      if (target.running === '1.0.0') {
        target.upload(NEW);
        target.confirm(NEW);
        target.reset();
      }
      expect(target.running).toBe('1.1.0');
    }
  });

  it.each<[DowngradePrevention, SignedImage, string, string]>([
    ['version', OLDER, 'currentVersionIsNewer', '1.0.0'],
    ['version', signedImage('1.0.0', { mark: 9 }), '', '1.0.0'],
    ['none', OLDER, '', '0.9.0'],
    ['security-counter', OLDER, '', '0.9.0'],
    [
      'security-counter',
      signedImage('2.0.0', { securityCounter: 0 }),
      'currentVersionIsNewer',
      '1.0.0',
    ],
  ])('is held to downgrade prevention %s: %#', (downgradePrevention, image, refusal, runs) => {
    const settings = { downgradePrevention };
    const target = new SwapDevice({ strategy, images: [OLD], settings });
    expect(target.upload(image)).toMatchObject({ match: true });
    const answer = target.test(image);
    if (refusal === '') expect(answer).toHaveProperty('images');
    else expect(answer).toEqual(imageError(refusal as keyof typeof IMAGE_ERROR));
    expect(target.reset().running).toBe(runs);
    // The bootloader comes to the same result when it is asked alone.
    const alone = new SwapDevice({ strategy, images: [OLD], settings, isTrusting: true });
    alone.upload(image);
    expect(alone.test(image)).toHaveProperty('images');
    expect(alone.reset().running).toBe(runs);
  });

  it.each<[DowngradePrevention | undefined, SmpBody]>([
    [undefined, { 'no-downgrade': true }],
    ['version', { 'no-downgrade': true }],
    ['security-counter', { 'no-downgrade': true }],
    ['none', {}],
  ])('is announced by the bootloader information, downgrade prevention %s', (prevention, more) => {
    const mode = { 'swap-using-scratch': 1, 'swap-using-move': 3, 'swap-using-offset': 9 }[
      strategy
    ];
    const settings = { downgradePrevention: prevention };
    const target = new SwapDevice({ strategy, images: [OLD], settings });
    expect(target.ask('read', BOOTLOADER, { query: 'mode' })).toEqual({ mode, ...more });
  });

  it('with "upgrade" is refused when it is not newer', () => {
    const target = device();
    for (const image of [OLD, OLDER]) {
      expect(target.upload(image, { upgrade: true })).toEqual(imageError('currentVersionIsNewer'));
    }
    expect(target.upload(NEW, { upgrade: true })).toMatchObject({ match: true });
  });
});
