import type { SmpParams } from './os-answers.js';

/** Upload requests that may be under way at once, whatever the device offers. */
export const UPLOAD_WINDOW_MAX = 4;
/** The message size for a device that does not tell its own (Zephyr's default buffer). */
export const UPLOAD_MESSAGE_BYTES_DEFAULT = 384;

/** Messages are not made smaller than this, even when larger ones get lost. */
const MESSAGE_BYTES_FLOOR = 160;
/** So many chunks without a setback earn one more request under way. */
const CHUNKS_FOR_MORE = 64;
/** A message that stayed unanswered so often, by a device that lives, was too large for it. */
const UNANSWERED_FOR_LESS = 2;

/** What is known about the way to the device. */
export interface UploadWay {
  readonly messageBytesMax: number;
  readonly bufferOverheadBytes: number;
}

/**
 * How large the messages of an upload are, and how many are under way. It starts with what the
 * device said and becomes more careful when messages get lost: a device may have larger message
 * buffers than its serial driver can fill.
 */
export class UploadPace {
  #messageBytesMax: number;
  readonly #windowMax: number;
  #window: number;
  #goodChunks = 0;
  #unanswered = 0;

  /**
   * One buffer is left to the device for its answer: Zephyr takes request and answer from one
   * pool, and drops what finds it empty.
   */
  constructor(way: UploadWay, params: SmpParams | undefined) {
    const forMessage =
      params === undefined
        ? UPLOAD_MESSAGE_BYTES_DEFAULT
        : params.bufSizeBytes - way.bufferOverheadBytes;
    this.#messageBytesMax = Math.min(forMessage, way.messageBytesMax);
    const spareBuffers = params === undefined ? 0 : params.bufCount - 1;
    this.#windowMax = Math.max(1, Math.min(spareBuffers, UPLOAD_WINDOW_MAX));
    this.#window = this.#windowMax;
  }

  /** The longest message, header included. */
  get messageBytesMax(): number {
    return this.#messageBytesMax;
  }

  /** How many requests may be under way. */
  get window(): number {
    return this.#window;
  }

  /** A chunk was taken. */
  noteTaken(): void {
    this.#unanswered = 0;
    this.#goodChunks += 1;
    if (this.#goodChunks < CHUNKS_FOR_MORE) return;
    this.#goodChunks = 0;
    this.#window = Math.min(this.#window + 1, this.#windowMax);
  }

  /** Something on the way was lost while several requests were under way. */
  noteLoss(): void {
    this.#goodChunks = 0;
    this.#window = Math.max(1, this.#window - 1);
  }

  /**
   * A single message stayed without an answer, though the device lives. Answers whether trying
   * again makes sense.
   */
  noteUnanswered(): boolean {
    this.#unanswered += 1;
    if (this.#unanswered < UNANSWERED_FOR_LESS) return true;
    if (this.#messageBytesMax <= MESSAGE_BYTES_FLOOR) return false;
    this.#messageBytesMax = Math.max(MESSAGE_BYTES_FLOOR, Math.floor(this.#messageBytesMax / 2));
    return true;
  }
}
