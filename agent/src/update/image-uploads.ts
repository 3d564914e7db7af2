import type { Verdict } from '@brickproof/bootloader-sim';
import type { ImageStaging, UploadAnswer } from './staging.js';
import type { StagingRejectCode, UploadPacket } from './upload-packet.js';

/**
 * The uploads of a board: one staging for each of its images, one upload under way at a time. Only
 * the first packet of an upload names its image; those that follow belong to the last one named.
 */
export class ImageUploads {
  readonly stagings: readonly ImageStaging[];
  #current: ImageStaging;

  /** Stagings in the order of their images; at least one. */
  constructor(stagings: readonly ImageStaging[]) {
    const [first] = stagings;
    if (first === undefined) throw new RangeError('a board without images');
    this.stagings = stagings;
    this.#current = first;
  }

  /** As `ImageStaging.take`. Refuses `upload-image-number` for an image that there is not. */
  take(packet: UploadPacket): Verdict<UploadAnswer, StagingRejectCode> {
    if (packet.off !== 0) return this.#current.take(packet);
    const named = this.stagings[packet.image ?? 0];
    if (named === undefined) return this.#current.take(packet);
    const taken = named.take(packet);
    if (taken.ok) this.#current = named;
    return taken;
  }
}
