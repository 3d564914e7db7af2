import { equalBytes } from '@brickproof/bootloader-sim';
import type { CryptoProvider } from '@brickproof/bootloader-sim';
import { decodeSmpHeader } from '../smp/header.js';
import type { SmpHeader } from '../smp/header.js';
import { answerSmpFault } from '../smp/server.js';
import { STORE_KEY } from '../store/store-keys.js';
import type { Store } from '../store/store.js';
import { encodeMqttStatus } from './mqtt-status.js';
import type { MqttTopics } from './mqtt-topics.js';
import { ReplyMemory } from './reply-memory.js';
import {
  RequestDigests,
  SESSION_DIGEST_BYTES,
  answerDoneReset,
  resetRequest,
  toHex,
} from './request-digest.js';
import type { RequestHandler } from './serial-link.js';

/** A connection to a broker, as far as the link needs one. */
export interface MqttPort {
  publish(topic: string, payload: Uint8Array, options: MqttPublishOptions): void;
  subscribe(topic: string): void;
}

/** How a message is published. */
export interface MqttPublishOptions {
  readonly retain: boolean;
  readonly qos: 0 | 1;
}

/** A message with everything a broker needs to publish it; the last will is one. */
export interface MqttPublication extends MqttPublishOptions {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** What a link is made of. */
export interface MqttLinkOptions {
  readonly topics: MqttTopics;
  readonly port: MqttPort;
  readonly handle: RequestHandler;
  /** Longer requests are answered with an error and go no further. */
  readonly maxMessageBytes: number;
  readonly store: Store;
  readonly crypto: CryptoProvider;
  /** Of the running firmware, for the status. */
  readonly version: string;
}

/**
 * A device's side of SMP over MQTT: each payload is one bare SMP message. A broker may deliver a
 * request twice. A write that comes twice in one session has one effect; its answer is sent again.
 * A reset that comes again after the reset it caused is answered and not done again.
 */
export class MqttLink {
  /** To be left with the broker when connecting: says that the device is gone. */
  readonly lastWill: MqttPublication;
  readonly #options: MqttLinkOptions;
  readonly #memory = new ReplyMemory();
  readonly #digests: RequestDigests;
  /** The last reset asked for: the session's digest, then the digest of session and request. */
  #lastReset: Uint8Array | undefined;
  #wasResetAskedNow = false;

  constructor(options: MqttLinkOptions) {
    this.#options = options;
    this.#digests = new RequestDigests(options.crypto);
    this.#lastReset = options.store.get(STORE_KEY.lastReset);
    this.lastWill = this.#status('offline');
  }

  /** To be called after each connect: subscribes, and says that the device is there. */
  onConnect(): void {
    this.#options.port.subscribe(this.#options.topics.requests);
    this.#publish(this.#status('online'));
  }

  /** To be called before a disconnect that is meant: the broker then sends no last will. */
  announceOffline(): void {
    this.#publish(this.lastWill);
  }

  /**
   * Takes a message. Retained ones are dropped: a broker delivers them again on each connect, and
   * no request is meant to be done again and again.
   */
  onMessage(topic: string, payload: Uint8Array, options?: { readonly retained: boolean }): void {
    const session = this.#options.topics.sessionOf(topic);
    if (session === undefined || options?.retained === true) return;
    const answer = this.#answer(session, payload);
    if (answer === undefined) return;
    const responseTopic = this.#options.topics.response(session);
    this.#publish({ topic: responseTopic, payload: answer, retain: false, qos: 1 });
  }

  #answer(session: string, payload: Uint8Array): Uint8Array | undefined {
    if (payload.byteLength > this.#options.maxMessageBytes) {
      return answerSmpFault(payload, 'messageTooLong');
    }
    this.#memory.countRequest(session);
    const header = decodeSmpHeader(payload);
    if (!header.ok || header.value.op !== 'write') {
      this.#forgetResetOf(session);
      return this.#options.handle(payload);
    }
    const digest = this.#digests.request(session, payload);
    const remembered = this.#memory.find(session, toHex(digest));
    if (remembered !== undefined) return remembered.answer;
    const reset = resetRequest(payload);
    const answer =
      reset === undefined
        ? this.#write(session, payload)
        : this.#reset(session, digest, { header: reset, payload });
    this.#memory.remember(session, toHex(digest), answer);
    return answer;
  }

  #write(session: string, payload: Uint8Array): Uint8Array | undefined {
    this.#forgetResetOf(session);
    return this.#options.handle(payload);
  }

  /**
   * Notes the reset before it is asked for: afterwards there may be no time. Where it cannot be
   * noted, as on a failed disk, it is done all the same: it is how a device gets out of trouble,
   * and within this run a repeat of it is known anyway.
   */
  #reset(
    session: string,
    digest: Uint8Array,
    request: { readonly header: SmpHeader; readonly payload: Uint8Array },
  ): Uint8Array | undefined {
    const noted = this.#digests.sessionAndRequest(session, digest);
    if (this.#lastReset !== undefined && equalBytes(this.#lastReset, noted)) {
      return answerDoneReset(request.header);
    }
    this.#options.store.set(STORE_KEY.lastReset, noted);
    this.#lastReset = noted;
    this.#wasResetAskedNow = true;
    return this.#options.handle(request.payload);
  }

  /**
   * Another request of the session that once asked for a reset: its client has gone on, and the
   * same bytes would be a new request. Before the reset has happened this is not yet known.
   */
  #forgetResetOf(session: string): void {
    if (this.#lastReset === undefined || this.#wasResetAskedNow) return;
    const asked = this.#lastReset.subarray(0, SESSION_DIGEST_BYTES);
    if (!equalBytes(asked, this.#digests.session(session))) return;
    if (this.#options.store.delete(STORE_KEY.lastReset).ok) this.#lastReset = undefined;
  }

  #status(state: 'online' | 'offline'): MqttPublication {
    const { topics, version } = this.#options;
    const payload = encodeMqttStatus({ state, version });
    return { topic: topics.status, payload, retain: true, qos: 1 };
  }

  #publish({ topic, payload, retain, qos }: MqttPublication): void {
    this.#options.port.publish(topic, payload, { retain, qos });
  }
}
