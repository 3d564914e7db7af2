import {
  NorFlash,
  OtpCounters,
  boot,
  buildImage,
  createFlashGeometry,
  createFlashMap,
  createNobleSigningKey,
  markForDirectXip,
  nobleCrypto,
  parseImageVersion,
  type BootedImage,
  type ErasedValue,
  type FlashArea,
  type SectorRun,
  type SigningKey,
  type StrategyName,
  type Verdict,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';

/** A flash shape to try the bootloader on. */
export interface Shape {
  readonly name: string;
  readonly sectorRuns: readonly SectorRun[];
  readonly slotSizeBytes: number;
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
}

const KIB = 1024;

export const SHAPES: readonly Shape[] = [
  {
    name: 'equal sectors, alignment 4',
    sectorRuns: [{ count: 8, sizeBytes: 4 * KIB }],
    slotSizeBytes: 16 * KIB,
    writeAlignBytes: 4,
    erasedValue: 0xff,
  },
  {
    name: 'alignment 1',
    sectorRuns: [{ count: 16, sizeBytes: 1 * KIB }],
    slotSizeBytes: 8 * KIB,
    writeAlignBytes: 1,
    erasedValue: 0xff,
  },
  {
    name: 'alignment 32',
    sectorRuns: [{ count: 4, sizeBytes: 8 * KIB }],
    slotSizeBytes: 16 * KIB,
    writeAlignBytes: 32,
    erasedValue: 0xff,
  },
  {
    name: 'erased to 0x00',
    sectorRuns: [{ count: 8, sizeBytes: 4 * KIB }],
    slotSizeBytes: 16 * KIB,
    writeAlignBytes: 8,
    erasedValue: 0x00,
  },
  {
    name: 'unequal sectors',
    sectorRuns: [
      { count: 2, sizeBytes: 2 * KIB },
      { count: 1, sizeBytes: 8 * KIB },
      { count: 2, sizeBytes: 2 * KIB },
      { count: 1, sizeBytes: 8 * KIB },
    ],
    slotSizeBytes: 12 * KIB,
    writeAlignBytes: 8,
    erasedValue: 0xff,
  },
];

const SEED = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
const STRANGER_SEED = Uint8Array.from({ length: 32 }, (_, index) => index + 77);

function keyFrom(bytes: Uint8Array): SigningKey {
  const key = createNobleSigningKey({ algorithm: 'ed25519', bytes });
  if (!key.ok) throw new Error(key.detail);
  return key.value;
}

export const OUR_KEY: SigningKey = keyFrom(SEED);
export const STRANGER_KEY: SigningKey = keyFrom(STRANGER_SEED);

/** A small signed image. */
export function image(
  versionText: string,
  options: {
    readonly key?: SigningKey;
    readonly securityCounter?: number;
    readonly romFixed?: number;
  } = {},
): Uint8Array {
  const version = parseImageVersion(versionText);
  if (!version.ok) throw new Error(version.detail);
  const payload = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) & 0xff);
  const built = buildImage(
    {
      payload,
      version: version.value,
      headerSizeBytes: 32,
      securityCounter: options.securityCounter ?? 1,
      signingKey: options.key ?? OUR_KEY,
      ...(options.romFixed === undefined
        ? {}
        : { address: { kind: 'rom-fixed', value: options.romFixed } as const }),
    },
    nobleCrypto,
  );
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

/** A flash with two slots, counters and a bootloader to run on it. */
export class Bench {
  readonly flash: NorFlash;
  readonly slots: readonly [FlashArea, FlashArea];
  readonly counters: OtpCounters;
  readonly log: string[] = [];
  readonly strategy: StrategyName;

  constructor(strategy: StrategyName, shape: Shape, securityCounter = 0) {
    this.strategy = strategy;
    const geometry = createFlashGeometry(shape);
    if (!geometry.ok) throw new Error(geometry.detail);
    this.flash = new NorFlash(geometry.value);
    const map = createFlashMap(this.flash, [
      { name: 'slot0', offset: 0, sizeBytes: shape.slotSizeBytes },
      { name: 'slot1', offset: shape.slotSizeBytes, sizeBytes: shape.slotSizeBytes },
    ]);
    if (!map.ok) throw new Error(map.detail);
    this.slots = [map.value.area('slot0'), map.value.area('slot1')];
    this.counters = new OtpCounters([securityCounter]);
  }

  /** Writes an image to a slot, as an uploader would. */
  load(slot: 0 | 1, bytes: Uint8Array): void {
    const area = this.slots[slot];
    const align = area.writeAlignBytes;
    const padded = new Uint8Array(Math.ceil(bytes.byteLength / align) * align).fill(
      area.erasedValue,
    );
    padded.set(bytes);
    const written = area.write(0, padded);
    if (!written.ok) throw new Error(written.detail);
  }

  /** As from the factory: an image that is confirmed. */
  install(slot: 0 | 1, bytes: Uint8Array): void {
    this.load(slot, bytes);
    markForDirectXip(this.slots[slot], { confirm: true });
  }

  boot(): Verdict<BootedImage> {
    this.log.length = 0;
    return boot(this.strategy, {
      images: [this.slots],
      keys: [OUR_KEY.verificationKey],
      crypto: nobleCrypto,
      counters: this.counters,
      log: (level, text) => this.log.push(`${level}: ${text}`),
    });
  }

  /** The slot and version that boot, or the code of the refusal. */
  bootSummary(): string {
    const booted = this.boot();
    if (!booted.ok) return booted.code;
    const { major, minor, revision } = booted.value.image.header.version;
    return `slot ${booted.value.slot}: ${major}.${minor}.${revision}`;
  }

  isErased(slot: 0 | 1): boolean {
    const area = this.slots[slot];
    return area.read(0, area.sizeBytes).every((byte) => byte === area.erasedValue);
  }
}
