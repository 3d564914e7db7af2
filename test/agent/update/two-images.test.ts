import { IMAGE_ERROR, UPDATE_COMMAND } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { PowerCut, readTrailer } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import {
  ERASE,
  SECTOR_BYTES,
  SLOT_INFO,
  SWAP_STRATEGIES,
  SwapDevice,
  UPLOAD,
  signedImage,
} from '../swap-device.js';

const APP = signedImage('1.0.0', { mark: 1 });
const APP_NEW = signedImage('1.1.0', { mark: 2, needs: [[1, '2.1.0']] });
const NET = signedImage('2.0.0', { mark: 11 });
const NET_NEW = signedImage('2.1.0', { mark: 12, payloadBytes: 1500, securityCounter: 5 });
/** Needs the application that is not there yet, as it needs this one. */
const NET_MUTUAL = signedImage('2.1.0', { mark: 13, needs: [[0, '1.1.0']] });
const LAST_UPDATE = [64, UPDATE_COMMAND.lastUpdate] as const;

const BEFORE = ['0.0: 1.0.0 active confirmed', '1.0: 2.0.0 active confirmed'];

const imageError = (name: keyof typeof IMAGE_ERROR): SmpBody => ({
  err: { group: 1, rc: IMAGE_ERROR[name] },
});

describe.each(SWAP_STRATEGIES)('two images under %s', (strategy) => {
  const isOffset = strategy === 'swap-using-offset';
  const device = (): SwapDevice => new SwapDevice({ strategy, images: [APP, NET] });

  /** Both uploaded and marked. */
  function bothMarked(net = NET_NEW): SwapDevice {
    const target = device();
    target.upload(net, { to: 1 });
    target.upload(APP_NEW, { to: 0 });
    target.test(net);
    target.test(APP_NEW);
    return target;
  }

  it('are listed by image and slot', () => {
    const target = device();
    expect(target.list()).toEqual(BEFORE);
    target.upload(NET_NEW, { to: 1 });
    expect(target.list()).toEqual([...BEFORE, '1.1: 2.1.0']);
    const listed = target.list(target.test(NET_NEW));
    expect(listed).toEqual([...BEFORE, '1.1: 2.1.0 pending']);
  });

  it('have their slots told with the number that an upload to them has', () => {
    const { images } = device().ask('read', SLOT_INFO);
    const size = 10 * SECTOR_BYTES;
    expect(images).toMatchObject([
      {
        image: 0,
        slots: [
          { slot: 0, size },
          { slot: 1, size, upload_image_id: 0 },
        ],
      },
      {
        image: 1,
        slots: [
          { slot: 0, size },
          { slot: 1, size, upload_image_id: 1 },
        ],
      },
    ]);
  });

  it('are uploaded to the image that was named, without a name to the first', () => {
    const target = device();
    expect(target.upload(APP_NEW)).toMatchObject({ match: true });
    expect(target.list()).toContain('0.1: 1.1.0');
    expect(target.upload(NET_NEW, { to: 2 })).toEqual(imageError('noFreeSlot'));
    expect(target.upload(NET_NEW, { to: 1, upgrade: true })).toMatchObject({ match: true });
    expect(target.upload(NET, { to: 1, upgrade: true })).toEqual(
      imageError('currentVersionIsNewer'),
    );
  });

  it('may be uploaded in turns, each from where it was, also after a power cut', () => {
    const target = device();
    target.upload(APP_NEW, { to: 0, stopAfter: 1500 });
    target.upload(NET_NEW, { to: 1, stopAfter: 1000 });
    expect(target.list()).toEqual(BEFORE);
    const first = { off: 0, data: APP_NEW.bytes.subarray(0, 500), len: APP_NEW.bytes.byteLength };
    const again = { ...first, sha: APP_NEW.sha };
    expect(target.ask('write', UPLOAD, again)).toEqual({ off: 1500 });
    target.reset();
    expect(target.ask('write', UPLOAD, again)).toEqual({ off: SECTOR_BYTES });
    expect(target.upload(NET_NEW, { to: 1 })).toMatchObject({ match: true });
    expect(target.upload(APP_NEW)).toMatchObject({ match: true });
    expect(target.list()).toEqual([BEFORE[0], '0.1: 1.1.0', BEFORE[1], '1.1: 2.1.0']);
  });

  it('does not lose the upload under way to one that is refused', () => {
    const target = device();
    target.upload(APP_NEW, { to: 0, stopAfter: 1500 });
    expect(target.upload(NET, { to: 1, upgrade: true })).toEqual(
      imageError('currentVersionIsNewer'),
    );
    const data = APP_NEW.bytes.subarray(1500, 2000);
    expect(target.ask('write', UPLOAD, { off: 1500, data })).toEqual({ off: 2000 });
  });

  it('are erased by counting slots through', () => {
    const target = bothMarked();
    const refused = imageError('noFreeSlot');
    for (const slot of [0, 1, 2, 3]) {
      expect(target.ask('write', ERASE, { slot })).toEqual(refused);
    }
    expect(target.ask('write', ERASE, { slot: 4 })).toEqual(imageError('invalidSlot'));
    const free = device();
    free.upload(NET_NEW, { to: 1 });
    free.upload(APP_NEW, { to: 0, stopAfter: 1000 });
    expect(free.ask('write', ERASE, { slot: 3 })).toEqual({});
    expect(free.slotBytes(3).every((byte) => byte === 0xff)).toBe(true);
    // The other image's upload goes on.
    const data = APP_NEW.bytes.subarray(1000, 1500);
    expect(free.ask('write', UPLOAD, { off: 1000, data })).toEqual({ off: 1500 });
  });

  it('come together, on trial together, and are confirmed together', () => {
    const target = bothMarked();
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'marked', hash: APP_NEW.hash });
    target.reset();
    expect([target.running, target.trialState]).toEqual(['1.1.0 2.1.0', 'testing']);
    expect(target.list()).toEqual([
      '0.0: 1.1.0 active',
      '0.1: 1.0.0 confirmed',
      '1.0: 2.1.0 active',
      '1.1: 2.0.0 confirmed',
    ]);
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'on-trial', hash: APP_NEW.hash });
    target.selfTest = 'pass';
    target.settle();
    expect(target.trialState).toBe('confirmed');
    const fallbacks = isOffset ? [] : ['0.1: 1.0.0', '1.1: 2.0.0'];
    const active = ['0.0: 1.1.0 active confirmed', '1.0: 2.1.0 active confirmed'];
    expect(target.list()).toEqual([...active, ...fallbacks].toSorted());
    expect(target.reset().running).toBe('1.1.0 2.1.0');
    expect(target.counters.snapshot()).toEqual([1, 5]);
  });

  it('are told apart by what their trailers say', () => {
    const target = bothMarked();
    const numbers = target.layout.images.map(([, secondary]) => readTrailer(secondary).imageNumber);
    expect(numbers).toEqual([0, 1]);
  });

  it('that need each other come together too', () => {
    const target = bothMarked(NET_MUTUAL);
    expect(target.reset().running).toBe('1.1.0 2.1.0');
  });

  it('go back together when the self-test fails', () => {
    const target = bothMarked();
    target.reset();
    target.selfTest = 'fail';
    target.settle();
    expect(target.isResetAsked).toBe(true);
    expect(target.reset().running).toBe('1.0.0 2.0.0');
    expect(target.trialState).toBe('idle');
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'failed', hash: APP_NEW.hash });
  });

  it.each([
    ['the application', APP_NEW, 0],
    ['the other one', NET_MUTUAL, 1],
  ] as const)('stay as they are when only %s is there, which needs both', (_, image, to) => {
    const target = device();
    target.upload(image, { to });
    expect(target.test(image)).toHaveProperty('images');
    target.reset();
    expect([target.running, target.trialState]).toEqual(['1.0.0 2.0.0', 'idle']);
    expect(target.log.some((line) => /^Image \d needs image \d/.test(line))).toBe(true);
  });

  it('take an image that nothing needs by itself', () => {
    const target = device();
    target.upload(NET_NEW, { to: 1 });
    target.test(NET_NEW);
    target.reset();
    expect([target.running, target.trialState]).toEqual(['1.0.0 2.1.0', 'testing']);
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'on-trial', hash: NET_NEW.hash });
    target.selfTest = 'pass';
    target.settle();
    expect(target.reset().running).toBe('1.0.0 2.1.0');
    expect(target.ask('read', LAST_UPDATE)).toEqual({ state: 'confirmed', hash: NET_NEW.hash });
  });

  it('are confirmed one by one from outside, the first one without a name', () => {
    const target = bothMarked().reset();
    const listed = target.list(target.confirm());
    expect(listed).toContain('0.0: 1.1.0 active confirmed');
    expect(listed).toContain('1.0: 2.1.0 active');
    target.settle();
    expect(target.trialState).not.toBe('confirmed');
    expect(target.list(target.confirm(NET_NEW))).toContain('1.0: 2.1.0 active confirmed');
    target.settle();
    expect(target.reset().running).toBe('1.1.0 2.1.0');
  });

  it('revert what depends on one that is reverted', () => {
    const target = bothMarked().reset();
    // The application is confirmed, what it needs is not.
    target.confirm();
    target.reset();
    expect(target.running).toBe('1.0.0 2.0.0');
    expect(target.log).toContain('Image 0 is reverted with the image that it needs');
  });

  it('revert one that nothing depends on by itself', () => {
    const target = bothMarked().reset();
    target.confirm(NET_NEW);
    expect(target.reset().running).toBe('1.0.0 2.1.0');
  });

  it('end as they were or as they are to be, wherever the power was cut', () => {
    const ends = new Map<string, number>();
    for (let operation = 1; ; operation += 5) {
      const target = device();
      const isOver = !cutStory(target, operation);
      for (let boots = 0; boots < 3; boots += 1) target.reset();
      ends.set(target.running, (ends.get(target.running) ?? 0) + 1);
      if (isOver) break;
    }
    expect([...ends.keys()].toSorted()).toEqual(['1.0.0 2.0.0', '1.1.0 2.1.0']);
  });

  /** Update and confirmation with a power cut in the n-th operation; false when it came too late. */
  function cutStory(target: SwapDevice, operation: number): boolean {
    let left = operation;
    target.flash.watch(() => {
      left -= 1;
      return left === 0 ? { kind: 'power-cut', effect: { kind: 'prefix', words: 1 } } : undefined;
    });
    try {
      target.upload(NET_MUTUAL, { to: 1 });
      target.upload(APP_NEW, { to: 0 });
      target.test(NET_MUTUAL);
      target.test(APP_NEW);
      target.reset();
      target.selfTest = 'pass';
      target.settle();
      target.reset();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    target.flash.watch(undefined);
    return left <= 0;
  }
});
