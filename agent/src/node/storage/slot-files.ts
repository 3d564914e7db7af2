import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import { openFileFlashArea } from './file-flash-area.js';
import type { FileFlashArea, SlotFileOptions } from './file-flash-area.js';
import { nodeFileSystem } from './node-file-system.js';
import type { SlotFileRejectCode } from './open-slot-file.js';

/** Both slots of a device. */
export type SlotFiles = readonly [primary: FileFlashArea, secondary: FileFlashArea];

/**
 * Opens both slots. They must be two files or devices, and alike in size, sectors, alignment and
 * erased value: an image that one takes is copied to the other, or runs from either. Refuses as
 * `openFileFlashArea`, and `slot-files-same`, `slot-files-differ`.
 */
export function openSlotFiles(
  options: readonly [primary: SlotFileOptions, secondary: SlotFileOptions],
): Verdict<SlotFiles, SlotFileRejectCode> {
  const primary = openFileFlashArea(options[0]);
  if (!primary.ok) return primary;
  const secondary = openSecond(primary.value, options);
  if (!secondary.ok) {
    primary.value.close();
    return secondary;
  }
  return accept([primary.value, secondary.value]);
}

function openSecond(
  primary: FileFlashArea,
  options: readonly [SlotFileOptions, SlotFileOptions],
): Verdict<FileFlashArea, SlotFileRejectCode> {
  // Before it is opened: a device may be opened only once.
  if (isSameFile(options)) {
    const detail = `${options[0].path} and ${options[1].path} are one and the same; give each slot its own`;
    return reject('slot-files-same', detail);
  }
  const secondary = openFileFlashArea(options[1]);
  if (!secondary.ok) return secondary;
  const difference = firstDifference(primary, secondary.value);
  if (difference === undefined) return secondary;
  secondary.value.close();
  return reject('slot-files-differ', `the slots differ in their ${difference}; make them alike`);
}

function isSameFile([primary, secondary]: readonly [SlotFileOptions, SlotFileOptions]): boolean {
  const first = (primary.fileSystem ?? nodeFileSystem).stat(primary.path);
  const second = (secondary.fileSystem ?? nodeFileSystem).stat(secondary.path);
  return first.ok && second.ok && first.value.identity === second.value.identity;
}

function firstDifference(primary: FileFlashArea, secondary: FileFlashArea): string | undefined {
  if (primary.sizeBytes !== secondary.sizeBytes) return 'size';
  if (primary.sectors.length !== secondary.sectors.length) return 'sector size';
  if (primary.writeAlignBytes !== secondary.writeAlignBytes) return 'write alignment';
  return primary.erasedValue === secondary.erasedValue ? undefined : 'erased value';
}
