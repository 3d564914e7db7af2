import * as nodeCrypto from 'node:crypto';
import {
  NorFlash,
  OtpCounters,
  PowerCut,
  boot,
  createFlashGeometry,
  createFlashMap,
  createNodeCrypto,
  markForUpgrade,
  uploadOffset,
  type AgreementKey,
  type BootEnvironment,
  type BootSettings,
  type CryptoProvider,
  type ErasedValue,
  type FlashArea,
  type FlashSnapshot,
  type SectorRun,
  type StrategyName,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';
import { OUR_KEY } from './fixture.js';

export const CRYPTO: CryptoProvider = createNodeCrypto(nodeCrypto);

/** A flash on which images can be swapped by every algorithm. */
export interface SwapShape {
  readonly name: string;
  readonly writeAlignBytes: WriteAlignBytes;
  readonly erasedValue: ErasedValue;
  /** Of the primary slot; the secondary one has the same. */
  readonly slotRuns: readonly SectorRun[];
  readonly scratchRuns: readonly SectorRun[];
  readonly settings?: BootSettings;
  /** What the bootloader decrypts images with. */
  readonly decryptionKey?: AgreementKey;
}

export const EQUAL_SHAPE: SwapShape = {
  name: 'equal sectors of 1 KiB, words of 4',
  writeAlignBytes: 4,
  erasedValue: 0xff,
  slotRuns: [{ count: 8, sizeBytes: 1024 }],
  scratchRuns: [{ count: 2, sizeBytes: 1024 }],
};

/** A board with two slots and a scratch area, which can be cut at any operation. */
export class SwapBench {
  readonly flash: NorFlash;
  readonly environment: BootEnvironment;
  readonly strategy: StrategyName;
  readonly primary: FlashArea;
  readonly secondary: FlashArea;
  readonly scratch: FlashArea;
  readonly log: string[] = [];

  constructor(strategy: StrategyName, shape: SwapShape, start?: FlashSnapshot) {
    const { slotRuns, scratchRuns, settings = {}, decryptionKey } = shape;
    const geometry = createFlashGeometry({
      ...shape,
      sectorRuns: [...slotRuns, ...slotRuns, ...scratchRuns],
    });
    if (!geometry.ok) throw new Error(geometry.detail);
    const slotSize = sizeOf(slotRuns);
    this.strategy = strategy;
    this.flash = new NorFlash(start ?? geometry.value);
    const map = createFlashMap(this.flash, [
      { name: 'slot0', offset: 0, sizeBytes: slotSize },
      { name: 'slot1', offset: slotSize, sizeBytes: slotSize },
      { name: 'scratch', offset: 2 * slotSize, sizeBytes: sizeOf(scratchRuns) },
    ]);
    if (!map.ok) throw new Error(map.detail);
    this.primary = map.value.area('slot0');
    this.secondary = map.value.area('slot1');
    this.scratch = map.value.area('scratch');
    this.environment = {
      ...settings,
      images: [[this.primary, this.secondary]],
      scratch: this.scratch,
      keys: [OUR_KEY.verificationKey],
      crypto: CRYPTO,
      decryptionKey,
      counters: new OtpCounters([0]),
      log: (level, text) => this.log.push(`${level}: ${text}`),
    };
  }

  /** As a debugger writes it, without a trailer. */
  install(bytes: Uint8Array): void {
    write(this.primary, 0, bytes);
  }

  /** As an uploader writes it, and asks for it. */
  offer(bytes: Uint8Array, options: { readonly permanent: boolean } = { permanent: false }): void {
    const { images } = this.environment;
    write(this.secondary, uploadOffset(this.strategy, images[0]), bytes);
    const marked = markForUpgrade(this.secondary, options);
    if (!marked.ok) throw new Error(marked.detail);
  }

  /** The version that boots, `cut` when the power went before, or the code of the refusal. */
  boot(cutAtOperation = Infinity): string {
    this.log.length = 0;
    let left = cutAtOperation;
    this.flash.watch(() => (left-- > 0 ? undefined : { kind: 'power-cut', effect: 'untouched' }));
    try {
      const booted = boot(this.strategy, this.environment);
      if (!booted.ok) return booted.code;
      const { major, minor, revision } = booted.value.image.header.version;
      return `${major}.${minor}.${revision}`;
    } catch (error) {
      if (error instanceof PowerCut) return 'cut';
      throw error;
    } finally {
      this.flash.watch(undefined);
    }
  }
}

function sizeOf(runs: readonly SectorRun[]): number {
  return runs.reduce((sum, run) => sum + run.count * run.sizeBytes, 0);
}

function write(area: FlashArea, offset: number, bytes: Uint8Array): void {
  const align = area.writeAlignBytes;
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / align) * align).fill(area.erasedValue);
  padded.set(bytes);
  const written = area.write(offset, padded);
  if (!written.ok) throw new Error(written.detail);
}
