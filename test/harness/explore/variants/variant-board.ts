import {
  PowerCut,
  type BootEnvironment,
  type BootOutcome,
  type FlashEffect,
  type FlashOperation,
  type Verdict,
  type boot,
} from '@brickproof/bootloader-sim';
import { FIRST_KEY, hostCrypto } from '../../../bootloader-sim/boot/signed-image.js';
import type { CaseBoard } from '../../../bootloader-sim/boot/mcuboot-cases/boards.js';
import {
  StagedBoard,
  type Staging,
} from '../../../bootloader-sim/boot/mcuboot-cases/staged-board.js';

/** A boot decision: our own, or that of a variant. */
export type Boot = typeof boot;

/** Where a boot is cut short, and what is left of the operation there. */
export interface BootCut {
  readonly isAt: (operation: FlashOperation) => boolean;
  readonly effect: FlashEffect;
}

/** A board with images in its slots that any bootloader may be put on. */
export class VariantBoard extends StagedBoard {
  readonly #boot: Boot;
  readonly #builtFor: BootEnvironment;

  constructor(spec: CaseBoard, staging: Staging, decide: Boot) {
    super(spec, staging);
    this.#boot = decide;
    this.#builtFor = {
      images: this.images,
      scratch: this.scratch,
      maxImageSectors: spec.layout.maxImageSectors,
      keys: [FIRST_KEY.verificationKey],
      crypto: hostCrypto,
      counters: undefined,
      downgradePrevention: 'none',
      log: (level, text) => this.log.push(`${level}: ${text}`),
      ...staging.settings,
    };
  }

  override boot(): Verdict<BootOutcome> {
    this.log.length = 0;
    return this.#boot(this.strategy, this.#builtFor);
  }

  /** Boots until the power goes at the operation that is told; throws if it does not come to that. */
  bootCutAt({ isAt, effect }: BootCut): void {
    let wasCut = false;
    this.flash.watch((operation) => {
      wasCut ||= isAt(operation);
      return wasCut ? { kind: 'power-cut', effect } : undefined;
    });
    try {
      this.boot();
    } catch (error) {
      if (error instanceof PowerCut) return;
      throw error;
    } finally {
      this.flash.watch(undefined);
    }
    throw new Error('the boot ended before the cut');
  }

  /** Whether an operation is in a sector of a slot, counted from its first or, below 0, its last. */
  isIn({ offset }: FlashOperation, slot: 0 | 1, sector: number): boolean {
    const area = this.slot(slot);
    const found = area.sectors.at(sector);
    if (found === undefined) return false;
    const start = area.flashOffset + found.offset;
    return start <= offset && offset < start + found.sizeBytes;
  }
}
