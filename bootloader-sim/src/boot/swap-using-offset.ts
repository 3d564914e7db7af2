import type { FlashArea } from '../flash/flash-area.js';
import { hashedSizeBytes } from '../image/header.js';
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
  eraseRange,
  eraseTrailerOf,
  findStatusInPrimary,
  firstTrailerSector,
  isRevert,
  logSwapState,
  refuseForRoom,
  sectorOffset,
  statusEntries,
  writeStatus,
  writeStatusTrailer,
  type SwapAlgorithm,
} from './swap-algorithm.js';
import { isReset, lastWrittenEntry, type SwapStatus } from './swap-status.js';
import { readUnprotectedTlvSizes } from './swap-trailer.js';
import { readTrailer, writeCopyDone } from './trailer.js';
import type { HeaderPlace, UpgradeImage } from './upgrade-image.js';

const STATES_PER_SECTOR = 2;
const SECTORS: EqualSectors = { strategy: 'swap-using-offset', spareSectorIn: 'secondary' };

/**
 * Swaps by one sector of offset: the new image starts in the second sector of the secondary slot,
 * so that sector N of the primary slot goes to sector N of the secondary one, and then sector N + 1
 * from there to sector N of the primary slot (MCUboot swap_offset.c, MCUBOOT_SWAP_USING_OFFSET;
 * docs/design.md, "Swap using offset").
 */
export const swapUsingOffset: SwapAlgorithm = {
  name: 'swap-using-offset',
  firstOperation: 'swap',
  incompatibility: (slots, layout) => equalSectorsIncompatibility(slots, layout, SECTORS),
  maxImageSizeBytes: (slots, layout) => equalSectorsMaxImageSizeBytes(slots, layout, SECTORS),
  findStatus: findStatusInPrimary,
  readStatus,
  headerPlace,
  needsHeaders: true,
  canResume: (image, swapSizeBytes) => {
    const last = lastSectorIndex(image, swapSizeBytes);
    return last < image.primary.sectors.length && last + 1 < image.secondary.sectors.length;
  },
  turnCount: (image, swapSizeBytes) => lastSectorIndex(image, swapSizeBytes) + 1,
  run,
};

function readStatus(image: UpgradeImage, area: FlashArea, status: SwapStatus): void {
  const entry = lastWrittenEntry(area, statusEntries(image, area));
  if (entry === 0) return;
  status.operation = 'swap';
  status.index = Math.floor(entry / STATES_PER_SECTOR) + 1;
  status.state = (entry % STATES_PER_SECTOR) + 1;
}

/** The sector that holds the last byte of a swap (find_last_idx). */
function lastSectorIndex(image: UpgradeImage, swapSizeBytes: number): number {
  return Math.max(0, Math.ceil(swapSizeBytes / image.sectorSizeBytes) - 1);
}

function headerPlace(image: UpgradeImage, slot: 0 | 1, swapSizeBytes: number): HeaderPlace {
  const { status, primary, secondary, sectorSizeBytes, slots } = image;
  if (isReset(status, 'swap')) {
    return { area: slots[slot], offset: slot === 1 && !isRevert(image) ? sectorSizeBytes : 0 };
  }
  const done = status.index - 1;
  if (!isRevert(image)) {
    if (slot === 0)
      return { area: done > 0 || status.state === 2 ? secondary : primary, offset: 0 };
    return done > 0 ? { area: primary, offset: 0 } : { area: secondary, offset: sectorSizeBytes };
  }
  // A revert swaps from the last sector to the first, so that headers move in its last turn.
  const last = lastSectorIndex(image, swapSizeBytes);
  if (slot === 1) return { area: done > last ? primary : secondary, offset: 0 };
  return done > last || (done === last && status.state === 2)
    ? { area: secondary, offset: sectorSizeBytes }
    : { area: primary, offset: 0 };
}

function run(image: UpgradeImage): Verdict<void> {
  const { status, primary, sectorSizeBytes } = image;
  image.log('info', 'Starting swap using offset algorithm.');
  const last = lastSectorIndex(image, status.swapSizeBytes);
  const firstTrailer = firstTrailerSector(image);
  if (isReset(status, 'swap') && last >= firstTrailer) {
    return refuseForRoom(image, (last + 1) * sectorSizeBytes, firstTrailer * sectorSizeBytes);
  }
  return inOrder(
    () => prepareRevert(image),
    () => (status.index === 1 ? prepareTrailers(image) : DONE),
    () => swapSectors(image, last, usedSectors(image, primary)),
  );
}

/**
 * A revert starts with its status in the primary slot, where a new one has to be begun. So that a
 * reset in between does not lose it, the secondary slot asks for the revert meanwhile
 * (swap_offset.c, fixup_revert).
 */
function prepareRevert(image: UpgradeImage): Verdict<void> {
  const { status, secondary } = image;
  if (status.swapType !== 'revert' || hasBegun(image)) return DONE;
  const trailer = readTrailer(secondary);
  logSwapState(image, 'Secondary image', trailer);
  if (!asksAnew(image, trailer)) return DONE;
  return inOrder(
    () => eraseTrailerOf(image, secondary),
    () => writeCopyDone(secondary),
    () => writeStatusTrailer(image, secondary),
  );
}

/**
 * MCUboot prepares a revert again when the power went in the second step of its first turn: then it
 * begins anew, with a primary image that has lost a sector. Hardened, it goes on instead.
 */
function hasBegun({ environment, status }: UpgradeImage): boolean {
  return environment.hardened === true ? !isReset(status, 'swap') : status.index !== 1;
}

function prepareTrailers(image: UpgradeImage): Verdict<void> {
  const { status, primary, secondary } = image;
  return inOrder(
    () => (status.source === 'primary' ? DONE : eraseTrailerOf(image, primary)),
    () => (status.source === 'primary' ? DONE : writeStatusTrailer(image, primary)),
    () => eraseTrailerOf(image, secondary),
  );
}

/** The sectors that each image takes, rounded down as MCUboot rounds when it compares. */
interface UsedSectors {
  readonly primary: number;
  readonly secondary: number;
}

function usedSectors(image: UpgradeImage, primary: FlashArea): UsedSectors {
  const tlvs = readUnprotectedTlvSizes(primary);
  const count = (slot: 0 | 1, unprotectedSize: number): number => {
    const { header } = image.headers[slot];
    const size = header === undefined ? 0 : hashedSizeBytes(header);
    return Math.ceil((size + unprotectedSize) / image.sectorSizeBytes);
  };
  return { primary: count(0, tlvs.primary), secondary: count(1, tlvs.secondary) };
}

function swapSectors(image: UpgradeImage, last: number, used: UsedSectors): Verdict<void> {
  const { status } = image;
  const reverting = isRevert(image);
  for (let turn = status.index - 1; turn <= last; turn += 1) {
    const sector = reverting ? last - turn : turn;
    const swapped = swapSector(image, sector, {
      reverting,
      skipPrimary: sector > used.primary,
      skipSecondary: sector > used.secondary,
    });
    if (!swapped.ok) return swapped;
  }
  return reverting ? finishRevert(image) : DONE;
}

/** Swaps one sector, in two steps; what lies behind the end of an image need not be moved. */
function swapSector(
  image: UpgradeImage,
  sector: number,
  options: {
    readonly reverting: boolean;
    readonly skipPrimary: boolean;
    readonly skipSecondary: boolean;
  },
): Verdict<void> {
  const { status, primary, secondary, sectorSizeBytes: sizeBytes } = image;
  const here = sectorOffset(primary, sector);
  const same = sectorOffset(secondary, sector);
  const above = sectorOffset(secondary, sector + 1);
  const away = options.reverting ? above : same;
  const back = options.reverting ? same : above;
  if (status.state === 1) {
    if (!options.skipPrimary) {
      const shiftBytes = options.reverting ? sizeBytes : 0;
      const from = { from: primary, fromOffset: here };
      const to = { to: secondary, toOffset: away };
      const moved = copyOver(image, { ...from, ...to, sizeBytes, shiftBytes });
      if (!moved.ok) return moved;
    }
    noteStep(image);
    status.state = 2;
  }
  if (!options.skipSecondary) {
    const from = { from: secondary, fromOffset: back };
    const moved = copyOver(image, { ...from, to: primary, toOffset: here, sizeBytes });
    if (!moved.ok) return moved;
  }
  noteStep(image);
  status.index += 1;
  status.state = 1;
  return DONE;
}

function noteStep(image: UpgradeImage): void {
  const { index, state } = image.status;
  writeStatus(image, (index - 1) * STATES_PER_SECTOR + state - 1);
}

/**
 * What is left in the first sector of the secondary slot must not be taken for an image, and its
 * trailer must allow the next upload.
 */
function finishRevert(image: UpgradeImage): Verdict<void> {
  const { secondary, sectorSizeBytes } = image;
  return inOrder(
    () => eraseRange(secondary, 0, sectorSizeBytes),
    () => eraseTrailerOf(image, secondary),
  );
}
