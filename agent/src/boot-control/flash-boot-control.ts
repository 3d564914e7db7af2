import {
  DONE,
  areaFrom,
  largestImage,
  maxImageSizeBytes,
  readImageSummary,
  reject,
  trailerFirstSectorOffset,
  trailerFormat,
  trailerSectorOffset,
  uploadOffset,
  type BootLayout,
  type FlashArea,
  type SlotPair,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { StagedImage } from '../update/verify-staged.js';
import type { BootControl, BootMode, SlotState } from './boot-control.js';
import { checkDowngrade } from './downgrade.js';
import { slotMarkingOf, swapTypeOf, type SlotMarking } from './slot-marking.js';

/** What a boot control over two flash slots is made of. */
export interface FlashBootControlOptions {
  readonly strategy: StrategyName;
  /** What the bootloader knows: all slots, and what it was built for. */
  readonly layout: BootLayout;
  /** The image whose slots these are; 0 unless told. */
  readonly imageIndex?: number;
  /** The slot the bootloader started: always 0 where images are swapped or overwritten. */
  readonly activeSlot: number;
  /** Asked before a slot is marked to boot; a refusal leaves the slot unmarked. */
  readonly mayBoot: (staged: StagedImage) => Verdict<void>;
  /** Older images are marked too, where the bootloader would see that they are older. */
  readonly isTrusting?: boolean;
}

const MODES: Readonly<Record<StrategyName, BootMode>> = {
  'direct-xip': { name: 'direct-xip-with-revert', number: 5 },
  'overwrite-only': { name: 'overwrite-only', number: 2 },
  'swap-using-offset': { name: 'swap-using-offset', number: 9 },
  'swap-using-move': { name: 'swap-using-move', number: 3 },
  'swap-using-scratch': { name: 'swap-using-scratch', number: 1 },
};

/** The slots of one image in an MCUboot flash layout, with MCUboot's trailers. */
export class FlashBootControl implements BootControl {
  readonly mode: BootMode;
  readonly preventsDowngrade: boolean;
  readonly activeSlot: number;
  readonly slotCount = 2;
  readonly uploadSlot: number;
  readonly #options: FlashBootControlOptions;
  readonly #slots: SlotPair;
  readonly #marking: SlotMarking;

  constructor(options: FlashBootControlOptions) {
    const { strategy, layout, imageIndex = 0, activeSlot } = options;
    const slots = layout.images[imageIndex];
    if (slots === undefined) throw new RangeError(`no image ${imageIndex}`);
    this.#options = options;
    this.#slots = slots;
    this.#marking = slotMarkingOf(strategy, layout);
    this.mode = MODES[strategy];
    this.preventsDowngrade = strategy === 'direct-xip' || layout.downgradePrevention !== 'none';
    this.activeSlot = activeSlot;
    this.uploadSlot = activeSlot === 0 ? 1 : 0;
  }

  area(slot: number): FlashArea {
    const area = this.#slots[slot];
    if (area === undefined) throw new RangeError(`no slot ${slot}`);
    return area;
  }

  /** Where Zephyr looks for it (subsys/dfu/boot/mcuboot.c, boot_get_image_start_offset). */
  imageArea(slot: number): FlashArea {
    const { strategy, layout } = this.#options;
    const area = this.area(slot);
    const isFallback = slot === 1 && swapTypeOf(strategy, this.#slots, layout) === 'revert';
    return slot === 0 || isFallback ? area : areaFrom(area, uploadOffset(strategy, this.#slots));
  }

  maxImageSizeBytes(slot: number): number {
    const { strategy, layout } = this.#options;
    return this.#isSwap
      ? largestImage(strategy, this.#slots, layout)
      : maxImageSizeBytes(this.area(slot));
  }

  trailerSectorOffset(slot: number): number {
    const { strategy, layout } = this.#options;
    const area = this.area(slot);
    return this.#isSwap
      ? trailerFirstSectorOffset(area, trailerFormat(strategy, layout))
      : trailerSectorOffset(area);
  }

  state(slot: number): SlotState {
    const summary = readImageSummary(this.imageArea(slot));
    const active = slot === this.activeSlot;
    const mark = active ? 'none' : this.#marking.markOf(this.#slots, slot);
    const pending = mark !== 'none' && (this.#isSwap || this.#checkDowngrade(slot).ok);
    return {
      slot,
      image: summary.ok ? summary.value : undefined,
      active,
      pending,
      confirmed: active && this.#marking.isConfirmed(this.#slots, slot),
      permanent: pending && mark === 'permanent',
    };
  }

  /**
   * Refuses `boot-version-not-higher` or `image-security-counter-low` for an image that this
   * bootloader would never start, `trailer-magic-bad` and `trailer-spent` for a slot that has to be
   * erased first, and whatever the flash or `mayBoot` refuses.
   */
  setPending(slot: number, options: { readonly permanent: boolean }): Verdict<void> {
    const { imageIndex = 0, mayBoot } = this.#options;
    const newEnough = this.#checkDowngrade(slot);
    if (!newEnough.ok) return newEnough;
    const allowed = mayBoot(this.#staged(slot));
    if (!allowed.ok) return allowed;
    const marked = this.#marking.mark(this.area(slot), { ...options, imageIndex });
    if (!marked.ok || this.state(slot).pending) return marked;
    const area = this.area(slot).name;
    return reject('trailer-spent', `${area} was chosen to boot before; erase it and upload again`);
  }

  confirm(): Verdict<void> {
    return this.#marking.confirm(this.area(this.activeSlot));
  }

  erase(slot: number): Verdict<void> {
    const area = this.area(slot);
    return area.erase(0, area.sizeBytes);
  }

  get #isSwap(): boolean {
    const { strategy } = this.#options;
    return strategy !== 'direct-xip' && strategy !== 'overwrite-only';
  }

  #staged(slot: number): StagedImage {
    const isInPlace = this.#options.strategy === 'direct-xip';
    return {
      slot,
      area: this.imageArea(slot),
      maxImageSizeBytes: this.maxImageSizeBytes(slot),
      runsAtOffset: this.area(isInPlace ? slot : 0).flashOffset,
    };
  }

  #checkDowngrade(slot: number): Verdict<void> {
    const { strategy, layout, isTrusting = false } = this.#options;
    // Under direct-xip a mark on an older image says nothing at all.
    if (isTrusting && strategy !== 'direct-xip') return DONE;
    const rule = { strategy, prevention: layout.downgradePrevention ?? 'version' };
    return checkDowngrade(rule, {
      running: this.imageArea(this.activeSlot),
      candidate: this.imageArea(slot),
    });
  }
}
