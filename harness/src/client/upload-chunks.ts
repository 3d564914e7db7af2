import { createHash } from 'node:crypto';
import { encodeSmpMessage, IMAGE_COMMAND, SMP_GROUP } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import type { ImageSource } from '@brickproof/bootloader-sim';
import type { SmpRequest } from './request-channel.js';

/** Devices write whole words; chunks that end on one need no joining. */
const CHUNK_ALIGN_BYTES = 8;
const CHUNK_BYTES_MIN = 32;
/** What a byte string's length takes in CBOR beside the one byte an empty one has. */
const DATA_LENGTH_BYTES = 2;
const SHORT_DATA_BYTES_MAX = 0xff;

const UPLOAD = { op: 'write', group: SMP_GROUP.image, command: IMAGE_COMMAND.upload } as const;

/** What is said about the image in the first packet. */
export interface FirstPacketOptions {
  /** Which updatable image it is, on devices with several. */
  readonly image?: number;
  /** Ask the device to refuse what is not newer than what runs. */
  readonly upgrade?: boolean;
}

/** The requests that carry an image, chunk by chunk (Zephyr's image group, "Image upload"). */
export class UploadChunks {
  readonly #source: ImageSource;
  readonly #options: FirstPacketOptions;
  readonly #sha256: Uint8Array;

  constructor(source: ImageSource, options: FirstPacketOptions) {
    this.#source = source;
    this.#options = options;
    this.#sha256 = sha256Of(source);
  }

  /** The request for one chunk. */
  request(offset: number, lengthBytes: number): SmpRequest {
    return { ...UPLOAD, body: this.#body(offset, this.#source.read(offset, lengthBytes)) };
  }

  /** How many bytes of image fit one message at this offset; 0 when none reasonably do. */
  lengthAt(offset: number, messageBytesMax: number): number {
    const body = this.#body(offset, new Uint8Array(0));
    const empty = encodeSmpMessage({ ...UPLOAD, version: 2, sequence: 0, body });
    const room = messageBytesMax - empty.byteLength;
    const lengthBytes = room - 1 <= SHORT_DATA_BYTES_MAX ? 1 : DATA_LENGTH_BYTES;
    const aligned = Math.floor((room - lengthBytes) / CHUNK_ALIGN_BYTES) * CHUNK_ALIGN_BYTES;
    if (aligned < CHUNK_BYTES_MIN) return 0;
    return Math.min(aligned, this.#source.sizeBytes - offset);
  }

  /** All but offset and data are said at offset 0 only. */
  #body(offset: number, data: Uint8Array): SmpBody {
    if (offset !== 0) return { off: offset, data };
    const { image, upgrade } = this.#options;
    return {
      ...(image === undefined ? {} : { image }),
      len: this.#source.sizeBytes,
      off: 0,
      sha: this.#sha256,
      data,
      ...(upgrade === true ? { upgrade } : {}),
    };
  }
}

function sha256Of(source: ImageSource): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of source.chunks(0, source.sizeBytes)) hash.update(piece);
  return Uint8Array.from(hash.digest());
}
