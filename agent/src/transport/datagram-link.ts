import { equalBytes } from '@brickproof/bootloader-sim';
import type { CryptoProvider } from '@brickproof/bootloader-sim';
import { decodeSmpHeader } from '../smp/header.js';
import type { AgentClock } from '../smp/os-group.js';
import { answerSmpFault } from '../smp/server.js';
import { STORE_KEY } from '../store/store-keys.js';
import type { Store } from '../store/store.js';
import { ReplyMemory } from './reply-memory.js';
import {
  RequestDigests,
  SESSION_DIGEST_BYTES,
  answerDoneReset,
  resetRequest,
  toHex,
} from './request-digest.js';
import type { RequestHandler } from './serial-link.js';

/** The port SMP servers listen on for UDP (Zephyr's default). */
export const SMP_UDP_PORT = 1337;

/**
 * For so long the same bytes from the same sender are the same request: a client that gets no
 * answer sends again within it. Later they are a new one: a sender's port is given out again.
 */
export const DATAGRAM_REPEAT_WINDOW_MS = 30_000;

/** For so long after its start a device takes the reset that caused the start for a repeat. */
export const DATAGRAM_RESET_WINDOW_MS = 60_000;

/** What a link is made of. */
export interface DatagramLinkOptions {
  readonly handle: RequestHandler;
  /** Longer requests are answered with an error and go no further. */
  readonly maxMessageBytes: number;
  readonly store: Store;
  readonly crypto: CryptoProvider;
  readonly clock: AgentClock;
}

/**
 * A device's side of SMP in datagrams, one bare message each. Networks double datagrams, and
 * clients repeat them: a write that comes again has one effect, and its answer is sent again. That
 * holds for a reset across the reset, too.
 */
export class DatagramLink {
  readonly #options: DatagramLinkOptions;
  readonly #digests: RequestDigests;
  readonly #memory = new ReplyMemory();
  readonly #startedMs: number;
  /** The reset that was asked for before this start, while it may still be repeated. */
  #resetBefore: Uint8Array | undefined;

  constructor(options: DatagramLinkOptions) {
    this.#options = options;
    this.#digests = new RequestDigests(options.crypto);
    this.#startedMs = options.clock.nowMs();
    this.#resetBefore = options.store.get(STORE_KEY.lastDatagramReset);
  }

  /**
   * The answer to a datagram; undefined when it gets none. `sender` is any text that tells senders
   * apart, without control characters.
   */
  answer(sender: string, datagram: Uint8Array): Uint8Array | undefined {
    if (datagram.byteLength > this.#options.maxMessageBytes) {
      return answerSmpFault(datagram, 'messageTooLong');
    }
    this.#memory.countRequest(sender);
    const header = decodeSmpHeader(datagram);
    if (!header.ok || header.value.op !== 'write') {
      this.#forgetResetOf(sender);
      return this.#options.handle(datagram);
    }
    const digest = this.#digests.request(sender, datagram);
    const remembered = this.#memory.find(sender, toHex(digest));
    const age = this.#options.clock.nowMs() - (remembered?.atMs ?? 0);
    if (remembered !== undefined && age <= DATAGRAM_REPEAT_WINDOW_MS) return remembered.answer;
    const answer = this.#write(sender, datagram, digest);
    this.#memory.remember(sender, toHex(digest), answer, this.#options.clock.nowMs());
    return answer;
  }

  #write(sender: string, datagram: Uint8Array, digest: Uint8Array): Uint8Array | undefined {
    const reset = resetRequest(datagram);
    if (reset === undefined) {
      this.#forgetResetOf(sender);
      return this.#options.handle(datagram);
    }
    const noted = this.#digests.sessionAndRequest(sender, digest);
    if (this.#wasDoneBefore(noted)) return answerDoneReset(reset);
    // Noted first, as there may be no time afterwards. Where it cannot be, the reset is done all
    // the same: it is how a device gets out of trouble, and a repeat of it is unlikely.
    this.#options.store.set(STORE_KEY.lastDatagramReset, noted);
    this.#resetBefore = undefined;
    return this.#options.handle(datagram);
  }

  #wasDoneBefore(noted: Uint8Array): boolean {
    const upMs = this.#options.clock.nowMs() - this.#startedMs;
    if (this.#resetBefore === undefined || upMs > DATAGRAM_RESET_WINDOW_MS) return false;
    return equalBytes(this.#resetBefore, noted);
  }

  /** The sender has gone on, so it knows of its reset: the same bytes would be a new request. */
  #forgetResetOf(sender: string): void {
    if (this.#resetBefore === undefined) return;
    const asked = this.#resetBefore.subarray(0, SESSION_DIGEST_BYTES);
    if (!equalBytes(asked, this.#digests.session(sender))) return;
    this.#options.store.delete(STORE_KEY.lastDatagramReset);
    this.#resetBefore = undefined;
  }
}
