import type { FlashArea } from '../flash/flash-area.js';
import { createContentCipher, type ContentCipher } from '../crypto/content-cipher.js';
import { contentKeySizeBytes } from '../image/header.js';
import { accept, reject, type Verdict } from '../verdict.js';
import type { VerifiedImage } from '../image/verify.js';
import { readSlotHeader, type SlotHeader } from './slot-header.js';
import { resetStatus, type SwapStatus } from './swap-status.js';
import type { SwapType } from './trailer.js';
import type { BootEnvironment, SlotPair, StrategyName } from './upgrade-strategy.js';
import type { TrailerFormat } from './swap-trailer.js';

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
  readonly #contentKeys = new Map<number, Uint8Array>();
  status: SwapStatus = resetStatus();
  decision: UpgradeDecision = 'none';
  /** It goes back because the image that it needs does. */
  revertsAlong = false;
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
    // No other strategy looks at a scratch area, even where the flash has one.
    const isScratched = options.strategy === 'swap-using-scratch';
    this.scratch = isScratched ? options.environment.scratch : undefined;
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

  /** Reads what lies at an offset of an area, without judging it. */
  readHeader(area: FlashArea, offset: number): SlotHeader {
    return readSlotHeader(area, offset, {
      takesEncrypted: this.environment.decryptionKey !== undefined,
    });
  }

  /** The key that a slot's body is encrypted with, as far as it is known. */
  contentKey(slot: 0 | 1): Uint8Array | undefined {
    return this.#contentKeys.get(slot);
  }

  setContentKey(slot: 0 | 1, key: Uint8Array | undefined): void {
    if (key === undefined) this.#contentKeys.delete(slot);
    else this.#contentKeys.set(slot, key);
  }

  /**
   * What encrypts the body of a slot's image where it leaves the primary slot, and decrypts it
   * where it enters; undefined when the image is not encrypted. Refuses
   * `image-encryption-key-missing`.
   */
  bodyCipher(slot: 0 | 1): Verdict<ContentCipher | undefined> {
    const { header } = this.headers[slot];
    if (header === undefined || contentKeySizeBytes(header) === undefined) return accept(undefined);
    const key = this.#contentKeys.get(slot);
    return key === undefined
      ? reject('image-encryption-key-missing', 'the key of an encrypted image is not known')
      : accept(createContentCipher(key, this.environment.crypto));
  }

  log(level: 'error' | 'warning' | 'info', text: string): void {
    this.environment.log(level, text);
  }
}
