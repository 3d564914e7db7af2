import { describe, expect, it } from 'vitest';
import {
  SECTOR_BYTES,
  SLOT_BYTES,
  SLOT_PATHS,
  factoryDisk,
  must,
  openSlots,
} from './disk-device.js';
import { syncsAt } from './sync-place.js';
import { DiskPowerCut } from './volatile-file-system.js';
import type { VolatileFileSystem } from './volatile-file-system.js';

const SEEDS_A_CUT = 16;
const HEADER_BYTES = 32;

/** An image, its header last; a little more; and the trailer. */
const STEPS = {
  body: { at: HEADER_BYTES, lengthBytes: SECTOR_BYTES },
  header: { at: 0, lengthBytes: HEADER_BYTES },
  more: { at: 2 * SECTOR_BYTES, lengthBytes: 512 },
  trailer: { at: SLOT_BYTES - 16, lengthBytes: 16 },
} as const;
const STEP_COUNT = Object.keys(STEPS).length;

/**
 * Writes a slot and erases it again, until the power goes; answers how many steps were answered,
 * the erase being the last. Each step may be of another process: the one before was killed.
 */
function useSlot(disk: VolatileFileSystem, isKilledOften: boolean): number {
  let done = 0;
  try {
    let [, slot] = openSlots(disk);
    for (const { at, lengthBytes } of Object.values(STEPS)) {
      if (isKilledOften) [, slot] = openSlots(disk);
      must(slot.write(at, new Uint8Array(lengthBytes)));
      done += 1;
    }
    must(slot.erase(0, slot.sizeBytes));
    done += 1;
  } catch (error) {
    if (!(error instanceof DiskPowerCut)) throw error;
  }
  return done;
}

type PartState = 'whole' | 'none' | 'torn';

function stateOf(slot: Uint8Array, step: keyof typeof STEPS): PartState {
  const { at, lengthBytes } = STEPS[step];
  const bytes = slot.subarray(at, at + lengthBytes);
  if (bytes.every((byte) => byte === 0)) return 'whole';
  return bytes.every((byte) => byte === 0xff) ? 'none' : 'torn';
}

/** Which order the disk did not keep, when so many steps had been answered. */
function brokenOrder(slot: Uint8Array, done: number): string | undefined {
  if (done > STEP_COUNT) {
    return slot.every((byte) => byte === 0xff) ? undefined : 'the slot was not erased';
  }
  const header = stateOf(slot, 'header');
  const more = stateOf(slot, 'more');
  const trailer = stateOf(slot, 'trailer');
  if (done === STEP_COUNT) {
    if (header === 'none' || (more === 'whole' && trailer === 'whole')) return undefined;
    return header === 'whole' && trailer === 'none'
      ? 'an acknowledged trailer is lost'
      : 'the header is not the first to go';
  }
  const body = stateOf(slot, 'body');
  if (header !== 'none' && body !== 'whole') return 'a header without its body';
  if (trailer !== 'none' && more !== 'whole') return 'a trailer without what it marks';
  return done >= 2 && header !== 'whole' ? 'an acknowledged header is lost' : undefined;
}

interface Conditions {
  readonly ignoredSyncs?: ReadonlySet<number>;
  readonly isKilledOften?: boolean;
}

/** Cuts the power at every operation; answers each order that was broken once. */
function ordersBroken(conditions: Conditions): readonly string[] {
  const { ignoredSyncs = new Set(), isKilledOften = false } = conditions;
  const factory = factoryDisk();
  const whole = factory.afterPowerCut('nothing');
  useSlot(whole, isKilledOften);
  const broken = new Set<string>();
  for (let cutAt = 0; cutAt <= whole.operations.length; cutAt += 1) {
    for (let seed = 0; seed < SEEDS_A_CUT; seed += 1) {
      const disk = factory.afterPowerCut('nothing');
      disk.troubles = { cutAt, ignoredSyncs };
      const done = useSlot(disk, isKilledOften);
      const slot = disk.afterPowerCut({ seed: seed * 977 + cutAt }).contents(SLOT_PATHS[1]);
      const order = slot === undefined ? 'the slot is gone' : brokenOrder(slot, done);
      if (order !== undefined) broken.add(order);
    }
  }
  return [...broken].toSorted();
}

function syncsOf(place: Parameters<typeof syncsAt>[1]): ReadonlySet<number> {
  const disk = factoryDisk();
  useSlot(disk, false);
  return syncsAt(disk.operations, place);
}

describe('a slot on a disk that loses power', () => {
  it('keeps header and trailer behind what they stand for, and both once acknowledged', () => {
    expect(ordersBroken({})).toEqual([]);
  });

  it('keeps the order also for what a process wrote that was killed', () => {
    expect(ordersBroken({ isKilledOften: true })).toEqual([]);
  });

  it.each([
    ['before-header', 'a header without its body'],
    ['after-header', 'an acknowledged header is lost'],
    ['before-trailer', 'a trailer without what it marks'],
    ['after-trailer', 'an acknowledged trailer is lost'],
    ['after-trailer', 'the slot was not erased'],
  ] as const)('does not keep it without the syncs %s: %s', (place, order) => {
    const ignoredSyncs = syncsOf(place);
    expect(ignoredSyncs.size).toBeGreaterThan(0);
    expect(ordersBroken({ ignoredSyncs })).toContain(order);
  });
});
