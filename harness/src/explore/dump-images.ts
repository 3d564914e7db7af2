import {
  equalBytes,
  formatImageVersion,
  offsetImageSource,
  uploadOffset,
  verifyImage,
  type BootLayout,
  type BootOutcome,
  type FlashArea,
  type ImagePolicy,
  type VerifiedImage,
} from '@brickproof/bootloader-sim';
import type { KnownImage, SceneDevice } from './scene.js';

/** An image that was found, and where it lay. */
interface FoundImage {
  readonly imageIndex: number;
  readonly verified: VerifiedImage;
  readonly bytes: Uint8Array;
}

/** What verifies in the slots of a flash, now and after each boot. */
export class DumpImages {
  readonly #device: SceneDevice;
  readonly #layout: BootLayout;
  readonly #found: FoundImage[] = [];

  constructor(device: SceneDevice, layout: BootLayout) {
    this.#device = device;
    this.#layout = layout;
  }

  /** Takes note of what verifies now. */
  look(): void {
    for (const [imageIndex, slots] of this.#layout.images.entries()) {
      const shift = uploadOffset(this.#device.strategy, slots);
      const places = [
        [slots[0], 0],
        ...[...new Set([0, shift])].map((offset) => [slots[1], offset] as const),
      ] as const;
      for (const [slot, offset] of places) this.#lookAt(slot, offset, imageIndex);
    }
  }

  /** Every image that was found: those that were started last are the old ones. */
  known(last: BootOutcome | undefined): readonly KnownImage[] {
    const running = last === undefined ? [] : [last, ...last.others];
    return this.#found.map(({ imageIndex, verified, bytes }) => {
      const { hash } = verified;
      const runs = running[imageIndex]?.image.hash;
      const isOld = runs !== undefined && equalBytes(runs, hash);
      const name = this.#nameOf(verified);
      return { name, imageIndex, hash, bytes, role: isOld ? 'old' : 'new' };
    });
  }

  #lookAt(slot: FlashArea, offset: number, imageIndex: number): void {
    const source = offsetImageSource(slot, offset);
    for (const encryption of this.#encryptions()) {
      const policy: ImagePolicy = {
        keys: this.#device.keys,
        maxImageSizeBytes: source.sizeBytes,
        minimumSecurityCounter: undefined,
        encryption,
      };
      const verified = verifyImage(source, policy, this.#device.crypto);
      if (!verified.ok) continue;
      const { hash, totalSizeBytes } = verified.value;
      const isKnown = this.#found.some(
        (found) => found.imageIndex === imageIndex && equalBytes(found.verified.hash, hash),
      );
      if (isKnown) return;
      const bytes = source.read(0, totalSizeBytes).slice();
      this.#found.push({ imageIndex, verified: verified.value, bytes });
      return;
    }
  }

  #encryptions(): readonly ImagePolicy['encryption'][] {
    const { decryptionKey } = this.#device;
    if (decryptionKey === undefined) return [undefined];
    return [{ body: 'plain' }, { body: 'encrypted', key: decryptionKey }];
  }

  /** The version; with the start of its hash where two images have the same one. */
  #nameOf({ header, hash }: VerifiedImage): string {
    const version = formatImageVersion(header.version);
    const alike = this.#found.filter(
      ({ verified }) => formatImageVersion(verified.header.version) === version,
    );
    const start = Buffer.from(hash.subarray(0, HASH_BYTES_SHOWN)).toString('hex');
    return alike.length > 1 ? `${version} (${start})` : version;
  }
}

const HASH_BYTES_SHOWN = 4;
