import {
  accept,
  offsetImageSource,
  readImageClaims,
  reject,
  uploadOffset,
  NorFlash,
  type AgreementKey,
  type BootCapacity,
  type CryptoProvider,
  type FlashSnapshot,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import type { BoardDefinition, FactoryCounters } from './board-definition.js';
import { dividedFor } from './device-model.js';
import { checkFactoryImages, readFactoryImages } from './factory-images.js';
import { readFlashDump } from './flash-dump-file.js';
import { bootLayoutOf, flashMapOf, provisionFlash } from './provision.js';
import { rehearseBoot } from './rehearse-boot.js';

/** What boards start from, all of them alike. */
export interface BoardStart {
  readonly flash: FlashSnapshot;
  readonly counters: FactoryCounters;
  /** What people should know of it, each a sentence. */
  readonly notes: readonly string[];
}

/** The files that a board starts from. */
export interface BoardStartFiles {
  /** A dump of the flash; then the board does not leave the factory, and no image is named. */
  readonly flashPath?: string | undefined;
  readonly imagePath?: string | undefined;
  readonly secondImagePath?: string | undefined;
}

/** A board with its bootloader, and what that trusts. */
export interface BoardToStart {
  readonly board: BoardDefinition;
  readonly capacity: BootCapacity;
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  readonly decryptionKey: AgreementKey | undefined;
  /** What the counter of every image starts at, whatever files say of it. */
  readonly securityCounter: number | undefined;
}

/** Why a board cannot start from files. */
export type BoardStartRejectCode =
  'board-option-invalid' | 'board-file-unreadable' | 'board-image-unfit';

/** Reads what a board starts from: the dump that is named, or images as from the factory. */
export function readBoardStart(
  files: BoardStartFiles,
  started: BoardToStart,
): Verdict<BoardStart, BoardStartRejectCode> {
  const { flashPath, imagePath, secondImagePath } = files;
  if (flashPath === undefined) return startFromImages(files, started);
  if (imagePath !== undefined || secondImagePath !== undefined) {
    const flag = imagePath === undefined ? '--second-image' : '--image';
    const sentence = `--flash says what lies in the slots already; leave ${flag} out`;
    return reject('board-option-invalid', sentence);
  }
  return startFromDump(flashPath, started);
}

/** A dump may hold anything. What would not start is told, and served all the same. */
function startFromDump(
  path: string,
  { board, keys, crypto, decryptionKey, securityCounter }: BoardToStart,
): Verdict<BoardStart, BoardStartRejectCode> {
  const dump = readFlashDump(path, board);
  if (!dump.ok) return reject('board-file-unreadable', dump.detail);
  const { snapshot, notes } = dump.value;
  const { images } = bootLayoutOf(mapOf(board, snapshot));
  const counters: FactoryCounters =
    securityCounter === undefined
      ? (dump.value.counters ?? board.counters ?? guessCounters(board, snapshot))
      : images.map(() => securityCounter);
  const next = rehearseBoot(board, snapshot, { keys, crypto, decryptionKey, counters });
  const stuck = next.booted.ok
    ? []
    : [`${path}: nothing in it may run (${next.booted.detail}); the board is stuck`];
  return accept({ flash: snapshot, counters, notes: [...notes, ...stuck] });
}

function mapOf(board: BoardDefinition, snapshot: FlashSnapshot): ReturnType<typeof flashMapOf> {
  return flashMapOf(new NorFlash(snapshot), dividedFor(board.model, board.strategy));
}

/** A board whose images carry no counter has none, as one that leaves the factory with them. */
function guessCounters(board: BoardDefinition, snapshot: FlashSnapshot): FactoryCounters {
  const { images } = bootLayoutOf(mapOf(board, snapshot), board.bootSettings);
  const [slots] = images;
  if (slots === undefined) return 'none';
  const [primary, secondary] = slots;
  const offset = uploadOffset(board.strategy, slots);
  const claims = [primary, secondary, offsetImageSource(secondary, offset)].map((source) => {
    return readImageClaims(source);
  });
  const found = claims.find((claim) => claim.ok);
  return found?.value.securityCounter === undefined ? 'none' : images.map(() => 0);
}

/** As from the factory. */
function startFromImages(
  files: BoardStartFiles,
  started: BoardToStart,
): Verdict<BoardStart, BoardStartRejectCode> {
  const { board, capacity, securityCounter } = started;
  const imageCount = capacity.maxImageSizesBytes.length;
  if (files.secondImagePath !== undefined && imageCount < 2) {
    const sentence = `--second-image: a board of the model ${board.model.name} has one image`;
    return reject('board-option-invalid', `${sentence}; choose nrf-dual`);
  }
  const samples = imageCount > 1 ? 'nrf-dual' : board.samples;
  const images = readFactoryImages({ ...files, samples, imageCount });
  if (!images.ok) return reject('board-file-unreadable', images.detail);
  const [image, ...otherImages] = images.value;
  const { strategy } = board;
  const flash = provisionFlash(board.model, image, { strategy, otherImages });
  if (!flash.ok) return reject('board-image-unfit', `the image does not fit: ${flash.detail}`);
  const counters = checkFactoryImages(images.value, {
    model: board.model,
    capacity,
    keys: started.keys,
    crypto: started.crypto,
    isDecrypting: started.decryptionKey !== undefined,
    counters:
      securityCounter === undefined ? board.counters : images.value.map(() => securityCounter),
  });
  if (!counters.ok) return reject('board-image-unfit', counters.detail);
  return accept({ flash: flash.value, counters: counters.value, notes: [] });
}
