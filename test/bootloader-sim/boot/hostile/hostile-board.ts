import {
  NorFlash,
  PowerCut,
  boot,
  flickeringNoise,
  seededRandom,
  type BootEnvironment,
  type BootOutcome,
  type FlashArea,
  type FlashGeometry,
  type FlashSnapshot,
  type SectorContents,
  type SecurityCounters,
  type SlotPair,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { smallImage, type CryptoKit } from './cheap-crypto.js';
import { hostileAreas, type HostileShape } from './hostile-shapes.js';
import { layTrailer, type AreaBytes, type HostileTrailer } from './hostile-trailer.js';
import { BootMeter, strictArea } from './strict-area.js';

/** Where an image of the slot is looked for, or the other sector that it could start in. */
export type Place = 'right' | 'wrong';

/** What lies where an image should, beside the trailer. */
export type HostileContents =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'image'; readonly which: 'old' | 'new'; readonly place: Place }
  /** An image of which a few bytes are others. */
  | {
      readonly kind: 'damaged';
      readonly place: Place;
      readonly changes: readonly (readonly [offset: number, byte: number])[];
    }
  | { readonly kind: 'random'; readonly bytes: Uint8Array; readonly place: Place };

/** One area of a board. */
export interface HostileArea {
  readonly contents: HostileContents;
  readonly trailer: HostileTrailer;
}

/** A board whose flash nobody vouches for. */
export interface HostileBoard {
  readonly shape: HostileShape;
  /** In the order of the shape's areas. */
  readonly areas: readonly HostileArea[];
  readonly settings: Pick<BootEnvironment, 'bootstrap' | 'downgradePrevention'>;
  /** What the security counters say, and whether they can be raised; undefined: there are none. */
  readonly counters: { readonly value: number; readonly isStuck: boolean } | undefined;
  /** Boots end after so many operations; undefined: when they like. */
  readonly cuts: readonly (number | undefined)[];
  /** What is left of the operation in which the power goes. */
  readonly cutEffect: 'untouched' | 'weak';
  /** What decides how torn cells read. */
  readonly noiseSeed: number;
}

/** What came of the boots of a board. */
export interface HostileRun {
  readonly images: readonly SlotPair[];
  readonly scratch: FlashArea | undefined;
  readonly outcomes: readonly (Verdict<BootOutcome> | 'cut')[];
  /** The most reads and changes of one boot. */
  readonly reads: number;
  readonly changes: number;
}

/** What one boot does at most, for each sector of the flash: three times what was ever seen. */
const READS_PER_SECTOR_MAX = 48;
const CHANGES_PER_SECTOR_MAX = 12;

/** A board with its flash as it was described. */
export function hostileFlash(board: HostileBoard, kit: CryptoKit): NorFlash {
  const { geometry } = board.shape;
  const bytes = new Uint8Array(geometry.sizeBytes).fill(geometry.erasedValue);
  const unstable = new Uint8Array(geometry.sizeBytes);
  // Areas are only looked at for their places.
  const { images, scratch } = hostileAreas(new NorFlash(geometry), board.shape);
  const places = [...images.flat(), ...(scratch === undefined ? [] : [scratch])];
  for (const [index, area] of places.entries()) {
    const described = board.areas[index];
    if (described === undefined) continue;
    const end = area.flashOffset + area.sizeBytes;
    const into: AreaBytes = {
      bytes: bytes.subarray(area.flashOffset, end),
      unstable: unstable.subarray(area.flashOffset, end),
    };
    layContents(
      described.contents,
      startOf(described.contents, area, board.shape),
      into.bytes,
      kit,
    );
    const status = area === scratch ? board.shape.scratchStatus : board.shape.slotStatus;
    layTrailer(described.trailer, area, status, into);
  }
  const noise = flickeringNoise(seededRandom(board.noiseSeed));
  return new NorFlash(snapshotOf(geometry, bytes, unstable), { noise });
}

/** Boots a board as often as it has cuts. Throws for whatever a boot may not do. */
export function runHostile(
  board: HostileBoard,
  kit: CryptoKit,
  flash: NorFlash = hostileFlash(board, kit),
): HostileRun {
  const sectors = board.shape.geometry.sectors.length;
  const meter = new BootMeter({
    reads: READS_PER_SECTOR_MAX * sectors,
    changes: CHANGES_PER_SECTOR_MAX * sectors,
  });
  const plain = hostileAreas(flash, board.shape);
  const environment = environmentOf(board, plain, meter, kit);
  let [reads, changes] = [0, 0];
  const outcomes = board.cuts.map((cut) => {
    meter.reset();
    const outcome = bootUntil(cut, board.cutEffect, flash, () =>
      boot(board.shape.strategy, environment),
    );
    reads = Math.max(reads, meter.reads);
    changes = Math.max(changes, meter.changes);
    return outcome;
  });
  return { images: plain.images, scratch: plain.scratch, outcomes, reads, changes };
}

function environmentOf(
  board: HostileBoard,
  { images, scratch }: Pick<HostileRun, 'images' | 'scratch'>,
  meter: BootMeter,
  { crypto, key }: CryptoKit,
): BootEnvironment {
  return {
    images: images.map(([primary, secondary]) => [
      strictArea(primary, meter),
      strictArea(secondary, meter),
    ]),
    scratch: scratch && strictArea(scratch, meter),
    encryptionKeySizeBytes: board.shape.encryptionKeySizeBytes,
    ...board.settings,
    keys: [key.verificationKey],
    crypto,
    counters: board.counters && countersOf(board.counters),
    log: () => undefined,
  };
}

/** Counters that cannot be raised, or can but do not remember. */
function countersOf({ value, isStuck }: NonNullable<HostileBoard['counters']>): SecurityCounters {
  return {
    read: () => value,
    raise: () =>
      isStuck
        ? { ok: false, code: 'flash-write-failed', detail: 'the counter is torn' }
        : { ok: true, value: undefined },
  };
}

function bootUntil(
  cut: number | undefined,
  effect: HostileBoard['cutEffect'],
  flash: NorFlash,
  start: () => Verdict<BootOutcome>,
): Verdict<BootOutcome> | 'cut' {
  if (cut === undefined) return start();
  let seen = 0;
  flash.watch(() => {
    seen += 1;
    return seen > cut ? { kind: 'power-cut', effect } : undefined;
  });
  try {
    return start();
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
    return 'cut';
  } finally {
    flash.watch(undefined);
  }
}

/** The secondary slot of a swap by offset is read from its second sector on. */
function startOf(contents: HostileContents, area: FlashArea, shape: HostileShape): number {
  if (contents.kind === 'nothing') return 0;
  const upload = area.name.startsWith('secondary') ? shape.uploadOffsetBytes : 0;
  if (contents.place === 'right') return upload;
  return upload === 0 ? (area.sectors[0]?.sizeBytes ?? 0) : 0;
}

function layContents(
  contents: HostileContents,
  start: number,
  bytes: Uint8Array,
  kit: CryptoKit,
): void {
  if (contents.kind === 'nothing') return;
  if (contents.kind === 'random') {
    bytes.set(contents.bytes.subarray(0, bytes.byteLength - start), start);
    return;
  }
  const image = imageOf(contents.kind === 'image' ? contents.which : 'new', kit);
  bytes.set(image.subarray(0, Math.max(0, bytes.byteLength - start)), start);
  if (contents.kind === 'image') return;
  for (const [offset, byte] of contents.changes) {
    if (offset < bytes.byteLength - start) bytes[start + offset] = byte;
  }
}

const images = new Map<string, Uint8Array>();

/** The small image of a provider, made once. */
export function imageOf(which: 'old' | 'new', kit: CryptoKit): Uint8Array {
  const key = `${kit.crypto.name} ${which}`;
  const image = images.get(key) ?? smallImage(which, kit);
  images.set(key, image);
  return image;
}

/** A word counts as programmed when a byte of it is not erased, or not stable. */
function snapshotOf(
  geometry: FlashGeometry,
  bytes: Uint8Array,
  unstable: Uint8Array,
): FlashSnapshot {
  const align = geometry.writeAlignBytes;
  const sectors = geometry.sectors.map(({ offset, sizeBytes }, index): SectorContents => {
    const own = bytes.slice(offset, offset + sizeBytes);
    const torn = unstable.subarray(offset, offset + sizeBytes);
    const isStable = !torn.some((mask) => mask !== 0);
    const erased = geometry.erasedContents(index);
    if (isStable && Buffer.compare(own, erased.bytes) === 0) return erased;
    const programmed = new Uint8Array(Math.ceil(sizeBytes / align / 8));
    for (let at = 0; at < sizeBytes; at += 1) {
      if (own[at] === geometry.erasedValue && torn[at] === 0) continue;
      const word = Math.floor(at / align);
      programmed[word >> 3] = (programmed[word >> 3] ?? 0) | (1 << (word & 7));
    }
    return { bytes: own, programmed, unstable: isStable ? undefined : torn.slice() };
  });
  return { geometry, sectors };
}
