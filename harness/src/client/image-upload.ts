import { OS_COMMAND, SMP_GROUP } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { accept, imageSourceFromBytes } from '@brickproof/bootloader-sim';
import type { ImageSource } from '@brickproof/bootloader-sim';
import { readUint } from './body-fields.js';
import type { SmpParams } from './os-answers.js';
import { SLOW_FLASH_WAIT_MS } from './request-channel.js';
import type { PendingResponse, SmpRequest } from './request-channel.js';
import { fail } from './smp-result.js';
import type { SmpFailure, SmpResult } from './smp-result.js';
import { UploadChunks } from './upload-chunks.js';
import type { FirstPacketOptions } from './upload-chunks.js';
import { UploadPace } from './upload-pace.js';
import type { UploadWay } from './upload-pace.js';

/** How often the device may send the upload back to its start. */
export const UPLOAD_RESTARTS_MAX = 8;
/** How often the device may send the upload back without having gained a byte in between. */
export const UPLOAD_STALLS_MAX = 32;

/** How far an upload is. */
export interface ImageUploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly resumedFrom: number;
}

/** What an upload may be told. */
export interface ImageUploadOptions extends FirstPacketOptions {
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
export interface UploadTransport extends UploadWay {
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
    pace: new UploadPace(transport, params.ok ? params.value : undefined),
  });
  return upload.run();
}

interface Chunk {
  readonly offset: number;
  readonly end: number;
  /** Nothing else was under way. */
  readonly alone: boolean;
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
  readonly pace: UploadPace;
}

/** One upload: what was sent, what the device has, and what is under way. */
class ImageUpload {
  readonly #transport: UploadTransport;
  readonly #source: ImageSource;
  readonly #options: ImageUploadOptions;
  readonly #pace: UploadPace;
  readonly #chunks: UploadChunks;
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
    this.#pace = parts.pace;
    this.#chunks = new UploadChunks(parts.source, parts.options);
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
      const failure = await this.#take(chunk, answer);
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
    const window = this.#stored === 0 || this.#recovering ? 1 : this.#pace.window;
    while (this.#inFlight.size < window && this.#next < this.#source.sizeBytes) {
      const lengthBytes = this.#chunks.lengthAt(this.#next, this.#pace.messageBytesMax);
      if (lengthBytes === 0) {
        const detail = `the device takes ${this.#pace.messageBytesMax} bytes a message, too few`;
        return fail('upload-buffer-too-small', detail);
      }
      this.#startChunk(this.#next, { lengthBytes, alone: window === 1 });
    }
    return undefined;
  }

  #startChunk(
    offset: number,
    { lengthBytes, alone }: { readonly lengthBytes: number; readonly alone: boolean },
  ): void {
    const pending = this.#transport.start({
      ...this.#chunks.request(offset, lengthBytes),
      // One of several is not sent again by itself: what was lost decides how to go on.
      retries: alone ? RETRIES_ALONE : 0,
    });
    const chunk: Chunk = { offset, end: offset + lengthBytes, alone, pending };
    this.#inFlight.set(
      chunk,
      pending.response.then((answer) => ({ chunk, answer })),
    );
    this.#next = chunk.end;
  }

  /** Takes one answer. What comes back is why the upload cannot go on, if it cannot. */
  async #take(chunk: Chunk, answer: SmpResult<SmpBody>): Promise<SmpResult<never> | undefined> {
    if (!answer.ok) {
      // Given up because the device is elsewhere, or because we were stopped.
      if (answer.code === 'smp-cancelled') return undefined;
      return answer.code === 'smp-timeout' ? this.#takeSilence(chunk, answer) : answer;
    }
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

  /** No answer: try alone, then ask whether the device lives, then try smaller messages. */
  async #takeSilence(chunk: Chunk, silence: SmpFailure): Promise<SmpResult<never> | undefined> {
    this.#recovering = true;
    this.#jumpTo(this.#stored);
    if (!chunk.alone) {
      this.#pace.noteLoss();
      return this.#noteStall(this.#stored);
    }
    const pulse = this.#transport.start({
      ...PULSE,
      // The first packet may make the device erase a whole slot before it answers anything.
      ...(this.#stored === 0 ? { waitMs: SLOW_FLASH_WAIT_MS } : {}),
    });
    const onAbort = pulse.cancel;
    this.#options.signal?.addEventListener('abort', onAbort);
    const alive = await pulse.response;
    this.#options.signal?.removeEventListener('abort', onAbort);
    if (!alive.ok && alive.code === 'smp-cancelled') return undefined;
    if (!alive.ok && alive.code !== 'smp-device-refused') return alive;
    return this.#pace.noteUnanswered() ? this.#noteStall(this.#stored) : silence;
  }

  /** Goes on from where the device says it is: on course, ahead of us, or behind. */
  #follow(chunk: Chunk, offset: number): SmpResult<never> | undefined {
    if (this.#resumedFrom === undefined) {
      this.#resumedFrom = offset === chunk.end ? 0 : offset;
    }
    if (offset >= chunk.end) {
      this.#recovering = false;
      this.#pace.noteTaken();
      this.#stored = Math.max(this.#stored, offset);
      if (offset > this.#next) this.#jumpTo(offset);
      this.#noteProgress();
      return undefined;
    }
    this.#stored = offset;
    this.#recovering = true;
    this.#jumpTo(offset);
    if (!chunk.alone) this.#pace.noteLoss();
    if (offset === 0) {
      this.#restarts += 1;
      // What was reached before the restart is reached again: that is progress, within bounds.
      this.#furthest = 0;
    }
    return this.#noteStall(offset);
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

  #noteStall(offset: number): SmpResult<never> | undefined {
    this.#stalls += 1;
    if (this.#stalls > UPLOAD_STALLS_MAX || this.#restarts > UPLOAD_RESTARTS_MAX) {
      const detail =
        `the device does not get past ${offset} of ${this.#source.sizeBytes} bytes; ` +
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
}

/** How often a request that is alone is sent again before the device is asked for its pulse. */
const RETRIES_ALONE = 1;
/** Any answer says that the device lives. */
const PULSE = {
  op: 'write',
  group: SMP_GROUP.os,
  command: OS_COMMAND.echo,
  body: { d: '' },
} as const;
