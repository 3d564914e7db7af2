import type { FlashArea } from '../flash/flash-area.js';
import { DONE, type Verdict } from '../verdict.js';
import { copyOver } from './copy-region.js';
import { inOrder } from './in-order.js';
import {
  equalSectorsIncompatibility,
  equalSectorsMaxImageSizeBytes,
  type EqualSectors,
} from './slot-compatibility.js';
import {
  asksAnew,
  eraseTrailerOf,
  findStatusInPrimary,
  firstTrailerSector,
  logSwapState,
  refuseForRoom,
  sectorOffset,
  statusEntries,
  writeStatus,
  writeStatusTrailer,
  type SwapAlgorithm,
} from './swap-algorithm.js';
import { isReset, lastWrittenEntry, type SwapStatus } from './swap-status.js';
import { writeSwapSize } from './swap-trailer.js';
import { readTrailer, writeImageOk, writeSwapInfo, writeTrailerMagic } from './trailer.js';
import type { HeaderPlace, UpgradeImage } from './upgrade-image.js';

/** Status entries of each sector while it is swapped; one more was written when it was moved. */
const SWAP_STATES_PER_SECTOR = 2;
const SECTORS: EqualSectors = { strategy: 'swap-using-move', spareSectorIn: 'primary' };

/**
 * Moves the primary image up by one sector, and then swaps: sector N of the secondary slot goes to
 * sector N of the primary one, and sector N + 1 of the primary slot to sector N of the secondary
 * one (MCUboot swap_move.c, MCUBOOT_SWAP_USING_MOVE; docs/design.md, "Swap using move").
 */
export const swapUsingMove: SwapAlgorithm = {
  name: 'swap-using-move',
  firstOperation: 'move',
  incompatibility: (slots, layout) => equalSectorsIncompatibility(slots, layout, SECTORS),
  maxImageSizeBytes: (slots, layout) => equalSectorsMaxImageSizeBytes(slots, layout, SECTORS),
  findStatus: findStatusInPrimary,
  readStatus,
  headerPlace,
  needsHeaders: true,
  canResume: (image, swapSizeBytes) => {
    const last = swapSectorCount(image, swapSizeBytes);
    const { operation, index } = image.status;
    const isInside = last < image.primary.sectors.length && last <= image.secondary.sectors.length;
    return isInside && (operation === 'swap' || index <= last + 1);
  },
  turnCount: swapSectorCount,
  run,
};

function readStatus(image: UpgradeImage, area: FlashArea, status: SwapStatus): void {
  const entry = lastWrittenEntry(area, statusEntries(image, area));
  if (entry === 0) return;
  const moveEntries = image.format.sectorsMax;
  if (entry < moveEntries) {
    status.operation = 'move';
    status.index = entry + 1;
    status.state = 1;
    return;
  }
  status.operation = 'swap';
  status.index = Math.floor((entry - moveEntries) / SWAP_STATES_PER_SECTOR) + 1;
  status.state = ((entry - moveEntries) % SWAP_STATES_PER_SECTOR) + 1;
}

/** How many sectors are moved: at least one (find_last_idx). */
function swapSectorCount(image: UpgradeImage, swapSizeBytes: number): number {
  return Math.max(1, Math.ceil(swapSizeBytes / image.sectorSizeBytes));
}

function headerPlace(image: UpgradeImage, slot: 0 | 1, swapSizeBytes: number): HeaderPlace {
  const { status, slots, primary, secondary, sectorSizeBytes } = image;
  const last = swapSectorCount(image, swapSizeBytes);
  if (status.operation === 'move') {
    const isMoved = slot === 0 && status.index > last;
    return { area: slots[slot], offset: isMoved ? sectorSizeBytes : 0 };
  }
  if (status.index > last) return { area: slots[slot], offset: 0 };
  if (status.index > 1) return { area: slot === 0 ? secondary : primary, offset: 0 };
  if (slot === 0) return { area: primary, offset: sectorSizeBytes };
  return { area: status.state === 2 ? primary : secondary, offset: 0 };
}

function run(image: UpgradeImage): Verdict<void> {
  const { status, sectorSizeBytes } = image;
  image.log('info', 'Starting swap using move algorithm.');
  const last = swapSectorCount(image, status.swapSizeBytes);
  const firstTrailer = firstTrailerSector(image);
  if (isReset(status, 'move') && last >= firstTrailer) {
    return refuseForRoom(image, (last + 1) * sectorSizeBytes, firstTrailer * sectorSizeBytes);
  }
  return inOrder(
    () => prepareRevert(image),
    () => (status.operation === 'move' ? moveUp(image, last) : DONE),
    () => swapDown(image, last),
  );
}

/**
 * A revert starts with its status in the primary slot, where a new one has to be begun. So that a
 * reset in between does not lose it, the secondary slot asks to be taken for good meanwhile
 * (swap_move.c, fixup_revert).
 */
function prepareRevert(image: UpgradeImage): Verdict<void> {
  const { status, secondary, format } = image;
  const isBegun = status.operation !== 'move' || status.index !== 1;
  if (status.swapType !== 'revert' || isBegun) return DONE;
  const trailer = readTrailer(secondary);
  logSwapState(image, 'Secondary image', trailer);
  if (!asksAnew(image, trailer)) return DONE;
  return inOrder(
    () => eraseTrailerOf(image, secondary),
    () => writeImageOk(secondary),
    () => writeSwapSize(secondary, format, status.swapSizeBytes),
    () =>
      image.environment.hardened === true ? writeSwapInfo(secondary, 'revert', image.index) : DONE,
    () => writeTrailerMagic(secondary),
  );
}

/** Moves all sectors of the primary image up by one, the last one first. */
function moveUp(image: UpgradeImage, last: number): Verdict<void> {
  const { status } = image;
  for (let sector = last - status.index + 1; sector > 0; sector -= 1) {
    const moved = moveSectorUp(image, sector);
    if (!moved.ok) return moved;
  }
  status.operation = 'swap';
  status.index = 1;
  return DONE;
}

function moveSectorUp(image: UpgradeImage, sector: number): Verdict<void> {
  const { status, primary, secondary, sectorSizeBytes: sizeBytes } = image;
  const from = sectorOffset(primary, sector - 1);
  const to = sectorOffset(primary, sector);
  const isFresh = status.index === 1 && status.source !== 'primary';
  const moved = inOrder(
    () => (isFresh ? eraseTrailerOf(image, primary) : DONE),
    () => (isFresh ? writeStatusTrailer(image, primary) : DONE),
    () => (status.index === 1 ? eraseTrailerOf(image, secondary) : DONE),
    () =>
      copyOver(image, { from: primary, fromOffset: from, to: primary, toOffset: to, sizeBytes }),
  );
  if (!moved.ok) return moved;
  writeStatus(image, status.index - 1);
  status.index += 1;
  return DONE;
}

/** Swaps all sectors, the first one first. */
function swapDown(image: UpgradeImage, last: number): Verdict<void> {
  const { status } = image;
  status.operation = 'swap';
  for (let sector = status.index; sector <= last; sector += 1) {
    const swapped = swapSector(image, sector);
    if (!swapped.ok) return swapped;
  }
  return DONE;
}

/** Swaps one sector in two steps; counts from 1. */
function swapSector(image: UpgradeImage, sector: number): Verdict<void> {
  const { status, primary, secondary, sectorSizeBytes: sizeBytes } = image;
  const here = sectorOffset(primary, sector - 1);
  const above = sectorOffset(primary, sector);
  const there = sectorOffset(secondary, sector - 1);
  if (status.state === 1) {
    const range = { from: secondary, fromOffset: there, to: primary, toOffset: here };
    const moved = copyOver(image, { ...range, sizeBytes });
    if (!moved.ok) return moved;
    noteStep(image);
    status.state = 2;
  }
  const range = { from: primary, fromOffset: above, to: secondary, toOffset: there };
  const moved = copyOver(image, { ...range, sizeBytes });
  if (!moved.ok) return moved;
  noteStep(image);
  status.index += 1;
  status.state = 1;
  return DONE;
}

function noteStep(image: UpgradeImage): void {
  const { index, state } = image.status;
  const swapEntry = (index - 1) * SWAP_STATES_PER_SECTOR + state - 1;
  writeStatus(image, image.format.sectorsMax + swapEntry);
}
