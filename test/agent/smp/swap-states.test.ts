import { describe, expect, it } from 'vitest';
import {
  SECTOR_BYTES,
  SWAP_STRATEGIES,
  SwapDevice,
  signedImage,
  type SignedImage,
} from '../swap-device.js';

const OLD = signedImage('1.0.0', { mark: 1 });
const NEW = signedImage('1.1.0', { mark: 2 });
const NEXT = signedImage('1.2.0', { mark: 3, payloadBytes: 1800 });

type SwapStrategy = (typeof SWAP_STRATEGIES)[number];

function device(strategy: SwapStrategy): SwapDevice {
  return new SwapDevice({ strategy, images: [OLD] });
}

function uploaded(strategy: SwapStrategy, image: SignedImage = NEW): SwapDevice {
  const target = device(strategy);
  target.upload(image);
  return target;
}

function marked(strategy: SwapStrategy): SwapDevice {
  const target = uploaded(strategy);
  target.test(NEW);
  return target;
}

function onTrial(strategy: SwapStrategy): SwapDevice {
  return marked(strategy).reset();
}

function confirmed(strategy: SwapStrategy): SwapDevice {
  const target = onTrial(strategy);
  target.confirm();
  return target;
}

function permanent(strategy: SwapStrategy): SwapDevice {
  const target = uploaded(strategy);
  target.confirm(NEW);
  return target;
}

interface StateRow {
  readonly moment: string;
  readonly reach: (strategy: SwapStrategy) => SwapDevice;
  readonly shows: readonly string[];
  /** Where swap-using-offset shows something else than the two others. */
  readonly offsetShows?: readonly string[];
}

/**
 * From Zephyr's code: slot 0 is always active; it is confirmed unless the next boot reverts it;
 * slot 1 is pending for `test` and `perm`, permanent for `perm`, confirmed for `revert`
 * (img_mgmt_state.c, img_mgmt_state_read and img_mgmt_get_next_boot_slot). Under
 * swap-using-offset the image of slot 1 is looked for in its second sector, but for `revert` in the
 * first (mcuboot.c, boot_get_image_start_offset); where none is found, the slot is not listed.
 */
const ROWS: readonly StateRow[] = [
  {
    moment: 'as it leaves the factory',
    reach: device,
    shows: ['0: 1.0.0 active confirmed'],
  },
  {
    moment: 'while an upload is under way',
    reach: (strategy) => {
      const target = device(strategy);
      target.upload(NEW, { stopAfter: 1000 });
      return target;
    },
    shows: ['0: 1.0.0 active confirmed'],
  },
  {
    moment: 'after an upload',
    reach: uploaded,
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0'],
  },
  {
    moment: 'after a test was asked for',
    reach: marked,
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0 pending'],
  },
  {
    moment: 'after a test was asked for twice',
    reach: (strategy) => {
      const target = marked(strategy);
      target.test(NEW);
      return target;
    },
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0 pending'],
  },
  {
    moment: 'after the image that does not run was confirmed',
    reach: permanent,
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0 pending permanent'],
  },
  {
    moment: 'during a trial',
    reach: onTrial,
    shows: ['0: 1.1.0 active', '1: 1.0.0 confirmed'],
  },
  {
    moment: 'during a trial, after the fallback was confirmed, which changes nothing',
    reach: (strategy) => {
      const target = onTrial(strategy);
      target.confirm(OLD);
      return target;
    },
    shows: ['0: 1.1.0 active', '1: 1.0.0 confirmed'],
  },
  {
    moment: 'after a trial was confirmed',
    reach: confirmed,
    shows: ['0: 1.1.0 active confirmed', '1: 1.0.0'],
    offsetShows: ['0: 1.1.0 active confirmed'],
  },
  {
    moment: 'after a trial confirmed itself, and another reset',
    reach: (strategy) => {
      const target = onTrial(strategy);
      target.selfTest = 'pass';
      return target.settle().reset();
    },
    shows: ['0: 1.1.0 active confirmed', '1: 1.0.0'],
    offsetShows: ['0: 1.1.0 active confirmed'],
  },
  {
    moment: 'after a revert',
    reach: (strategy) => onTrial(strategy).reset(),
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0'],
  },
  {
    moment: 'after a revert and another reset',
    reach: (strategy) => onTrial(strategy).reset().reset(),
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0'],
  },
  {
    moment: 'after a revert, when the image is to be tried again',
    reach: (strategy) => {
      const target = onTrial(strategy).reset();
      target.test(NEW);
      return target;
    },
    shows: ['0: 1.0.0 active confirmed', '1: 1.1.0 pending'],
  },
  {
    moment: 'after a permanent upgrade',
    reach: (strategy) => permanent(strategy).reset(),
    shows: ['0: 1.1.0 active confirmed', '1: 1.0.0'],
    offsetShows: ['0: 1.1.0 active confirmed'],
  },
  {
    moment: 'after a second upload',
    reach: (strategy) => {
      const target = confirmed(strategy);
      target.upload(NEXT);
      return target;
    },
    shows: ['0: 1.1.0 active confirmed', '1: 1.2.0'],
  },
  {
    moment: 'during a second trial',
    reach: (strategy) => {
      const target = confirmed(strategy);
      target.upload(NEXT);
      target.test(NEXT);
      return target.reset();
    },
    shows: ['0: 1.2.0 active', '1: 1.1.0 confirmed'],
  },
  {
    moment: 'after an erase',
    reach: (strategy) => {
      const target = uploaded(strategy);
      target.bootControls[0]?.erase(1);
      return target;
    },
    shows: ['0: 1.0.0 active confirmed'],
  },
];

describe.each(SWAP_STRATEGIES)('the image state under %s is as Zephyr has it', (strategy) => {
  it.each(ROWS)('$moment', ({ reach, shows, offsetShows }) => {
    const expected = strategy === 'swap-using-offset' ? (offsetShows ?? shows) : shows;
    expect(reach(strategy).list()).toEqual(expected);
  });

  it('in the answer to whoever changes it', () => {
    const target = uploaded(strategy);
    expect(target.list(target.test(NEW))).toEqual([
      '0: 1.0.0 active confirmed',
      '1: 1.1.0 pending',
    ]);
    target.reset();
    const answer = target.list(target.confirm());
    expect(answer).toEqual(target.list());
  });
});

describe('under swap-using-offset', () => {
  it('a new image lies in the second sector, and the first one is blank', () => {
    const target = confirmed('swap-using-offset');
    // What was swapped out lies in the first sector.
    expect(target.slotBytes(1).subarray(0, 32)).toEqual(OLD.bytes.subarray(0, 32));
    target.upload(NEXT);
    const slot = target.slotBytes(1);
    expect(slot.subarray(0, SECTOR_BYTES).every((byte) => byte === 0xff)).toBe(true);
    expect(slot.subarray(SECTOR_BYTES, SECTOR_BYTES + NEXT.bytes.byteLength)).toEqual(NEXT.bytes);
  });

  it('an image in the first sector does not outlive an upload of what is there already', () => {
    const target = uploaded('swap-using-offset').reset();
    const slot = target.layout.images[0]?.[1];
    slot?.write(0, OLD.bytes.subarray(0, 32));
    expect(target.upload(NEW)).toEqual({ off: NEW.bytes.byteLength, match: true });
    target.test(NEW);
    expect(target.reset().running).toBe('1.1.0');
  });
});
