import { describe, expect, it } from 'vitest';
import { STORE_CASES, UPDATE_CASES } from './finds/agent-cases.js';
import {
  DIRECT_XIP_CASES,
  ENCRYPTION_CASES,
  MULTI_IMAGE_CASES,
  OVERWRITE_CASES,
  VERIFY_CASES,
} from './finds/boot-cases.js';
import { expectFound, rowsOf } from './finds/found-case.js';
import { MOVE_CASES, OFFSET_CASES, SCRATCH_CASES, SWAP_CASES } from './finds/swap-cases.js';
import { AGENT_MUTANTS, BOOTLOADER_MUTANTS } from './variants/mutants.js';

const BOOTLOADER_CASES = [
  ...VERIFY_CASES,
  ...OVERWRITE_CASES,
  ...DIRECT_XIP_CASES,
  ...ENCRYPTION_CASES,
  ...MULTI_IMAGE_CASES,
];
const AGENT_CASES = [...UPDATE_CASES, ...STORE_CASES];
const SWAPPING_CASES = [...SWAP_CASES, ...OFFSET_CASES, ...MOVE_CASES, ...SCRATCH_CASES];

/** Faults that no scene shows, and what is missing. */
const NOT_FOUND: Readonly<Record<string, string>> = {
  'reverts-in-any-order': 'each of the two images needs the other, so that no order is better',
  'fallback-overwritten': 'nobody uploads while an image is on trial',
  'trailer-kept-under-upload': 'nobody uploads after an upgrade that was confirmed',
  'confirmed-without-service': 'no firmware of a scene has an update service to reach',
  'failed-trial-goes-on': 'firmware that does not reset itself is reset by its watchdog',
  'trial-without-end': 'no self-test of a scene goes on for ever',
  'appended-at-opening': 'with cells that flicker, two cuts break the same in our store',
};

describe('the explorer finds', () => {
  it.each(rowsOf([...BOOTLOADER_CASES, ...AGENT_CASES]))(
    '%s, and of ours nothing does',
    (_, found, strategy) => expectFound(found, strategy),
  );

  it('all faults that were put into the bootloader and the agent but these', () => {
    const found = [...BOOTLOADER_CASES, ...AGENT_CASES, ...SWAPPING_CASES];
    const told = new Set([...found.map(({ variant }) => variant), ...Object.keys(NOT_FOUND)]);
    const all = [...BOOTLOADER_MUTANTS, ...AGENT_MUTANTS].map(({ name }) => name);
    expect([...told].sort()).toEqual(all.sort());
  });
});
