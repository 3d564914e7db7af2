import type { MqttPublication } from '../../transport/mqtt-link.js';

/** How many messages may wait for the broker's acknowledgement. */
export const OUTGOING_MESSAGES_MAX = 64;
/** How many bytes of payload they may have together. */
export const OUTGOING_BYTES_MAX = 1_048_576;

/** Within what bounds messages wait. */
export interface OutgoingLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

/** The limits of a device. */
export const OUTGOING_LIMITS_DEFAULT: OutgoingLimits = {
  messagesMax: OUTGOING_MESSAGES_MAX,
  bytesMax: OUTGOING_BYTES_MAX,
};

/** A message on its way: known by itself, not by what is in it. */
export interface OutgoingMessage extends MqttPublication {
  readonly queuedMs: number;
}

/** The messages that the broker has not acknowledged yet, in the order they were given. */
export class OutgoingMessages {
  readonly #limits: OutgoingLimits;
  readonly #waiting: Set<OutgoingMessage> = new Set<OutgoingMessage>();
  #bytes = 0;

  constructor(limits: OutgoingLimits = OUTGOING_LIMITS_DEFAULT) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): OutgoingMessage | undefined {
    return this.#waiting.values().next().value;
  }

  all(): readonly OutgoingMessage[] {
    return [...this.#waiting];
  }

  /** Answers whether there was room. */
  add(message: OutgoingMessage): boolean {
    if (!this.#hasRoomFor(message)) return false;
    this.#waiting.add(message);
    this.#bytes += message.payload.byteLength;
    return true;
  }

  /** Forgets the oldest, until there is room or nothing is left. */
  makeRoomFor(message: OutgoingMessage): void {
    for (const old of this.#waiting) {
      if (this.#hasRoomFor(message)) return;
      this.remove(old);
    }
  }

  /** The message needs no more care; a second time is no mistake. */
  remove(message: OutgoingMessage): void {
    if (this.#waiting.delete(message)) this.#bytes -= message.payload.byteLength;
  }

  #hasRoomFor({ payload }: OutgoingMessage): boolean {
    const { messagesMax, bytesMax } = this.#limits;
    return this.#waiting.size < messagesMax && this.#bytes + payload.byteLength <= bytesMax;
  }
}
