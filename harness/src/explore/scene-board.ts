import {
  NorFlash,
  OtpCounters,
  boot,
  confirmRunning,
  createFlashMap,
  markForDirectXip,
  markForUpgrade,
  uploadOffset,
  type BootLayout,
  type FlashArea,
  type FlashSnapshot,
  type SlotPair,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { KnownImage, SceneDevice } from './scene.js';
import { layoutOn, type SceneGeometry } from './scene-geometry.js';

/**
 * A board on which a scene is prepared, without power cuts: images leave the factory on it, are
 * staged, marked and booted. Whatever does not work here is our own mistake, and throws.
 */
export class SceneBoard {
  readonly flash: NorFlash;
  readonly layout: BootLayout;
  readonly counters: OtpCounters;
  readonly #device: SceneDevice;

  constructor(geometry: SceneGeometry, device: SceneDevice, counters: readonly number[]) {
    this.flash = new NorFlash(geometry.geometry);
    const map = must(createFlashMap(this.flash, geometry.areas));
    this.layout = layoutOn(map, geometry.settings);
    this.counters = new OtpCounters(counters);
    this.#device = device;
  }

  snapshot(): FlashSnapshot {
    return this.flash.snapshot();
  }

  slots(imageIndex: number): SlotPair {
    const slots = this.layout.images[imageIndex];
    if (slots === undefined) throw new RangeError(`no image ${imageIndex}`);
    return slots;
  }

  /** An image as it leaves the factory: in its primary slot, confirmed. */
  provision(image: KnownImage): void {
    const [primary] = this.slots(image.imageIndex);
    writeImage(primary, 0, image.bytes);
    must(markForDirectXip(primary, { confirm: true }));
  }

  /** Writes an image to where uploads go, over whatever is there. */
  stage(image: KnownImage): void {
    const slots = this.slots(image.imageIndex);
    const [, secondary] = slots;
    must(secondary.erase(0, secondary.sizeBytes));
    writeImage(secondary, uploadOffset(this.#device.strategy, slots), image.bytes);
  }

  /** Asks for the staged image to boot next. */
  mark(imageIndex: number, options: { readonly permanent: boolean }): void {
    const [, secondary] = this.slots(imageIndex);
    const { permanent } = options;
    must(
      this.#device.strategy === 'direct-xip'
        ? markForDirectXip(secondary, { confirm: permanent })
        : markForUpgrade(secondary, { permanent, imageIndex }),
    );
  }

  /** Lets the bootloader start, once. */
  boot(): void {
    const { strategy, keys, crypto, decryptionKey, hasCounters } = this.#device;
    must(
      boot(strategy, {
        ...this.layout,
        keys,
        crypto,
        decryptionKey,
        counters: hasCounters ? this.counters : undefined,
        log: () => undefined,
      }),
    );
  }

  /** Confirms the images that run from these slots. */
  confirm(slot: 0 | 1): void {
    for (const slots of this.layout.images) {
      must(
        this.#device.strategy === 'direct-xip'
          ? markForDirectXip(slots[slot], { confirm: true })
          : confirmRunning(slots[0]),
      );
    }
  }
}

function writeImage(area: FlashArea, offset: number, image: Uint8Array): void {
  const align = area.writeAlignBytes;
  const words = new Uint8Array(Math.ceil(image.byteLength / align) * align).fill(area.erasedValue);
  words.set(image);
  must(area.write(offset, words));
}

/** What cannot go wrong here. */
export function must<T>(verdict: Verdict<T>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}
