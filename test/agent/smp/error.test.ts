import {
  IMAGE_ERROR,
  MGMT_ERROR,
  OS_ERROR,
  decodeSmpError,
  describeSmpError,
  encodeSmpError,
} from '@brickproof/agent';
import type { SmpError } from '@brickproof/agent';
import { describe, expect, it } from 'vitest';

describe('an SMP error', () => {
  it.each<SmpError>([
    { kind: 'mgmt', rc: 8 },
    { kind: 'mgmt', rc: 1, reason: 'because' },
    { kind: 'group', group: 1, rc: 33 },
    { kind: 'group', group: 64, rc: 5 },
  ])('comes back from version 2 as it was sent: %o', (error) => {
    expect(decodeSmpError(encodeSmpError(error, 2))).toEqual(error);
  });

  it.each([
    [0, OS_ERROR.invalidFormat, MGMT_ERROR.invalid],
    [0, OS_ERROR.clockNotSet, MGMT_ERROR.noEntry],
    [1, IMAGE_ERROR.noImage, MGMT_ERROR.noEntry],
    [1, IMAGE_ERROR.noFreeSlot, MGMT_ERROR.badState],
    [1, IMAGE_ERROR.invalidHash, MGMT_ERROR.invalid],
    [1, IMAGE_ERROR.tooLarge, MGMT_ERROR.unknown],
    [64, 1, MGMT_ERROR.unknown],
  ])('of group %i, number %i is %i in version 1', (group, rc, expected) => {
    expect(encodeSmpError({ kind: 'group', group, rc }, 1)).toEqual({ rc: expected });
  });

  it('is absent from a success, old or new', () => {
    expect(decodeSmpError({})).toBeUndefined();
    expect(decodeSmpError({ rc: 0, off: 5 })).toBeUndefined();
    expect(decodeSmpError({ err: { group: 1, rc: 0 } })).toBeUndefined();
    expect(decodeSmpError({ rc: 'x', err: 7 })).toBeUndefined();
  });

  it('has a sentence for every number it knows, and the numbers for those it does not', () => {
    const sentences = [
      ...Object.values(MGMT_ERROR).map((rc) => describeSmpError({ kind: 'mgmt', rc })),
      ...Object.values(OS_ERROR).map((rc) => describeSmpError({ kind: 'group', group: 0, rc })),
      ...Object.values(IMAGE_ERROR).map((rc) => describeSmpError({ kind: 'group', group: 1, rc })),
    ];
    expect(sentences.filter((sentence) => sentence.includes('an error of its own'))).toEqual([]);
    expect(describeSmpError({ kind: 'group', group: 1, rc: 27 })).toBe(
      'the running image is as new or newer (group 1, error 27)',
    );
    expect(describeSmpError({ kind: 'group', group: 1, rc: 99 })).toContain('error 99');
    expect(describeSmpError({ kind: 'mgmt', rc: 300, reason: 'why' })).toMatch(/rc 300.*why/);
  });
});
