import {
  DONE,
  compareImageVersions,
  markForDirectXip,
  markForUpgrade,
  maxImageSizeBytes,
  readImageSummary,
  readTrailer,
  reject,
  trailerSectorOffset,
  type FlashArea,
  type StrategyName,
  type Trailer,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { BootControl, BootMode, SlotState } from './boot-control.js';

/** What a boot control over two flash slots is made of. */
export interface FlashBootControlOptions {
  readonly strategy: StrategyName;
  readonly slots: readonly [primary: FlashArea, secondary: FlashArea];
  /** The slot the bootloader started. */
  readonly activeSlot: number;
  /** Asked before a slot is marked to boot; a refusal leaves the slot unmarked. */
  readonly mayBoot: (slot: number) => Verdict<void>;
}

const MODES: Readonly<Record<StrategyName, BootMode>> = {
  'direct-xip': { name: 'direct-xip-with-revert', number: 5 },
  'overwrite-only': { name: 'overwrite-only', number: 2 },
  'swap-using-offset': { name: 'swap-using-offset', number: 9 },
  'swap-using-move': { name: 'swap-using-move', number: 3 },
  'swap-using-scratch': { name: 'swap-using-scratch', number: 1 },
};

/** The slots of an MCUboot flash layout, with MCUboot's trailers. */
export class FlashBootControl implements BootControl {
  readonly mode: BootMode;
  readonly activeSlot: number;
  readonly slotCount = 2;
  readonly uploadSlot: number;
  readonly #options: FlashBootControlOptions;

  constructor(options: FlashBootControlOptions) {
    this.#options = options;
    this.mode = MODES[options.strategy];
    this.activeSlot = options.activeSlot;
    this.uploadSlot = options.activeSlot === 0 ? 1 : 0;
  }

  area(slot: number): FlashArea {
    const area = this.#options.slots[slot];
    if (area === undefined) throw new RangeError(`no slot ${slot}`);
    return area;
  }

  maxImageSizeBytes(slot: number): number {
    return maxImageSizeBytes(this.area(slot));
  }

  trailerSectorOffset(slot: number): number {
    return trailerSectorOffset(this.area(slot));
  }

  state(slot: number): SlotState {
    const area = this.area(slot);
    const trailer = readTrailer(area);
    const summary = readImageSummary(area);
    const active = slot === this.activeSlot;
    const pending = !active && this.#isMarked(trailer) && this.#checkVersion(slot).ok;
    return {
      slot,
      image: summary.ok ? summary.value : undefined,
      active,
      pending,
      confirmed: active && this.#isConfirmed(trailer),
      permanent: pending && trailer.imageOk === 'set',
    };
  }

  /**
   * Refuses `boot-version-not-higher` for an image that this bootloader would never start,
   * `trailer-magic-bad` and `trailer-spent` for a slot that has to be erased first, and whatever
   * the flash or `mayBoot` refuses.
   */
  setPending(slot: number, options: { readonly permanent: boolean }): Verdict<void> {
    const versions = this.#checkVersion(slot);
    if (!versions.ok) return versions;
    const allowed = this.#options.mayBoot(slot);
    if (!allowed.ok) return allowed;
    const marked =
      this.#options.strategy === 'direct-xip'
        ? markForDirectXip(this.area(slot), { confirm: options.permanent })
        : markForUpgrade(this.area(slot), options);
    if (!marked.ok || this.state(slot).pending) return marked;
    const area = this.area(slot).name;
    return reject('trailer-spent', `${area} was chosen to boot before; erase it and upload again`);
  }

  confirm(): Verdict<void> {
    // Overwriting has no trial: what runs is what stays.
    if (this.#options.strategy === 'overwrite-only') return DONE;
    return markForDirectXip(this.area(this.activeSlot), { confirm: true });
  }

  erase(slot: number): Verdict<void> {
    const area = this.area(slot);
    return area.erase(0, area.sizeBytes);
  }

  #isConfirmed(trailer: Trailer): boolean {
    return this.#options.strategy === 'overwrite-only' || trailer.imageOk === 'set';
  }

  /** Whether the trailer asks for the slot to be booted next. */
  #isMarked(trailer: Trailer): boolean {
    if (trailer.magic !== 'good') return false;
    if (this.#options.strategy === 'overwrite-only') return trailer.imageOk !== 'bad';
    return trailer.copyDone === 'unset' || trailer.imageOk === 'set';
  }

  #checkVersion(slot: number): Verdict<void> {
    const candidate = readImageSummary(this.area(slot));
    if (!candidate.ok) return candidate;
    const running = readImageSummary(this.area(this.activeSlot));
    if (!running.ok) return DONE;
    const order = compareImageVersions(
      candidate.value.header.version,
      running.value.header.version,
    );
    const enough = this.#options.strategy === 'direct-xip' ? order > 0 : order >= 0;
    if (enough) return DONE;
    return reject(
      'boot-version-not-higher',
      `the running image has the same version or a higher one, and the bootloader would not leave it`,
    );
  }
}
