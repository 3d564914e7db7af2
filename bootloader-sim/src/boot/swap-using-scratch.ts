import type { FlashArea } from '../flash/flash-area.js';
import { DONE, type Verdict } from '../verdict.js';
import { copyRegion } from './copy-region.js';
import { inOrder } from './in-order.js';
import {
  firstSectorOfTurn,
  lastSectorIndex,
  scratchIncompatibility,
  scratchMaxImageSizeBytes,
  scratchTurnCount,
} from './scratch-turns.js';
import {
  eraseRange,
  eraseTrailerOf,
  logStatusSource,
  logSwapState,
  readTrailers,
  sectorOffset,
  statusEntries,
  writeContentKeys,
  writeStatus,
  writeStatusTrailer,
  type SwapAlgorithm,
} from './swap-algorithm.js';
import { isReset, lastWrittenEntry, type StatusSource, type SwapStatus } from './swap-status.js';
import {
  eraseBackwards,
  trailerFirstSectorOffset,
  trailerSizeBytes,
  writeSwapSize,
} from './swap-trailer.js';
import { readTrailer, writeImageOk, writeSwapInfo, writeTrailerMagic } from './trailer.js';
import type { HeaderPlace, UpgradeImage } from './upgrade-image.js';

const STATES_PER_TURN = 3;

/**
 * Swaps through a third area: from the last sectors to the first, secondary to scratch, primary to
 * secondary, scratch to primary (MCUboot swap_scratch.c, MCUBOOT_SWAP_USING_SCRATCH;
 * docs/design.md, "Swap using scratch").
 */
export const swapUsingScratch: SwapAlgorithm = {
  name: 'swap-using-scratch',
  firstOperation: 'move',
  incompatibility: scratchIncompatibility,
  maxImageSizeBytes: scratchMaxImageSizeBytes,
  findStatus,
  readStatus,
  headerPlace,
  needsHeaders: false,
  canResume: (image, swapSizeBytes) => lastSectorIndex(image.slots, swapSizeBytes) !== undefined,
  turnCount: scratchTurnCount,
  run,
};

/** The first row that fits tells where the status is (swap_scratch.c, boot_status_tables). */
function findStatus(image: UpgradeImage): StatusSource {
  const { primary } = readTrailers(image);
  const scratch = image.scratch === undefined ? undefined : readTrailer(image.scratch);
  logSwapState(image, 'Primary image', primary);
  if (scratch !== undefined) logSwapState(image, 'Scratch', scratch);
  const source = ((): StatusSource => {
    const isScratchGood = scratch?.magic === 'good';
    if (primary.magic === 'good' && !isScratchGood && primary.copyDone === 'set') return 'none';
    if (primary.magic === 'good' && !isScratchGood && primary.copyDone === 'unset') {
      return 'primary';
    }
    if (isScratchGood) return scratch.imageNumber === image.index ? 'scratch' : 'none';
    if (primary.magic === 'unset' && primary.copyDone === 'unset') return 'primary';
    return 'none';
  })();
  logStatusSource(image, source);
  return source;
}

/**
 * The last entry that was written tells how far the swap had come. MCUboot looks for the first gap
 * instead, and would do a step again whose entry cannot be read any more.
 */
function readStatus(image: UpgradeImage, area: FlashArea, status: SwapStatus): void {
  const entry = lastWrittenEntry(area, statusEntries(image, area));
  if (entry === 0) return;
  status.index = Math.floor(entry / STATES_PER_TURN) + 1;
  status.state = (entry % STATES_PER_TURN) + 1;
}

/** Sectors are swapped from the last to the first, so that headers move in the last turn. */
function headerPlace(image: UpgradeImage, slot: 0 | 1, swapSizeBytes: number): HeaderPlace {
  const { status, slots, primary, secondary, scratch } = image;
  if (isReset(status, 'move')) return { area: slots[slot], offset: 0 };
  const last = scratchTurnCount(image, swapSizeBytes);
  if (status.index > last) return { area: slot === 0 ? secondary : primary, offset: 0 };
  if (status.index === last && slot === 1 && status.state >= 2) {
    return { area: scratch ?? secondary, offset: 0 };
  }
  const isMoved = status.index === last && slot === 0 && status.state >= 3;
  return { area: isMoved ? secondary : slots[slot], offset: 0 };
}

function run(image: UpgradeImage): Verdict<void> {
  const { status, slots, primary } = image;
  image.log('info', 'Starting swap using scratch algorithm.');
  const last = lastSectorIndex(slots, status.swapSizeBytes);
  let end = last === undefined ? 0 : last + 1;
  for (let turn = 1; end > 0; turn += 1) {
    const first = firstSectorOfTurn(image, end);
    const offset = sectorOffset(primary, first);
    const sizeBytes = sectorOffset(primary, end) - offset;
    if (turn >= status.index) {
      const swapped = swapTurn(image, { offset, sizeBytes });
      if (!swapped.ok) return swapped;
    }
    end = first;
  }
  return DONE;
}

/** The sectors of one turn, and how much of them is image. */
interface Turn {
  readonly scratch: FlashArea;
  readonly offset: number;
  readonly sizeBytes: number;
  /** Less than the size where the trailer begins in these sectors. */
  readonly copyBytes: number;
}

function swapTurn(
  image: UpgradeImage,
  range: { readonly offset: number; readonly sizeBytes: number },
): Verdict<void> {
  const { status, scratch } = image;
  if (scratch === undefined) return DONE;
  const turn: Turn = { ...range, scratch, copyBytes: copySizeBytes(image, scratch, range) };
  status.usesScratch = status.index === 1 && turn.copyBytes !== turn.sizeBytes;
  return inOrder(
    () => (status.state === 1 ? secondaryToScratch(image, turn) : DONE),
    () => (status.state === 2 ? primaryToSecondary(image, turn) : DONE),
    () => (status.state === 3 ? scratchToPrimary(image, turn) : DONE),
  );
}

function copySizeBytes(
  image: UpgradeImage,
  scratch: FlashArea,
  range: { readonly offset: number; readonly sizeBytes: number },
): number {
  const { primary, format } = image;
  const end = range.offset + range.sizeBytes;
  if (end <= trailerFirstSectorOffset(primary, format)) return range.sizeBytes;
  const untilTrailer = primary.sizeBytes - range.offset - trailerSizeBytes(format);
  return Math.min(untilTrailer, statusEntries(image, scratch).offset);
}

function secondaryToScratch(image: UpgradeImage, turn: Turn): Verdict<void> {
  const { status, secondary } = image;
  const { scratch, offset, copyBytes: sizeBytes } = turn;
  const from = { from: secondary, fromOffset: offset };
  const done = inOrder(
    () => (keepsRequest(image) ? DONE : scratch.erase(0, scratch.sizeBytes)),
    () => (status.index === 1 ? beginStatus(image, scratch) : DONE),
    () => copyRegion(image, { ...from, to: scratch, toOffset: 0, sizeBytes }),
  );
  if (!done.ok) return done;
  noteStep(image);
  status.state = 2;
  return DONE;
}

/**
 * Whether the scratch area alone knows what is asked for: the power went while the trailer of the
 * primary slot was made anew. MCUboot erases it and begins again; when the power goes then, nobody
 * knows any more. Hardened, it stays until the trailer of the primary slot is there.
 */
function keepsRequest({ environment, status, scratch, index }: UpgradeImage): boolean {
  if (environment.hardened !== true || scratch === undefined) return false;
  if (status.index !== 1 || status.usesScratch) return false;
  const { magic, imageNumber, swapType } = readTrailer(scratch);
  return magic === 'good' && imageNumber === index && swapType === status.swapType;
}

/**
 * The swap type stands in the scratch area while the trailer of the primary slot is made anew; it
 * stays there when that trailer shares its sector with the image.
 */
function beginStatus(image: UpgradeImage, scratch: FlashArea): Verdict<void> {
  const { status, primary } = image;
  const inScratch = keepsRequest(image) ? DONE : writeStatusTrailer(image, scratch);
  if (!inScratch.ok || status.usesScratch) return inScratch;
  return inOrder(
    () => eraseTrailerOf(image, primary),
    () => writeStatusTrailer(image, primary),
    () => scratch.erase(0, scratch.sizeBytes),
  );
}

function primaryToSecondary(image: UpgradeImage, turn: Turn): Verdict<void> {
  const { status, primary, secondary } = image;
  const { offset, copyBytes: sizeBytes } = turn;
  const range = { from: primary, fromOffset: offset, to: secondary, toOffset: offset };
  const done = inOrder(
    () => (status.index === 1 ? eraseTrailerOf(image, secondary) : DONE),
    () => eraseBeforeTrailer(image, secondary, turn),
    () => copyRegion(image, { ...range, sizeBytes }),
  );
  if (!done.ok) return done;
  noteStep(image);
  status.state = 3;
  return DONE;
}

function scratchToPrimary(image: UpgradeImage, turn: Turn): Verdict<void> {
  const { status, primary } = image;
  const { scratch, offset, copyBytes: sizeBytes } = turn;
  const movesTrailer = status.usesScratch;
  const range = { from: scratch, fromOffset: 0, to: primary, toOffset: offset };
  const done = inOrder(
    () => (movesTrailer ? eraseTrailerOf(image, primary) : DONE),
    () => eraseBeforeTrailer(image, primary, turn),
    () => copyRegion(image, { ...range, sizeBytes }),
    () => (movesTrailer ? moveTrailer(image, turn) : DONE),
  );
  if (!done.ok) return done;
  status.usesScratch = false;
  noteStep(image);
  status.index += 1;
  status.state = 1;
  // From the end: its trailer has to go first, or a reset would take what is left for a status.
  return movesTrailer ? eraseBackwards(scratch, 0) : DONE;
}

/** Erases the sectors of a turn, without those that were erased with the trailer already. */
function eraseBeforeTrailer(image: UpgradeImage, area: FlashArea, turn: Turn): Verdict<void> {
  const { usesScratch } = image.status;
  const end = usesScratch
    ? trailerFirstSectorOffset(area, image.format)
    : turn.offset + turn.sizeBytes;
  return eraseRange(area, turn.offset, end - turn.offset);
}

/** The trailer goes from the scratch area to the primary slot; its magic comes last. */
function moveTrailer(image: UpgradeImage, turn: Turn): Verdict<void> {
  const { status, primary, format, index } = image;
  const { scratch } = turn;
  const trailer = readTrailer(scratch);
  copyStatusEntries(image, turn);
  return inOrder(
    () => (trailer.imageOk === 'set' ? writeImageOk(primary) : DONE),
    () => (trailer.swapType === 'none' ? DONE : writeSwapInfo(primary, trailer.swapType, index)),
    () => writeSwapSize(primary, format, status.swapSizeBytes),
    () => writeContentKeys(image, primary),
    () => writeTrailerMagic(primary),
  );
}

/** The entries of the steps before this one; the swap goes on when they cannot be written. */
function copyStatusEntries(image: UpgradeImage, turn: Turn): void {
  const { primary } = image;
  const { scratch, offset, copyBytes } = turn;
  const entries = statusEntries(image, scratch);
  const bytes = scratch.read(entries.offset, (STATES_PER_TURN - 1) * entries.sizeBytes);
  if (!primary.write(offset + copyBytes, bytes).ok) image.statusWriteFailures += 1;
}

function noteStep(image: UpgradeImage): void {
  const { index, state } = image.status;
  writeStatus(image, (index - 1) * STATES_PER_TURN + state - 1);
}
