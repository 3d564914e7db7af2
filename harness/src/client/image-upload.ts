import { createHash } from 'node:crypto';
import { encodeSmpMessage, IMAGE_COMMAND, SMP_GROUP } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { accept, imageSourceFromBytes } from '@brickproof/bootloader-sim';
import type { ImageSource } from '@brickproof/bootloader-sim';
import { readUint } from './body-fields.js';
import type { SmpParams } from './os-answers.js';
import { SLOW_FLASH_WAIT_MS } from './request-channel.js';
import type { PendingResponse, SmpRequest } from './request-channel.js';
import { fail } from './smp-result.js';
import type { SmpResult } from './smp-result.js';

/** Upload requests that may be under way at once, whatever the device offers. */
export const UPLOAD_WINDOW_MAX = 4;
/** The message size for a device that does not tell its own (MCUmgr's oldest default). */
export const UPLOAD_MESSAGE_BYTES_DEFAULT = 384;
/** How often the device may send the upload back to its start. */
export const UPLOAD_RESTARTS_MAX = 8;
/** How often the device may send the upload back without having gained a byte in between. */
export const UPLOAD_STALLS_MAX = 32;

/** Devices write whole words; chunks that end on one need no joining. */
const CHUNK_ALIGN_BYTES = 8;
const CHUNK_BYTES_MIN = 32;
/** What a byte string's length takes in CBOR beside the one byte an empty one has. */
const DATA_LENGTH_BYTES = 2;
const SHORT_DATA_BYTES_MAX = 0xff;

/** How far an upload is. */
export interface ImageUploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly resumedFrom: number;
}

/** What an upload may be told. */
export interface ImageUploadOptions {
  /** Which updatable image it is, on devices with several. */
  readonly image?: number;
  /** Ask the device to refuse what is not newer than what runs. */
  readonly upgrade?: boolean;
  readonly onProgress?: (progress: ImageUploadProgress) => void;
  readonly signal?: AbortSignal;
}

/** What an upload came to. */
export interface ImageUploadReport {
  readonly bytes: number;
  /** Where the device already was when the upload began. */
  readonly resumedFrom: number;
  /** Whether the device found the SHA-256 right, if it said. */
  readonly match: boolean | undefined;
  readonly durationMs: number;
}

/** The part of a client that an upload needs. */
export interface UploadTransport {
  readonly messageBytesMax: number;
  readonly bufferOverheadBytes: number;
  params(): Promise<SmpResult<SmpParams>>;
  start(request: SmpRequest): PendingResponse;
}

/**
 * Sends an image in chunks that fill the device's buffers, several at once, and follows the
 * device wherever it says it is (Zephyr's image group, "Image upload"). Refuses with
 * `upload-image-empty`, `upload-buffer-too-small`, `upload-aborted`, `upload-stalled`,
 * `upload-mismatch`, or as the requests do.
 */
export async function uploadImage(
  transport: UploadTransport,
  image: Uint8Array | ImageSource,
  options: ImageUploadOptions,
): Promise<SmpResult<ImageUploadReport>> {
  const source = image instanceof Uint8Array ? imageSourceFromBytes(image) : image;
  if (source.sizeBytes === 0) return fail('upload-image-empty', 'the image has no bytes');
  const params = await transport.params();
  if (!params.ok && !['smp-device-refused', 'smp-response-malformed'].includes(params.code)) {
    return params;
  }
  const upload = new ImageUpload({
    transport,
    source,
    options,
    shape: uploadShape(transport, params.ok ? params.value : undefined),
  });
  return upload.run();
}

interface UploadShape {
  /** The longest message, header included. */
  readonly messageBytesMax: number;
  readonly window: number;
}

/**
 * One buffer is left to the device for its answer: Zephyr takes request and answer from one pool,
 * and drops what finds it empty.
 */
function uploadShape(transport: UploadTransport, params: SmpParams | undefined): UploadShape {
  if (params === undefined) {
    const messageBytesMax = Math.min(UPLOAD_MESSAGE_BYTES_DEFAULT, transport.messageBytesMax);
    return { messageBytesMax, window: 1 };
  }
  const forMessage = params.bufSizeBytes - transport.bufferOverheadBytes;
  return {
    messageBytesMax: Math.min(forMessage, transport.messageBytesMax),
    window: Math.max(1, Math.min(params.bufCount - 1, UPLOAD_WINDOW_MAX)),
  };
}

interface Chunk {
  readonly offset: number;
  readonly end: number;
  readonly pending: PendingResponse;
}

interface ChunkAnswer {
  readonly chunk: Chunk;
  readonly answer: SmpResult<SmpBody>;
}

interface ImageUploadParts {
  readonly transport: UploadTransport;
  readonly source: ImageSource;
  readonly options: ImageUploadOptions;
  readonly shape: UploadShape;
}

/** One upload: what was sent, what the device has, and what is under way. */
class ImageUpload {
  readonly #transport: UploadTransport;
  readonly #source: ImageSource;
  readonly #options: ImageUploadOptions;
  readonly #shape: UploadShape;
  readonly #sha256: Uint8Array;
  readonly #inFlight: Map<Chunk, Promise<ChunkAnswer>> = new Map<Chunk, Promise<ChunkAnswer>>();
  readonly #startedMs: number = performance.now();
  /** Where the next chunk starts. */
  #next = 0;
  /** How far the device says it is. */
  #stored = 0;
  /** Where the device's first answer put us. */
  #resumedFrom: number | undefined;
  #recovering = false;
  #furthest = 0;
  #restarts = 0;
  #stalls = 0;
  #match: boolean | undefined;

  constructor(parts: ImageUploadParts) {
    this.#transport = parts.transport;
    this.#source = parts.source;
    this.#options = parts.options;
    this.#shape = parts.shape;
    this.#sha256 = sha256Of(parts.source);
  }

  async run(): Promise<SmpResult<ImageUploadReport>> {
    const onAbort = (): void => {
      this.#cancelAll();
    };
    this.#options.signal?.addEventListener('abort', onAbort);
    try {
      const failure = await this.#sendAll();
      return failure ?? this.#finish();
    } finally {
      this.#options.signal?.removeEventListener('abort', onAbort);
      this.#cancelAll();
    }
  }

  async #sendAll(): Promise<SmpResult<never> | undefined> {
    while (this.#stored < this.#source.sizeBytes) {
      if (this.#options.signal?.aborted === true) {
        return fail('upload-aborted', `stopped at ${this.#stored} bytes; the device keeps them`);
      }
      const filled = this.#fillWindow();
      if (filled !== undefined) return filled;
      const { chunk, answer } = await Promise.race(this.#inFlight.values());
      this.#inFlight.delete(chunk);
      const failure = this.#take(chunk, answer);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /**
   * Starts what may be under way. Nothing goes beside the first packet, which decides the offset,
   * nor beside the one after a setback: buffers that overflowed must drain first.
   */
  #fillWindow(): SmpResult<never> | undefined {
    if (this.#inFlight.size === 0) this.#next = this.#stored;
    const alone = this.#stored === 0 || this.#recovering;
    const window = alone ? 1 : this.#shape.window;
    while (this.#inFlight.size < window && this.#next < this.#source.sizeBytes) {
      const lengthBytes = this.#chunkBytes(this.#next);
      if (lengthBytes === 0) {
        const detail = `the device takes ${this.#shape.messageBytesMax} bytes a message, too few`;
        return fail('upload-buffer-too-small', detail);
      }
      this.#startChunk(this.#next, lengthBytes);
    }
    return undefined;
  }

  #startChunk(offset: number, lengthBytes: number): void {
    const pending = this.#transport.start({
      ...UPLOAD,
      body: this.#chunkBody(offset, this.#source.read(offset, lengthBytes)),
      // The first request may make the device erase a whole slot before it answers.
      ...(offset === 0 ? { waitMs: SLOW_FLASH_WAIT_MS } : {}),
    });
    const chunk: Chunk = { offset, end: offset + lengthBytes, pending };
    this.#inFlight.set(
      chunk,
      pending.response.then((answer) => ({ chunk, answer })),
    );
    this.#next = chunk.end;
  }

  /** Takes one answer. What comes back is why the upload cannot go on, if it cannot. */
  #take(chunk: Chunk, answer: SmpResult<SmpBody>): SmpResult<never> | undefined {
    // Given up because the device is elsewhere, or because we were stopped.
    if (!answer.ok) return answer.code === 'smp-cancelled' ? undefined : answer;
    const offset = readUint(answer.value, 'off');
    if (offset === undefined || offset > this.#source.sizeBytes) {
      const size = this.#source.sizeBytes;
      const detail = `the answer has no usable off (${offset ?? 'none'}, image of ${size} bytes)`;
      return fail('smp-response-malformed', detail);
    }
    const match = answer.value['match'];
    if (typeof match === 'boolean') this.#match = match;
    return this.#follow(chunk, offset);
  }

  /** Goes on from where the device says it is: on course, ahead of us, or behind. */
  #follow(chunk: Chunk, offset: number): SmpResult<never> | undefined {
    if (this.#resumedFrom === undefined) {
      this.#resumedFrom = offset === chunk.end ? 0 : offset;
    }
    if (offset >= chunk.end) {
      this.#recovering = false;
      this.#stored = Math.max(this.#stored, offset);
      if (offset > this.#next) this.#jumpTo(offset);
      this.#noteProgress();
      return undefined;
    }
    this.#stored = offset;
    this.#recovering = true;
    this.#jumpTo(offset);
    return this.#noteSetback(offset);
  }

  #jumpTo(offset: number): void {
    this.#cancelAll();
    this.#next = offset;
  }

  #noteProgress(): void {
    if (this.#stored > this.#furthest) {
      this.#furthest = this.#stored;
      this.#stalls = 0;
    }
    this.#options.onProgress?.({
      sentBytes: this.#stored,
      totalBytes: this.#source.sizeBytes,
      resumedFrom: this.#resumedFrom ?? 0,
    });
  }

  #noteSetback(offset: number): SmpResult<never> | undefined {
    this.#stalls += 1;
    if (offset === 0) {
      this.#restarts += 1;
      // What was reached before the restart is reached again: that is progress, within bounds.
      this.#furthest = 0;
    }
    if (this.#stalls > UPLOAD_STALLS_MAX || this.#restarts > UPLOAD_RESTARTS_MAX) {
      const detail =
        `the device keeps going back, now to ${offset} of ${this.#source.sizeBytes} bytes; ` +
        'reset it and try again';
      return fail('upload-stalled', detail);
    }
    return undefined;
  }

  #cancelAll(): void {
    for (const chunk of this.#inFlight.keys()) chunk.pending.cancel();
    this.#inFlight.clear();
  }

  #finish(): SmpResult<ImageUploadReport> {
    if (this.#match === false) {
      const detail = 'the device has other bytes than were sent; erase the slot and try again';
      return fail('upload-mismatch', detail);
    }
    return accept({
      bytes: this.#source.sizeBytes,
      resumedFrom: this.#resumedFrom ?? 0,
      match: this.#match,
      durationMs: performance.now() - this.#startedMs,
    });
  }

  #chunkBody(offset: number, data: Uint8Array): SmpBody {
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

  /** How many bytes of image fit one message at this offset; 0 when none reasonably do. */
  #chunkBytes(offset: number): number {
    const empty = encodeSmpMessage({
      ...UPLOAD,
      version: 2,
      sequence: 0,
      body: this.#chunkBody(offset, new Uint8Array(0)),
    });
    const room = this.#shape.messageBytesMax - empty.byteLength;
    const lengthBytes = room - 1 <= SHORT_DATA_BYTES_MAX ? 1 : DATA_LENGTH_BYTES;
    const aligned = Math.floor((room - lengthBytes) / CHUNK_ALIGN_BYTES) * CHUNK_ALIGN_BYTES;
    if (aligned < CHUNK_BYTES_MIN) return 0;
    return Math.min(aligned, this.#source.sizeBytes - offset);
  }
}

const UPLOAD = { op: 'write', group: SMP_GROUP.image, command: IMAGE_COMMAND.upload } as const;

function sha256Of(source: ImageSource): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of source.chunks(0, source.sizeBytes)) hash.update(piece);
  return Uint8Array.from(hash.digest());
}
