import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CASE_SHAPES, UPGRADING_BOARDS, boardsFor } from './boards.js';

/**
 * Every case of MCUboot's simulator (sim/tests/core.rs at 2d4bacc3), and the tests of ours that
 * show the same: the file, and what their titles start with.
 */
const CASES: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  bad_secondary_slot: [['refuses', 'erases a marked image %s, and leaves the primary slot']],
  secondary_trailer_leftover: [['refuses', 'boots on when an empty secondary slot has a trailer']],
  bootstrap: [['upgrades', 'fills an empty primary slot from an image that nobody marked']],
  oversized_bootstrap: [['refuses', 'never fills an empty primary slot from an image that is one']],
  norevert_newimage: [['upgrades', 'leaves a newly programmed image alone']],
  basic_revert: [['reverts', 'goes back to the old image at the boot after a trial']],
  revert_with_fails: [['reverts', 'goes back after power cuts at the same operation']],
  perm_with_fails: [
    ['resumes', 'finishes a permanent upgrade of %s that was cut at any operation'],
  ],
  perm_with_random_fails: [['resumes', 'finishes a permanent upgrade after five random cuts']],
  norevert: [['upgrades', 'stays with an image that was confirmed during its trial']],
  oversized_secondary_slot: [['refuses', 'never copies a marked image that is one word too large']],
  wrong_load_addr: [
    ['refuses', 'erases a marked image %s, and leaves the primary slot'],
    ['refuses', 'takes an image that was linked for the primary slot'],
  ],
  status_write_fails_complete: [['resumes', 'upgrades though no status can be written']],
  status_write_fails_with_reset: [['resumes', 'never runs a mixture after a cut halfway']],
  downgrade_prevention: [
    ['refuses', 'erases a lower version that is marked (permanent: %s)'],
    ['refuses', 'erases a lower security counter that is marked (permanent: %s)'],
  ],
  direct_xip_first: [['upgrades', 'runs the newer image from where it lies']],
  hw_prot_missing_security_cnt: [['refuses', 'boots no image %s, and leaves the counter']],
  hw_prot_failed_security_cnt_check: [['refuses', 'boots no image %s, and leaves the counter']],
  logical_sectors_reject_incompatible_devices: [
    ['refuses', 'are refused before a bootloader runs on them when they %s'],
  ],
  signed_primary_key_boots: [
    ['upgrades', 'leaves a newly programmed image alone'],
    ['upgrades', 'takes a new image that is signed by %s'],
  ],
  signed_secondary_key_boots: [
    ['upgrades', 'leaves a newly programmed image alone'],
    ['upgrades', 'takes a new image that is signed by %s'],
  ],
  signed_unknown_key_rejected: [['refuses', 'erases a marked image %s, and leaves the primary']],
  single_key_build_rejects_secondary_key_image: [
    ['upgrades', 'refuses an image of the second key where only the first is known'],
  ],
  dependency_combos: [
    ['dependencies', 'two new images that need $needs end as $becomes'],
    ['dependencies', 'two new images that need $needs run as $becomes'],
  ],
};

/** No strategy here copies an image to RAM to run it from there. */
const NOT_FOR_US = [
  'ram_load_first',
  'ram_load_split',
  'ram_load_from_flash',
  'ram_load_out_of_bounds',
  'ram_load_missing_header_flag',
  'ram_load_failed_validation',
  'ram_load_corrupt_higher_version_image',
  'ram_load_overlapping_images_same_base',
  'ram_load_overlapping_images_offset',
];

/** As many as MCUboot's file has. */
const CASE_COUNT = 33;

describe("the cases of MCUboot's simulator", () => {
  it('are all told of here', () => {
    expect(new Set([...Object.keys(CASES), ...NOT_FOR_US]).size).toBe(CASE_COUNT);
  });

  it.each(Object.entries(CASES))('%s has a test of ours', (_, tests) => {
    for (const [file, title] of tests) {
      const path = fileURLToPath(new URL(`./${file}.test.ts`, import.meta.url));
      // The title stands in the source as it is written here, behind a quote.
      expect(readFileSync(path, 'utf8')).toContain(`'${title}`);
    }
  });

  it('are run on every device of the simulator', () => {
    const devices = new Set([...UPGRADING_BOARDS, ...boardsFor('direct-xip')].map(deviceOf));
    expect(devices).toEqual(new Set(CASE_SHAPES.map(({ device }) => device)));
    expect(devices.size).toBe(12);
  });

  it.each([
    'overwrite-only',
    'swap-using-offset',
    'swap-using-move',
    'swap-using-scratch',
  ] as const)('are run under %s with each alignment and erased value', (strategy) => {
    const kinds = boardsFor(strategy).map(
      ({ writeAlignBytes, erasedValue }) => `${writeAlignBytes} ${erasedValue}`,
    );
    expect(new Set(kinds).size).toBe(12);
  });
});

function deviceOf({ shape }: { readonly shape: { readonly device: string } }): string {
  return shape.device;
}
