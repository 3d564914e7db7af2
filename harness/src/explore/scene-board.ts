import {
  NorFlash,
  OtpCounters,
  boot,
  confirmRunning,
  createFlashMap,
  markForDirectXip,
  markForUpgrade,
  trailerLayout,
  trailerMagic,
  uploadOffset,
  type BootLayout,
  type FlashArea,
  type FlashSnapshot,
  type SlotPair,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { bootLayoutOf } from '../board/provision.js';
import type { KnownImage, SceneDevice } from './scene.js';
import type { SceneGeometry } from './scene-geometry.js';

/**
 * A board on which a scene is prepared, without power cuts: images leave the factory on it, are
 * staged, marked and booted. Whatever does not work here is our own mistake, and throws.
 */
export class SceneBoard {
  readonly flash: NorFlash;
  readonly layout: BootLayout;
  readonly counters: OtpCounters;
  readonly #device: SceneDevice;
  /** Of each image, the slot that the bootloader started last. */
  #running: readonly number[];

  constructor(geometry: SceneGeometry, device: SceneDevice, counters: readonly number[]) {
    this.flash = new NorFlash(geometry.geometry);
    const map = must(createFlashMap(this.flash, geometry.areas));
    this.layout = bootLayoutOf(map, geometry.settings);
    this.counters = new OtpCounters(counters);
    this.#device = device;
    this.#running = this.layout.images.map(() => 0);
  }

  snapshot(): FlashSnapshot {
    return this.flash.snapshot();
  }

  /** An image as it leaves the factory: in its primary slot, confirmed. */
  provision({ imageIndex, bytes }: Pick<KnownImage, 'imageIndex' | 'bytes'>): void {
    const [primary] = this.#slots(imageIndex);
    writeImage(primary, 0, bytes);
    must(markForDirectXip(primary, { confirm: true }));
  }

  /** An image that comes with a trailer which says that it is confirmed, and no more. */
  program({ imageIndex, bytes }: Pick<KnownImage, 'imageIndex' | 'bytes'>): void {
    const [primary] = this.#slots(imageIndex);
    writeImage(primary, 0, bytes);
    const { alignBytes, magicOffset } = trailerLayout(primary);
    const start = magicOffset - (magicOffset % alignBytes);
    const words = new Uint8Array(primary.sizeBytes - start).fill(primary.erasedValue);
    words.set(trailerMagic(alignBytes), magicOffset - start);
    must(primary.write(start, words));
    must(confirmRunning(primary));
  }

  /** Writes an image to where uploads go, over whatever is there. */
  stage({ imageIndex, bytes }: Pick<KnownImage, 'imageIndex' | 'bytes'>): void {
    const slot = this.#idleSlot(imageIndex);
    must(slot.erase(0, slot.sizeBytes));
    const isSwapped = this.#device.strategy !== 'direct-xip';
    const slots = this.#slots(imageIndex);
    writeImage(slot, isSwapped ? uploadOffset(this.#device.strategy, slots) : 0, bytes);
  }

  /** Asks for the staged image to boot next, as whoever can write the flash may do. */
  mark(imageIndex: number, options: { readonly permanent: boolean }): void {
    const slot = this.#idleSlot(imageIndex);
    const { permanent } = options;
    must(
      this.#device.strategy === 'direct-xip'
        ? markForDirectXip(slot, { confirm: permanent })
        : markForUpgrade(slot, { permanent, imageIndex }),
    );
  }

  /** Lets the bootloader start, once. */
  boot(): void {
    const { strategy, keys, crypto, decryptionKey, hasCounters } = this.#device;
    const booted = must(
      boot(strategy, {
        ...this.layout,
        keys,
        crypto,
        decryptionKey,
        counters: hasCounters ? this.counters : undefined,
        log: () => undefined,
      }),
    );
    this.#running = [booted, ...booted.others].map(({ slot }) => slot);
  }

  /** Confirms the images that were started last. */
  confirm(): void {
    for (const [imageIndex, slots] of this.layout.images.entries()) {
      const [primary, secondary] = slots;
      must(
        this.#device.strategy === 'direct-xip'
          ? markForDirectXip(this.#running[imageIndex] === 0 ? primary : secondary, {
              confirm: true,
            })
          : confirmRunning(primary),
      );
    }
  }

  #slots(imageIndex: number): SlotPair {
    const slots = this.layout.images[imageIndex];
    if (slots === undefined) throw new RangeError(`no image ${imageIndex}`);
    return slots;
  }

  /** The slot of an image that does not run. */
  #idleSlot(imageIndex: number): FlashArea {
    const [primary, secondary] = this.#slots(imageIndex);
    return this.#running[imageIndex] === 1 ? primary : secondary;
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
