import { createHash } from 'node:crypto';
import {
  NorFlash,
  OtpCounters,
  PowerCut,
  boot,
  checkBootLayout,
  createFlashGeometry,
  createFlashMap,
  uploadOffset,
  withLogicalSectors,
  type BootCapacity,
  type BootEnvironment,
  type BootOutcome,
  type ErasedValue,
  type FlashArea,
  type FlashEffect,
  type FlashOperation,
  type SectorRun,
  type SlotPair,
  type StrategyName,
  type Verdict,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import { FIRST_KEY, hostCrypto } from './signed-image.js';

/** One area of a board: as many sectors as its runs say. */
export interface BoardArea {
  readonly name: 'bootloader' | 'scratch' | `primary${'' | '2'}` | `secondary${'' | '2'}`;
  readonly sectorRuns: readonly SectorRun[];
}

/** How a board's flash is divided. */
export interface BoardLayout {
  /** In the order of their places in flash, without gaps. */
  readonly areas: readonly BoardArea[];
  /** Sectors that the bootloader sees, when they are not those of the flash. */
  readonly logicalSectorSizeBytes?: number;
  readonly maxImageSectors?: number;
}

/** A board to be made. */
export interface BoardSpec {
  readonly strategy: StrategyName;
  readonly layout: BoardLayout;
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
}

/** What a bootloader may be built for beside the board. */
export type BoardSettings = Partial<
  Pick<
    BootEnvironment,
    | 'bootstrap'
    | 'counters'
    | 'crypto'
    | 'decryptionKey'
    | 'downgradePrevention'
    | 'encryptionKeySizeBytes'
    | 'keys'
  >
>;

/** A flash, its areas, and a bootloader that runs on it. */
export class TestBoard {
  readonly strategy: StrategyName;
  readonly flash: NorFlash;
  readonly images: readonly SlotPair[];
  readonly scratch: FlashArea | undefined;
  readonly counters: OtpCounters;
  readonly log: string[] = [];
  readonly #environment: BootEnvironment;
  #capacity: Verdict<BootCapacity> | undefined;

  constructor(spec: BoardSpec, settings: BoardSettings = {}) {
    const { flash, areas } = makeFlash(spec);
    this.strategy = spec.strategy;
    this.flash = flash;
    const [primary, secondary] = [areas.get('primary'), areas.get('secondary')];
    const [primary2, secondary2] = [areas.get('primary2'), areas.get('secondary2')];
    if (primary === undefined || secondary === undefined) throw new Error('a board without slots');
    const second: readonly SlotPair[] =
      primary2 === undefined || secondary2 === undefined ? [] : [[primary2, secondary2]];
    this.images = [[primary, secondary], ...second];
    this.scratch = areas.get('scratch');
    this.counters = new OtpCounters([0, 0]);
    this.#environment = {
      images: this.images,
      scratch: this.scratch,
      maxImageSectors: spec.layout.maxImageSectors,
      keys: [FIRST_KEY.verificationKey],
      crypto: hostCrypto,
      counters: undefined,
      ...(spec.strategy === 'direct-xip' ? {} : { downgradePrevention: 'none' as const }),
      log: (level, text) => this.log.push(`${level}: ${text}`),
      ...settings,
    };
  }

  /** What the slots have room for; throws where MCUboot could not be built for them. */
  get capacity(): BootCapacity {
    this.#capacity ??= checkBootLayout(this.strategy, this.#environment);
    if (!this.#capacity.ok) throw new Error(this.#capacity.detail);
    return this.#capacity.value;
  }

  /** A slot of an image of the board; image 0 unless told. */
  slot(slot: 0 | 1, imageIndex = 0): FlashArea {
    const area = this.images[imageIndex]?.[slot];
    if (area === undefined) throw new RangeError(`no image ${imageIndex}`);
    return area;
  }

  /** The largest image, header and TLVs included, that the slots of an image take. */
  maxImageSizeBytes(imageIndex = 0): number {
    return this.capacity.maxImageSizesBytes[imageIndex] ?? 0;
  }

  /** Writes an image where an uploader would write it. */
  install(slot: 0 | 1, bytes: Uint8Array, imageIndex = 0): void {
    const offset = slot === 1 ? uploadOffset(this.strategy, this.images[imageIndex]) : 0;
    this.writeAt(this.slot(slot, imageIndex), offset, bytes);
  }

  /** Writes bytes that need not end with a word. */
  writeAt(area: FlashArea, offset: number, bytes: Uint8Array): void {
    const align = area.writeAlignBytes;
    const length = Math.ceil(bytes.byteLength / align) * align;
    const words = new Uint8Array(length).fill(area.erasedValue);
    words.set(bytes);
    const written = area.write(offset, words);
    if (!written.ok) throw new Error(written.detail);
  }

  boot(): Verdict<BootOutcome> {
    this.log.length = 0;
    return boot(this.strategy, this.#environment);
  }

  /** What runs after a boot: `primary 1.0.0`, and so for each image; or the code of the refusal. */
  bootsTo(): string {
    const booted = this.boot();
    if (!booted.ok) return booted.code;
    return [booted.value, ...booted.value.others]
      .map(({ slot, image }) => {
        const { major, minor, revision } = image.header.version;
        return `${slot === 0 ? 'primary' : 'secondary'} ${major}.${minor}.${revision}`;
      })
      .join(', ');
  }

  /** Boots; the power goes instead of the operation after so many. Whether it came to that. */
  bootCutAfter(operations: number, effect: FlashEffect = 'untouched'): boolean {
    let seen = 0;
    this.flash.watch(() => {
      seen += 1;
      return seen > operations ? { kind: 'power-cut', effect } : undefined;
    });
    try {
      this.boot();
      return false;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      return true;
    } finally {
      this.flash.watch(undefined);
    }
  }

  /** The flash operations of a boot. */
  bootOperations(): readonly FlashOperation[] {
    const operations: FlashOperation[] = [];
    this.flash.watch((operation) => {
      operations.push(operation);
      return undefined;
    });
    this.boot();
    this.flash.watch(undefined);
    return operations;
  }

  /** The SHA-256 of all of the flash, as it reads now. */
  flashHash(): string {
    return hashOf(this.flash.read(0, this.flash.geometry.sizeBytes));
  }
}

/** The SHA-256 of bytes, in hexadecimal digits: two flashes are compared at once. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function makeFlash({ layout, writeAlignBytes, erasedValue }: BoardSpec): {
  readonly flash: NorFlash;
  readonly areas: ReadonlyMap<string, FlashArea>;
} {
  const sectorRuns = layout.areas.flatMap((area) => area.sectorRuns);
  const geometry = createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue });
  if (!geometry.ok) throw new Error(geometry.detail);
  const flash = new NorFlash(geometry.value);
  let offset = 0;
  const places = layout.areas.map(({ name, sectorRuns: runs }) => {
    const sizeBytes = runs.reduce((sum, run) => sum + run.count * run.sizeBytes, 0);
    const place = { name, offset, sizeBytes };
    offset += sizeBytes;
    return place;
  });
  const map = createFlashMap(flash, places);
  if (!map.ok) throw new Error(map.detail);
  const seen = map.value.areas.map((area) => seenByBootloader(area, layout));
  return { flash, areas: new Map(seen.map((area) => [area.name, area])) };
}

function seenByBootloader(area: FlashArea, layout: BoardLayout): FlashArea {
  const { logicalSectorSizeBytes: size } = layout;
  if (size === undefined || area.name === 'bootloader') return area;
  const logical = withLogicalSectors(area, size);
  if (!logical.ok) throw new Error(logical.detail);
  return logical.value;
}
